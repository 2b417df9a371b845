"""Headers of streams: made from a caller's arguments, and checked against a model."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable
from typing import SupportsIndex

from swc.bitstream import LIMITS, Header, header_size
from swc.bundle.find import list_bundles
from swc.config import ModelConfig
from swc.errors import FormatError, InputError, ModelError


def plain_header(
    config: ModelConfig, fingerprint: bytes, sample_rate: int, channels: int, gain: int, total_samples: int | None
) -> Header:
    """The header of a stream of such audio, without extensions; raises as `Codec.header`."""
    q = config.quantizer
    header = Header(
        model_rate=config.sample_rate,
        source_rate=sample_rate,
        channels=channels,
        hop=config.hop,
        gain_q8=gain,
        window=q.window,
        windows_per_chunk=q.windows_per_chunk,
        layout=q.layout,
        fingerprint=fingerprint,
        total_samples=total_samples,
        minor=q.layout.minor,
    )
    try:
        header.check()
    except FormatError as error:
        raise ModelError(f"{config.name} with {channels} channels is beyond a limit of the format: {error}") from None
    return header


def with_metadata(header: Header, tags: Iterable[tuple[str, str]], channel_mask: SupportsIndex | None) -> Header:
    """The header with these tags, and this channel mask where there is one.

    Raises:
        InputError: a header cannot hold them.
    """
    try:
        mask = None if channel_mask is None else operator.index(channel_mask)
        header = header.with_channel_mask(mask).with_tags(tags)
    except FormatError as error:
        raise InputError(f"the header cannot hold this: {error}") from None
    except (TypeError, ValueError, AttributeError):
        raise InputError(
            "`tags` must be pairs of text, such as [('TITLE', 'Prelude')], and `channel_mask` a whole number"
        ) from None
    size, most = header_size(header), LIMITS["header_length"][1]
    if size > most:
        raise InputError(f"these tags make a header of {size} bytes, {most} are allowed; shorten them")
    return header


def live_header(header: Header, config: ModelConfig) -> Header:
    """This header of a stream of this model for live audio: chunks are single windows, and the length is unknown.

    Raises:
        InputError: the model cannot code live audio, or not so many channels.
    """
    check_live(config)
    live = dataclasses.replace(header, window=config.live_window, windows_per_chunk=1, total_samples=None)
    try:
        live.check()
    except FormatError as error:
        raise InputError(f"{config.name} cannot code {header.channels} channels of live audio ({error})") from None
    return live


def check_live(config: ModelConfig) -> None:
    """Refuse a model that cannot code live audio.

    Raises:
        InputError: it cannot.
    """
    if config.live_latency is None:
        able = [bundle.name for bundle in list_bundles() if bundle.config.live_latency is not None]
        advice = f"choose `model` {' or '.join(able)}" if able else "no installed model can"
        raise InputError(f"{config.name} cannot code live audio, since its networks hear what comes later; {advice}")


def check_model(header: Header, mine: Header, name: str) -> None:
    """Refuse a stream that was made with another model.

    Args:
        header: of the stream.
        mine: a header of a stream of this model.
        name: of this model.

    Raises:
        ModelError: they differ.
    """
    if header.fingerprint != mine.fingerprint:
        raise ModelError(
            f"the stream was made with a model of fingerprint {header.fingerprint.hex()}, "
            f"this is {name} ({mine.fingerprint.hex()}); choose the other with `model`"
        )
    ours, theirs = ((h.model_rate, h.hop, h.layout) for h in (mine, header))
    if ours != theirs:
        raise ModelError(f"the stream's header {theirs} does not fit {name} {ours}, though its fingerprint does")
