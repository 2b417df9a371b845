"""Other kinds of file are named, and the message says what to do with them."""

from __future__ import annotations

import io

import pytest

from swc.bitstream import MAGIC, StreamReader
from swc.errors import NotSwcError, TruncatedError

NEURON = b"# neuron, sizes in \xb5m\n# id type x y z r parent\n1 1 0.0 0.0 0.0 5.5 -1\n2 3 1e1 .5 -2 0.5 1\n"


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "empty"),
        (NEURON, "neuron morphology"),
        (b"# only\n# comments\n" * 500, "neuron morphology"),
        (b"1 2 3 4 5 6 -1\n", "neuron morphology"),
        (b"PK\x03\x04\x14\0\0\0\x08\0catalog.xml", "Adobe Flex"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "WAV audio.*swc encode"),
        (b"fLaC\0\0\0\x22", "FLAC audio.*swc encode"),
        (b"OggS\0\x02\0\0", "Ogg audio.*swc encode"),
        (b"ID3\x04\0\0\0\0\0\0", "MP3 audio.*swc encode"),
        (b"\xff\xfb\x90\x64\0", "MP3 audio.*swc encode"),
        (b"FORM\0\0\0\x20AIFFCOMM", "AIFF audio.*swc encode"),
        (b"import { transform } from 'x';\n", "JavaScript"),
        (b'{"jsc": {"parser": {}}}', "JavaScript"),
        (b"#!/bin/sh\necho hello\n", "this is text"),
        (b"plain words\n", "this is text"),
        (b"\0\1\2\3", "not a .swc audio stream"),
        (b"\xf5SWC\n\x1a\n\x10\x30", "text mode"),
        (b"uSWC\r\n\x1a\n\x10\x30\0", "text mode"),
        (b"\xf5SWD\r\n\x1a\n\x10\x30\0", "not a .swc audio stream"),
    ],
)
def test_other_kinds(head: bytes, message: str) -> None:
    for data in (head, head + b"\n" * 20) if head else (head,):
        with pytest.raises(NotSwcError, match=message) as caught:
            StreamReader(io.BytesIO(data))
        assert caught.value.offset == 0


def test_part_of_the_magic_is_a_truncated_stream() -> None:
    for size in range(1, len(MAGIC) + 1):
        with pytest.raises(TruncatedError):
            StreamReader(io.BytesIO(MAGIC[:size]))
