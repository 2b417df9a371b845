"""Scores of a codec, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, fields

from swc.evaluation.registry import METRICS

BUDGET_SECONDS = 5.0
"""Above this duration a file must not measure more than the target rate."""

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Row:
    """One file at one rate.

    Attributes:
        file: path below the reference folder, with forward slashes.
        domain: first folder of `file`, or "" if there is none.
        kbps: target rate, kbit/s.
        kbps_measured: bits of the whole serialised stream / duration / 1000.
        seconds: duration of the audio.
        encode_seconds: wall time of encoding and serialising.
        decode_seconds: wall time of parsing and decoding.

    The remaining attributes are the measures of `swc.evaluation.metrics` and the judges of `swc.evaluation.judges`;
    nan = not taken or not defined.
    """

    file: str
    domain: str
    kbps: float
    kbps_measured: float
    seconds: float
    encode_seconds: float
    decode_seconds: float
    mel_distance: float = _NAN
    stft_distance: float = _NAN
    si_sdr: float = _NAN
    pesq_wb: float = _NAN
    stoi: float = _NAN
    visqol_audio: float = _NAN
    visqol_speech: float = _NAN
    visqol_channels: float = _NAN
    level_error: float = _NAN
    coherence_error: float = _NAN
    time_error: float = _NAN
    mono_loss: float = _NAN
    distillmos: float = _NAN
    distillmos_original: float = _NAN
    dnsmos_p808: float = _NAN
    dnsmos_p808_original: float = _NAN
    speaker_similarity: float = _NAN
    word_error_rate: float = _NAN

    def score(self, metric: str) -> float:
        """The score called `metric`, a key of `METRICS`."""
        return float(getattr(self, METRICS[metric].name))

    @property
    def over_budget(self) -> bool:
        """Whether the file is longer than 5 s and still measures more than the target rate."""
        return self.seconds > BUDGET_SECONDS and self.kbps_measured > self.kbps


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Row))
"""Names of a row's attributes, in the order of the CSV file."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be measured, at one rate or at all.

    Attributes:
        file: as in `Row`.
        kbps: target rate, kbit/s; None if the file could not be read.
        reason: a message that names the file.
    """

    file: str
    kbps: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Results:
    """The results of an evaluation.

    Attributes:
        rows: files in alphabetical order, each with its rates in the requested order.
        failures: missing scores.
    """

    rows: tuple[Row, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def rates(self) -> tuple[float, ...]:
        """The target rates, kbit/s, ascending."""
        return tuple(sorted({row.kbps for row in self.rows}))

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains, alphabetically."""
        return tuple(sorted({row.domain for row in self.rows}))
