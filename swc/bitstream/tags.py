"""Extension 1 of the header: tags, such as TITLE=..., as in Vorbis comments."""

from __future__ import annotations

import re
from collections.abc import Iterable

from swc.bitstream.limits import check_limit
from swc.errors import FormatError, SyntaxFormatError

TAGS_TYPE = 1

_ESCAPES = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\0": r"\0"}
_ESCAPED = re.compile(r"\\.?", re.DOTALL)

Tags = tuple[tuple[str, str], ...]
"""Keys and values, in order; a key may come more than once."""


def encode_tags(tags: Iterable[tuple[str, str]]) -> bytes:
    """The data of extension 1.

    Raises:
        LimitError: no tags, too many, or one too long.
        SyntaxFormatError: a key with characters other than upper-case ASCII without `=`; text that isn't Unicode.
    """
    data, listed = bytearray(), list(tags)
    for key, value in listed:
        try:
            name, content = key.encode("utf-8"), value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SyntaxFormatError(f"tag {key!r} holds text that is not valid Unicode: {error.reason}") from None
        _check(name, len(content), None)
        data += bytes([len(name)]) + name + len(content).to_bytes(2, "little") + content
    check_limit("tags", len(listed))
    return bytes(data)


def decode_tags(data: bytes, offset: int | None = None) -> Tags:
    """The tags in the data of extension 1.

    Args:
        data: of the extension.
        offset: position of the data in the stream, for messages.

    Raises:
        LimitError, SyntaxFormatError: as `encode_tags`, and for entries that don't fill the data.
    """
    tags: list[tuple[str, str]] = []
    position = 0
    while position < len(data):
        at = None if offset is None else offset + position
        key_end = position + 1 + data[position]
        size = int.from_bytes(data[key_end : key_end + 2], "little")
        end = key_end + 2 + size
        if end > len(data):
            raise SyntaxFormatError("a tag extends beyond its extension", at)
        key = data[position + 1 : key_end]
        _check(key, size, at)
        try:
            tags.append((key.decode("ascii"), data[key_end + 2 : end].decode("utf-8")))
        except UnicodeDecodeError:
            raise SyntaxFormatError(f"the value of tag {key.decode('ascii')} is not UTF-8", at) from None
        check_limit("tags", len(tags), at)
        position = end
    check_limit("tags", len(tags), offset)
    return tuple(tags)


def tags_to_text(tags: Iterable[tuple[str, str]]) -> str:
    r"""Lines KEY=value, each value on one line: \\, \n, \r and \0 stand for the characters that they have in C."""
    return "".join(f"{key}={''.join(_ESCAPES.get(char, char) for char in value)}\n" for key, value in tags)


def tags_from_text(text: str) -> Tags:
    """The tags in lines as `tags_to_text` writes them; keys in any case, empty lines skipped.

    Raises:
        SyntaxFormatError, LimitError: a line that is not a tag, which is named.
    """
    tags: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line:
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise SyntaxFormatError(f"line {number} is not KEY=value")
        try:
            tags.append((upper(key), _ESCAPED.sub(_unescaped, value)))
            encode_tags(tags[-1:])
        except FormatError as error:
            raise SyntaxFormatError(f"line {number}: {error}") from None
    return tuple(tags)


def upper(key: str) -> str:
    """A key in a stream's spelling; characters that are not ASCII stay, to be refused."""
    return key.upper() if key.isascii() else key


def _unescaped(found: re.Match[str]) -> str:
    for char, escape in _ESCAPES.items():
        if found[0] == escape:
            return char
    raise SyntaxFormatError(f"{found[0]} has no meaning; write a backslash as \\\\")


def _check(key: bytes, size: int, offset: int | None) -> None:
    check_limit("tag_key", len(key), offset)
    check_limit("tag_value", size, offset)
    if any(not 0x20 <= byte <= 0x7D or byte == 0x3D or 0x61 <= byte <= 0x7A for byte in key):
        raise SyntaxFormatError(f"tag key {key!r} may hold only upper-case ASCII without '='", offset)
