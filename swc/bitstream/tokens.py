"""Streams as arrays of codes, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swc.bitstream.coupling import EQUAL, Coupling, Couplings, pack_couplings, slots_in
from swc.bitstream.layouts import Codes
from swc.bitstream.structure import Chunk, Header
from swc.errors import FormatError, InputError


def codes_of(header: Header, chunks: Iterable[Chunk]) -> NDArray[np.int64]:
    """Codes of all chunks (channels, stages, latents), see `Stream.codes`."""
    layout, stages = header.layout, len(header.layout.codebook_sizes)
    windows = [channels for chunk in chunks for channels in chunk.windows]
    nothing = np.zeros((stages, 0), np.int64)
    return np.stack(
        [np.concatenate([nothing, *(layout.codes(w[c]) for w in windows)], 1) for c in range(header.coded_channels)]
    )


def mask_of(header: Header, chunks: Iterable[Chunk]) -> NDArray[np.bool_]:
    """Which experts each window chose (channels, experts, windows), see `Stream.mask`."""
    windows = [channels for chunk in chunks for channels in chunk.windows]
    mask = np.zeros((header.coded_channels, header.layout.n_experts, len(windows)), np.bool_)
    for number, channels in enumerate(windows):
        for channel, window in enumerate(channels):
            mask[channel, list(header.layout.chosen(window)), number] = True
    return mask


def windows_in(codes: Any, header: Header) -> Iterator[list[Codes]]:
    """Codes (channels, stages, latents) a window at a time.

    Raises:
        InputError: the codes are not such an array.
    """
    if hasattr(codes, "detach"):  # a tensor
        codes = codes.detach().cpu()
    try:
        array = np.asarray(codes)
    except (TypeError, ValueError):
        raise InputError("codes must be an array; this has rows of different lengths, or is of another kind") from None
    shape = (header.coded_channels, len(header.layout.codebook_sizes))
    if array.ndim != 3 or array.shape[:2] != shape:
        raise InputError(f"codes must be (channels, stages, latents), here {(*shape, 'latents')}, not {array.shape}")
    if array.dtype.kind not in "iu":
        raise InputError(f"codes must be whole numbers, not {array.dtype}; -1 stands for a stage that is not used")
    for start in range(0, array.shape[2], header.window):
        yield list(array[:, :, start : start + header.window])


def chunks_of(
    header: Header, windows: Iterable[Sequence[Codes]], couplings: Sequence[Couplings] | None = None
) -> tuple[Chunk, ...]:
    """The chunks made of windows of codes.

    Args:
        windows: (stages, latents) for each coded channel of each window; all but the last with `header.window` latents.
        couplings: of each chunk; None makes the channels of each pair equal.

    Raises:
        InputError: codes that the layout cannot hold, or couplings that do not match the chunks.
    """
    chunks: list[Chunk] = []
    packed: list[tuple[Any, ...]] = []
    start = latents = 0
    for channels in windows:
        packed.append(tuple(_window(header, codes, start + latents, c) for c, codes in enumerate(channels)))
        latents += channels[0].shape[1]
        if len(packed) == header.windows_per_chunk:
            chunks.append(Chunk(latents, tuple(packed)))
            start, latents, packed = start + latents, 0, []
    if packed:
        chunks.append(Chunk(latents, tuple(packed)))
    return _coupled(header, chunks, couplings)


def _coupled(header: Header, chunks: Sequence[Chunk], couplings: Sequence[Couplings] | None) -> tuple[Chunk, ...]:
    """The chunks with these couplings."""
    pairs = len(header.pairs)
    if couplings is None:
        couplings = [(Coupling(EQUAL),) * pairs] * len(chunks)
    if len(couplings) != len(chunks) or any(len(some) != pairs for some in couplings):
        raise InputError(
            f"`couplings` must be {pairs} for each of {len(chunks)} chunks, as `Stream.couplings` has them"
        )
    try:
        for chunk, some in zip(chunks, couplings, strict=True):
            pack_couplings(some, slots_in(chunk.latents))
    except FormatError as error:
        raise InputError(f"`couplings` do not fit the codes: {error}") from None
    return tuple(replace(chunk, couplings=tuple(some)) for chunk, some in zip(chunks, couplings, strict=True))


def samples_of(header: Header, latents: int, total_samples: int | None) -> int:
    """Samples of a stream of `latents` latents: as stated, or else by the header, or else the most possible.

    Raises:
        InputError: the samples do not match the number of latents.
    """
    stated = header.total_samples if total_samples is None else total_samples
    total = header.samples_for(latents) if stated is None else stated
    expected = header.latents_for(total)
    if total < 0 or expected != latents:
        raise InputError(
            f"{total} samples take {expected} latents, the codes have {latents}; state total_samples "
            f"({header.samples_for(latents)} is the most), or add the codes that are missing"
        )
    return total


def _window(header: Header, codes: Codes, start: int, channel: int) -> Any:
    """The layout's window of codes (stages, latents) that begin at latent `start`."""
    sizes = np.array(header.layout.codebook_sizes)[:, None]
    wrong = np.argwhere((codes < -1) | (codes >= sizes))
    if len(wrong):
        stage, latent = wrong[0].tolist()
        raise InputError(
            f"code {codes[stage, latent]} of channel {channel}, stage {stage}, latent {start + latent}: "
            f"allowed are 0 to {sizes[stage, 0] - 1}, and -1 where the stage is not used"
        )
    try:
        return header.layout.window(codes.astype(np.int64))
    except FormatError as error:
        end = start + codes.shape[1] - 1
        raise InputError(f"the codes of channel {channel}, latents {start} to {end}: {error}") from None
