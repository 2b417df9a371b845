"""All measures and judges, and their presentation in every report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swc.errors import InputError
from swc.evaluation import judges, metrics, stereo
from swc.evaluation._extras import has_extra, load_extra
from swc.evaluation._signals import Audio

JUDGES_NOTE = "Judges of speech, means over the clips of speech. None of them takes part in training."
"""Heading of the judges wherever they are listed."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure and how to present it.

    Attributes:
        name: name of the function and of the column.
        label: short heading, with the unit if there is one.
        decimals: digits after the point that are worth printing.
        higher_is_better: direction.
        speech_only: defined only for speech.
        module: optional package it needs, or None.
        function: (ref, est, sample_rate) -> score.
        about: description of a judge, in a sentence; empty for measures.
        stereo_only: defined only for several channels.
        of_original: it scores the original, for comparison with a judge's other scores.
    """

    name: str
    label: str
    decimals: int
    higher_is_better: bool
    speech_only: bool
    module: str | None
    function: Callable[[Audio, Audio, int], float]
    about: str = ""
    stereo_only: bool = False
    of_original: bool = False

    @property
    def heading(self) -> str:
        """The label with an arrow in the better direction."""
        return f"{self.label} {'↑' if self.higher_is_better else '↓'}"

    @property
    def judge(self) -> bool:
        """Whether it is one of `swc.evaluation.judges`, which are only used on request."""
        return bool(self.about)

    @property
    def installed(self) -> bool:
        """Whether the package that it needs can be found; it may yet lack something itself."""
        return self.module is None or has_extra(self.module.partition(".")[0])


_MEASURES = (
    Metric("mel_distance", "mel", 2, False, False, None, metrics.mel_distance),
    Metric("stft_distance", "STFT", 2, False, False, None, metrics.stft_distance),
    Metric("si_sdr", "SI-SDR dB", 1, True, False, None, metrics.si_sdr),
    Metric("pesq_wb", "PESQ wb", 2, True, True, "pesq", metrics.pesq_wb),
    Metric("stoi", "STOI", 3, True, True, "pystoi", metrics.stoi),
    Metric("visqol_audio", "ViSQOL audio", 2, True, False, "visqol", metrics.visqol_audio),
    Metric("visqol_speech", "ViSQOL speech", 2, True, True, "visqol", metrics.visqol_speech),
    Metric("visqol_channels", "ViSQOL channels", 2, True, False, "visqol", metrics.visqol_channels, stereo_only=True),
    Metric("level_error", "level dB", 2, False, False, None, stereo.level_error, stereo_only=True),
    Metric("coherence_error", "coherence", 3, False, False, None, stereo.coherence_error, stereo_only=True),
    Metric("time_error", "time ms", 3, False, False, None, stereo.time_error, stereo_only=True),
    Metric("mono_loss", "mono dB", 2, False, False, None, stereo.mono_loss, stereo_only=True),
)

_JUDGES = (
    Metric(
        "distillmos",
        "DistillMOS",
        *(2, True, True),
        "distillmos",
        judges.distillmos,
        "A network's estimate of listeners' mean opinion, 1 to 5, without the original.",
    ),
    Metric(
        "distillmos_original",
        "DistillMOS original",
        *(2, True, True),
        "distillmos",
        judges.distillmos_original,
        "The same judge of the originals.",
        of_original=True,
    ),
    Metric(
        "dnsmos_p808",
        "DNSMOS P.808",
        *(2, True, True),
        "speechmos.dnsmos",
        judges.dnsmos_p808,
        "Another network's estimate of listeners' mean opinion (ITU-T P.808), 1 to 5, without the original.",
    ),
    Metric(
        "dnsmos_p808_original",
        "DNSMOS original",
        *(2, True, True),
        "speechmos.dnsmos",
        judges.dnsmos_p808_original,
        "The same judge of the originals.",
        of_original=True,
    ),
    Metric(
        "speaker_similarity",
        "speaker similarity",
        *(3, True, True),
        "resemblyzer",
        judges.speaker_similarity,
        "Cosine of Resemblyzer's embeddings of the speaker in the original and in the decoded speech; 1 is the same.",
    ),
    Metric(
        "word_error_rate",
        "word errors",
        *(2, False, True),
        "pocketsphinx",
        judges.word_error_rate,
        "Errors per word of PocketSphinx (English) against what it hears in the original; 0 is none.",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*_MEASURES, *_JUDGES)}
"""All measures by name, in the order of reports, then the judges."""

MEASURES: tuple[str, ...] = tuple(metric.name for metric in _MEASURES)
"""Names of the measures, which compare with the original; the default of an evaluation."""


def check_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of `METRICS`, each once.

    Raises:
        InputError: an unknown name, or a measure whose package is not installed.
    """
    wanted = set(names)
    if unknown := sorted(wanted - METRICS.keys()):
        raise InputError(f"unknown metric {unknown[0]!r}; there are: {', '.join(METRICS)}")
    chosen = tuple(name for name in METRICS if name in wanted)
    for name in chosen:
        _check_module(METRICS[name])
    return chosen


def installed_judges() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the judges whose packages can be imported, and a message for each package that cannot."""
    found, missing = [], {}
    for judge in METRICS.values():
        if not judge.judge or judge.module in missing:
            continue
        try:
            _check_module(judge)
        except InputError as error:
            missing[judge.module] = str(error)
        else:
            found.append(judge.name)
    return tuple(found), tuple(missing.values())


def _check_module(metric: Metric) -> None:
    """Import a judge's package, which may be present but broken; for measures only check that it exists.

    Raises:
        InputError: the package is missing.
    """
    if metric.module is None:
        return
    if metric.judge:
        load_extra(metric.module, metric.label, "mos")
    elif not metric.installed:
        load_extra(metric.module, metric.label)
