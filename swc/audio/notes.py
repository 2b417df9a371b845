"""What was odd about an input: said where nothing is lost, refused where something is."""

from __future__ import annotations

from swc.errors import InputError


class Notes:
    """Collects what is to be said about one input.

    Args:
        name: how messages call the input.
        salvage: whether what is lost is said, too, instead of refused.

    Attributes:
        messages: for people, each a sentence that starts with the input's name.
    """

    def __init__(self, name: str, salvage: bool = False) -> None:
        self.name, self.salvage = name, salvage
        self.messages: list[str] = []

    def say(self, fact: str) -> None:
        """Remember something odd that loses nothing; `fact` continues a sentence that starts with the name."""
        message = f"{self.name} {fact}"
        if message not in self.messages:
            self.messages.append(message)

    def lost(self, fact: str, remedy: str = "fetch it again") -> None:
        """Something of the input is missing.

        Raises:
            InputError: unless it is to be salvaged.
        """
        if not self.salvage:
            raise InputError(f"{self.name} {fact}; {remedy}, or take what is there with `salvage_input`")
        self.say(fact)

    def ends_early(self, samples: int, stated: int) -> None:
        """`lost`, of an input that holds fewer samples than its header states."""
        self.lost(f"ends after {samples} of the {stated} samples its header states: it was cut off or is damaged")


def too_many_channels(name: str, channels: int) -> str:
    """What is said of an input that has no channels, or more than swc takes."""
    return f"{name} has {channels} channels, swc takes 1 to 8; mix them down first: ffmpeg -i IN -ac 2 out.wav"
