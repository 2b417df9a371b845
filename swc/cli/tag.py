"""swc tag: list the tags of .swc files, or change them; the audio stays the same."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.files import input_name
from swc.cli.guard import describe, say, tell
from swc.cli.options import Quiet, counted
from swc.errors import FormatError, InputError, SwcError
from swc.files import PIPE, Output, editing, is_special, open_input, open_output

if TYPE_CHECKING:
    from swc.bitstream import Header, Tags

_MOST_TEXT = 2**20  # most bytes of imported tags, far more than a header holds


Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a tag, in place of all under KEY (KEY= sets none)."),
]
Add = Annotated[list[str] | None, typer.Option("--add", metavar="KEY=VALUE", help="Add a tag to those under KEY.")]
Remove = Annotated[list[str] | None, typer.Option("--remove", metavar="KEY", help="Remove all under KEY.")]
Import = Annotated[
    str | None,
    typer.Option(
        "--import",
        metavar="FILE",
        help="Read all tags from lines KEY=value, in place of the existing ones; - for stdin.",
    ),
]
Export = Annotated[
    str | None,
    typer.Option("--export", metavar="FILE", help="Write the tags in the form that --import reads; - for stdout."),
]


def tag(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="FILE...", help=".swc files.")],
    chosen: Set = None,
    add: Add = None,
    remove: Remove = None,
    source_of_tags: Import = None,
    target: Export = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="The tags as JSON, one line for each file.")] = False,
) -> None:
    """List or change the tags of .swc files.

    They are changed in place, without encoding again.

    --set, --add and --remove may be given several times; --import comes first, then --remove, --set and --add.
    Lines have \\n, \\r, \\0 and \\\\ in place of line feeds, carriage returns, NUL and backslashes.
    """
    from swc.bitstream.tags import tags_to_text

    if target is not None and len(sources) > 1:
        raise typer.BadParameter("--export takes the tags of one FILE", context)
    placed, added = parse_tags(context, "--set", chosen or []), parse_tags(context, "--add", add or [])
    keys = [key for key, _ in parse_tags(context, "--remove", [f"{key}=" for key in remove or []])]
    imported = None if source_of_tags is None else _imported(source_of_tags)
    edit = _Edit(imported, frozenset(keys), placed, added)
    worst = 0
    for source in sources:
        try:
            tags, changed = _edited(source, edit)
            if target is not None:
                _export(target, tags_to_text(tags))
            elif as_json:
                tell(json.dumps({"file": source, "tags": tags, "changed": changed}))
            elif edit.is_nothing:
                for line in (tags_to_text([pair]).removesuffix("\n") for pair in tags):
                    tell(line if len(sources) == 1 else f"{source}: {line}")
            if not edit.is_nothing and not quiet:
                say(f"{source}: {counted(len(tags), 'tag')}{'' if changed else ', as before'}")
        except BrokenPipeError:  # the reader has gone
            raise
        except (SwcError, OSError) as error:
            say(f"swc: error: {describe(error)}")
            worst = max(worst, error.exit_code if isinstance(error, SwcError) else 1)
    if worst:
        raise typer.Exit(worst)


def parse_tags(context: typer.Context, option: str, texts: Iterable[str]) -> Tags:
    """Keys and values of an option that takes KEY=VALUE; values may be empty.

    Raises:
        typer.BadParameter: a value that is not a tag.
    """
    from swc.bitstream.tags import encode_tags, upper

    tags = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{option} {text!r}: write KEY=VALUE, such as TITLE=Prelude", context)
        try:
            encode_tags([(upper(key), value)])
        except FormatError as error:
            raise typer.BadParameter(f"{option} {text[:80]!r}: {error}", context) from None
        tags.append((upper(key), value))
    return tuple(tags)


@dataclass(frozen=True)
class _Edit:
    """A change of the tags of a stream.

    Attributes:
        imported: in place of the stream's own; None keeps those.
        removed: keys.
        placed: in place of all under their keys; an empty value sets none.
        added: to the existing ones.
    """

    imported: Tags | None
    removed: frozenset[str]
    placed: Tags
    added: Tags

    @property
    def is_nothing(self) -> bool:
        """Whether no tag would change."""
        return self.imported is None and not (self.removed or self.placed or self.added)

    def of(self, tags: Tags) -> Tags:
        """The tags after the edit."""
        tags = tags if self.imported is None else self.imported
        gone = self.removed | {key for key, _ in self.placed}
        kept = tuple(pair for pair in tags if pair[0] not in gone)
        return kept + tuple((key, value) for key, value in self.placed if value) + self.added


def _edited(source: str, edit: _Edit) -> tuple[Tags, bool]:
    """The tags of a stream after an edit, and whether that changed the file."""
    from swc.bitstream import StreamReader, StreamWriter, retag

    if source == PIPE and not edit.is_nothing:
        raise InputError("tags are changed in place; name a file")
    with open_input(source) as fp:
        try:
            reader = StreamReader(fp)
            tags = edit.of(reader.header.tags)
            if edit.is_nothing or tags == reader.header.tags:
                return tags, False
            _check_room(source, reader.header, tags)
            with editing(source) as file:
                retag(reader, partial(StreamWriter, Output(file, source)), tags)
        except FormatError as error:
            unchanged = "" if edit.is_nothing else "; its tags were not changed, see swc verify"
            error.args = (f"{source}: {error}{unchanged}",)
            raise
    return tags, True


def _check_room(source: str, header: Header, tags: Tags) -> None:
    from swc.bitstream import LIMITS, header_size

    most_tags, most_bytes = LIMITS["tags"][1], LIMITS["header_length"][1]
    if len(tags) > most_tags:
        raise InputError(f"{source}: {len(tags)} tags are more than the {most_tags} that a stream can hold; add fewer")
    size = header_size(header.with_tags(tags))
    if size > most_bytes:
        raise InputError(
            f"{source}: with these tags its header would have {size} bytes, and {most_bytes} is the most; "
            "shorten or remove some"
        )


def _imported(name: str) -> Tags:
    from swc.bitstream.tags import tags_from_text

    shown = input_name(name)
    with open_input(name) as file:
        data = file.read(_MOST_TEXT + 1)
    try:
        if len(data) > _MOST_TEXT:
            raise InputError(f"{shown} is too long to be a list of tags; name a text file of lines KEY=value")
        return tags_from_text(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{shown} is not text in UTF-8; convert it first") from None
    except FormatError as error:
        raise InputError(f"{shown}: {error}") from None


def _export(target: str, text: str) -> None:
    if target == PIPE:
        sys.stdout.flush()
    elif os.path.lexists(target) and not is_special(target):
        raise InputError(f"{target} exists already; name another file for --export")
    with open_output(target) as output:
        output.write(text.encode())
