"""A caller's options as they apply to a model: the rate, the level gain, and the control of bits."""

from __future__ import annotations

from dataclasses import replace

from swc.audio import Audio
from swc.bitstream import Header
from swc.codec.budget import Budget, kbps_for
from swc.codec.control import ConstantRate, OnlyRate, RateControl
from swc.codec.gain import gain_q8, loud_level_db
from swc.codec.levels import ConstantLevel, LevelForRate
from swc.codec.options import DEFAULT_KBPS, LIVE_STEPS, EncodeOptions
from swc.codec.quality import QualityScale
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.roles import LevelQuantizer


class Settings:
    """The options of recordings as a model takes them.

    Args:
        model: on its device.
    """

    def __init__(self, model: CodecModel) -> None:
        self.model = model
        self._qualities = QualityScale(model)

    def settled(self, options: EncodeOptions, header: Header) -> EncodeOptions:
        """The options with a rate: where none is asked for, this model's only one, at any quality; or DEFAULT_KBPS, or
        for live audio in a stream with this header that of LIVE_STEPS."""
        if any(choice is not None for choice in (options.kbps, options.quality, options.level)):
            return options
        if self._has_one_rate:
            return replace(options, quality=0.0)
        return replace(options, kbps=kbps_for(header, LIVE_STEPS) if options.live else DEFAULT_KBPS)

    def lookahead(self, options: EncodeOptions, channels: int) -> float:
        """Seconds that must be heard before the header is written; 0 if nothing in it depends on them."""
        if options.gain_db is not None and (options.stereo != "auto" or channels == 1):
            return 0.0
        return self.model.config.gain.lookahead if options.lookahead is None else options.lookahead

    def gain(self, options: EncodeOptions, heard: Audio, sample_rate: int) -> int:
        """Level gain in 1/256 dB, from the beginning of the audio."""
        if options.gain_db is not None:
            return round(options.gain_db * 256)
        return gain_q8(loud_level_db(heard, sample_rate), self.model.config.gain)

    def control(self, options: EncodeOptions, header: Header) -> RateControl:
        """What decides how many bits windows take.

        Raises:
            InputError: a level, and the model has none.
            BitrateError: a rate that cannot be met.
        """
        quantizer = self.model.quantizer
        if options.quality is not None:
            return OnlyRate() if self._has_one_rate else self._qualities.control(header, options.quality)
        if isinstance(quantizer, LevelQuantizer):
            if options.level is not None:
                return ConstantLevel(quantizer, header, options.level)
            return LevelForRate(quantizer, header, Budget(header, options.target_kbps))
        if options.level is not None:
            raise InputError(
                f"{self.model.config.name} has no `level`, which takes a model of family vrvq (swc models lists "
                "families); choose one with `model`, or give `kbps` or `quality`"
            )
        return ConstantRate(header, Budget(header, options.target_kbps))

    @property
    def _has_one_rate(self) -> bool:
        q = self.model.config.quantizer
        return len(q.layout.sizes(q.window)) == 1
