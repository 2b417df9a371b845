"""From options to what decides how many bits windows take."""

from __future__ import annotations

from dataclasses import replace

from swc.bitstream import Header
from swc.codec.budget import Budget, kbps_for
from swc.codec.control import ConstantRate, OnlyRate, RateControl
from swc.codec.levels import ConstantLevel, LevelForRate
from swc.codec.options import DEFAULT_KBPS, LIVE_STEPS, EncodeOptions
from swc.codec.quality import QualityScale
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.roles import LevelQuantizer


class Rates:
    """The rates of a model.

    Args:
        model: on its device.
    """

    def __init__(self, model: CodecModel) -> None:
        self.model, self._qualities = model, QualityScale(model)

    @property
    def has_one(self) -> bool:
        """Whether there is but one."""
        q = self.model.config.quantizer
        return len(q.layout.sizes(q.window)) == 1

    def settled(self, options: EncodeOptions, header: Header) -> EncodeOptions:
        """The options with a rate: where none is asked for, the only one, at any quality; or what is usual, for live
        audio in a stream with this header that of LIVE_STEPS."""
        if any(choice is not None for choice in (options.kbps, options.quality, options.level)):
            return options
        if self.has_one:
            return replace(options, quality=0.0)
        return replace(options, kbps=kbps_for(header, LIVE_STEPS) if options.live else DEFAULT_KBPS)

    def control(self, header: Header, options: EncodeOptions) -> RateControl:
        """What decides how many bits the windows of a stream take.

        Raises:
            InputError: a level, and the model has none.
            BitrateError: a rate that cannot be met.
        """
        quantizer = self.model.quantizer
        if options.quality is not None:
            return OnlyRate() if self.has_one else self._qualities.control(header, options.quality)
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
