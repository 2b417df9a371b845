"""The structure of a stream: a header, then chunks of windows of codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from swc.bitstream.coupling import (
    COUPLING_TYPE,
    DELAY_BITS,
    MODE_BITS,
    SLOT_BITS,
    Couplings,
    Pair,
    decode_pairs,
    encode_pairs,
    slots_in,
)
from swc.bitstream.layouts import Layout
from swc.bitstream.limits import check_limit
from swc.bitstream.tags import TAGS_TYPE, Tags, decode_tags, encode_tags
from swc.errors import SyntaxFormatError

CHANNEL_MASK_TYPE = 2
_FIELDS = ("minor", "channels", "model_rate", "source_rate", "hop", "gain_q8", "window", "windows_per_chunk")


@dataclass(frozen=True)
class Extension:
    """A part of the header outside of the fixed core.

    Attributes:
        type: number, 1 to 32767; 1 are tags, 2 is the channel mask, 3 (if critical) the pairs of coupled channels.
        data: its content; opaque to this version, except for these.
        critical: a reader that does not know the type must refuse the stream.
    """

    type: int
    data: bytes
    critical: bool


@dataclass(frozen=True)
class Header:
    """Everything needed to parse a stream.

    Nothing is checked here: the writer refuses headers that formats/SWC-1.md doesn't allow.

    Attributes:
        model_rate: sample rate in Hz that the network runs at.
        source_rate: sample rate in Hz of the audio that was encoded and will be returned.
        channels: 1 to 8.
        hop: model-rate samples a latent.
        gain_q8: level gain applied before coding, in 1/256 dB.
        window: latents a window.
        windows_per_chunk: windows in every chunk but the last.
        layout: of the payload: its family and that family's numbers.
        fingerprint: 8 bytes that identify what the codes of the model mean.
        total_samples: per channel at source_rate; None if the writer could not know.
        extensions: in ascending order of their types.
        minor: minor version of the format.
    """

    model_rate: int
    source_rate: int
    channels: int
    hop: int
    gain_q8: int
    window: int
    windows_per_chunk: int
    layout: Layout
    fingerprint: bytes
    total_samples: int | None = None
    extensions: tuple[Extension, ...] = ()
    minor: int = 0

    @property
    def gain_db(self) -> float:
        """Level gain in dB that the encoder applied and the decoder divides by."""
        return self.gain_q8 / 256

    @property
    def tags(self) -> Tags:
        """Tags of the recording, from `extensions`."""
        return next((decode_tags(e.data) for e in self.extensions if e.type == TAGS_TYPE), ())

    def with_tags(self, tags: Iterable[tuple[str, str]]) -> Header:
        """This header with these tags in place of its own; raises as `encode_tags` does."""
        others = [e for e in self.extensions if e.type != TAGS_TYPE]
        listed = tuple(tags)
        if listed:
            others.append(Extension(TAGS_TYPE, encode_tags(listed), critical=False))
        return dataclasses.replace(self, extensions=tuple(sorted(others, key=lambda e: e.type)))

    @property
    def channel_mask(self) -> int | None:
        """The loudspeakers of the channels, as WAVE's dwChannelMask; None: the usual ones for so many."""
        data = next((e.data for e in self.extensions if e.type == CHANNEL_MASK_TYPE), b"")
        mask = int.from_bytes(data, "little")
        return mask if len(data) == 4 and mask.bit_count() == self.channels else None

    def with_channel_mask(self, mask: int | None) -> Header:
        """This header with that channel mask, which takes minor version 1, or with none.

        Raises:
            SyntaxFormatError: a mask for another number of channels.
        """
        others = [e for e in self.extensions if e.type != CHANNEL_MASK_TYPE]
        if mask is None:
            return dataclasses.replace(self, extensions=tuple(others))
        if mask.bit_count() != self.channels or mask >> 32:
            raise SyntaxFormatError(f"the channel mask {mask:#x} is not one of {self.channels} channels")
        others.append(Extension(CHANNEL_MASK_TYPE, mask.to_bytes(4, "little"), critical=False))
        extensions = tuple(sorted(others, key=lambda e: e.type))
        return dataclasses.replace(self, extensions=extensions, minor=max(1, self.minor))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Channels that share a coded channel, by their indices; each pair in order of its first."""
        data = next((e.data for e in self.extensions if e.critical and e.type == COUPLING_TYPE), None)
        return () if data is None else decode_pairs(data, self.channels)

    def with_pairs(self, pairs: Iterable[Pair]) -> Header:
        """This header with these channels coupled, which takes minor version 2, or with none.

        Raises:
            SyntaxFormatError: they are not pairs of its channels in order.
        """
        others = [e for e in self.extensions if e.type != COUPLING_TYPE]
        listed = tuple(pairs)
        if not listed:
            return dataclasses.replace(self, extensions=tuple(others))
        others.append(Extension(COUPLING_TYPE, encode_pairs(listed), critical=True))
        extensions = tuple(sorted(others, key=lambda e: e.type))
        header = dataclasses.replace(self, extensions=extensions, minor=max(2, self.minor))
        decode_pairs(encode_pairs(listed), self.channels)
        return header

    @property
    def coded(self) -> tuple[int, ...]:
        """The channel whose place each coded channel takes: those outside of pairs, and the first of each pair."""
        seconds = {second for _, second in self.pairs}
        return tuple(channel for channel in range(self.channels) if channel not in seconds)

    @property
    def coded_channels(self) -> int:
        """The number of coded channels."""
        return self.channels - len(self.pairs)

    @property
    def chunk_latents(self) -> int:
        """Latents of every chunk but the last, per channel."""
        return self.window * self.windows_per_chunk

    def latents_for(self, total_samples: int) -> int:
        """Latents per channel of `total_samples` samples at the source rate."""
        return latents_for(total_samples, self.source_rate, self.model_rate, self.hop)

    def chunks_for(self, total_samples: int) -> int:
        """Chunks of a stream of `total_samples` samples at the source rate."""
        return -(-self.latents_for(total_samples) // self.chunk_latents)

    def samples_for(self, latents: int) -> int:
        """The most samples at the source rate that `latents` latents can represent, in exact integers."""
        return latents * self.hop * self.source_rate // self.model_rate

    def payload_bounds(self, latents: int) -> tuple[int, int]:
        """Minimum and maximum number of bytes of a payload of `latents` latents."""
        full, rest = divmod(latents, self.window)
        whole, last = self.layout.bounds(self.window), self.layout.bounds(rest) if rest else (0, 0)
        pairs, channels = len(self.pairs), self.coded_channels
        least, most = (channels * (full * one + end) for one, end in zip(whole, last, strict=True))
        least, most = least + pairs * MODE_BITS, most + pairs * (MODE_BITS + DELAY_BITS + SLOT_BITS * slots_in(latents))
        return -(-least // 8), -(-most // 8)

    def check(self, offsets: Mapping[str, int] | None = None) -> None:
        """Raise LimitError if a number, or one derived from it, is out of bounds; extensions aside.

        Args:
            offsets: byte positions of the fields, for the message.
        """
        at = (offsets or {}).get
        for name in _FIELDS:
            check_limit(name, getattr(self, name), at(name))
        self.layout.check(at("layout"))
        if self.total_samples is not None:
            check_limit("total_samples", self.total_samples, at("total_samples"))
        check_limit("chunk_latents", self.chunk_latents, at("window"))
        if self.pairs:
            check_limit("slots", slots_in(self.chunk_latents), at("window"))
        least, most = self.payload_bounds(self.chunk_latents)
        check_limit("payload_length", most, at("window"))
        check_limit("bare_windows", self.windows_per_chunk * self.coded_channels - least // 8, at("windows_per_chunk"))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of windows that can be decoded alone.

    Attributes:
        latents: latents per channel; the last window has fewer if they don't fill it.
        windows: indexed [window][coded channel]; the contents are the layout's own.
        couplings: of the pairs of channels.
    """

    latents: int
    windows: tuple[tuple[Any, ...], ...]
    couplings: Couplings = ()


def window_lengths(latents: int, window: int) -> list[int]:
    """Latents of each window, of `window` at most, of a chunk of `latents` latents."""
    full, rest = divmod(latents, window)
    return [window] * full + ([rest] if rest else [])


def latents_for(total_samples: int, source_rate: int, model_rate: int, hop: int) -> int:
    """Latents per channel of `total_samples` samples at `source_rate` Hz, in exact integers."""
    model_samples = -(-total_samples * model_rate // source_rate)
    return -(-model_samples // hop)
