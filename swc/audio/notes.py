"""Oddities of an input: reported if nothing is lost, refused otherwise."""

from __future__ import annotations

from swc.errors import InputError


class Notes:
    """Collects the messages about one input.

    Args:
        name: of the input in messages.
        salvage: report losses too, instead of refusing the input.

    Attributes:
        messages: for people, each a sentence that starts with the input's name.
    """

    def __init__(self, name: str, salvage: bool = False) -> None:
        self.name, self.salvage = name, salvage
        self.messages: list[str] = []

    def say(self, fact: str) -> None:
        """Note an oddity that loses nothing; `fact` continues a sentence that starts with the name."""
        message = f"{self.name} {fact}"
        if message not in self.messages:
            self.messages.append(message)

    def lost(self, fact: str, remedy: str = "fetch it again") -> None:
        """Note that a part of the input is missing.

        Raises:
            InputError: unless the input is to be salvaged.
        """
        if not self.salvage:
            raise InputError(f"{self.name} {fact}; {remedy}, or read the rest with `salvage_input`")
        self.say(fact)

    def ends_early(self, samples: int, stated: int) -> None:
        """`lost`, of an input that holds fewer samples than its header states."""
        self.lost(f"ends after {samples} of the {stated} samples that its header states: it was cut off or is damaged")


def too_many_channels(name: str, channels: int) -> str:
    """The message for an input without channels, or with more than swc takes."""
    return f"{name} has {channels} channels, swc takes 1 to 8; mix them down first: ffmpeg -i IN -ac 2 out.wav"
