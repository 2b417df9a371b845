"""The measuring run, on a codec so simple that its rate and quality are known."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from swc.errors import BitrateError, InputError, SwcError
from swc.evaluation import Results, Row, evaluate
from swc.evaluation import clips as clips_module
from swc.evaluation.clips import SUFFIXES, Clip, find_clips, read_clip
from swc.evaluation.results import Failure
from swc.evaluation.runner import _executor

Audio = NDArray[np.float32]
QUICK = ("mel_distance", "si_sdr")


@dataclass(frozen=True)
class PointStream:
    """Evenly spaced 8-bit points of each channel."""

    samples: int
    points: NDArray[np.int8]  # (channels, points)

    def to_bytes(self) -> bytes:
        return struct.pack("<QB", self.samples, len(self.points)) + self.points.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        samples, channels = struct.unpack_from("<QB", data)
        return cls(samples, np.frombuffer(data, np.int8, offset=9).reshape(channels, -1))


class PointCodec:
    """Sends as many points of the waveform as the rate allows; the decoder joins them by lines."""

    def encode(self, audio: Audio, sample_rate: int, *, kbps: float) -> PointStream:
        samples, channels = audio.shape
        budget = int(kbps * 1000 / 8 * samples / sample_rate) - 9
        points = min(budget // channels, samples)
        if points < 2:
            raise BitrateError("at least 1 kbit/s is needed; ask for more")
        places = np.linspace(0, samples - 1, points)
        values = [np.interp(places, np.arange(samples), channel) for channel in audio.T]
        return PointStream(samples, np.round(np.stack(values) * 127).astype(np.int8))

    def decode(self, stream: PointStream) -> Audio:
        places = np.linspace(0, stream.samples - 1, stream.points.shape[1])
        lines = [np.interp(np.arange(stream.samples), places, row / 127) for row in stream.points]
        return np.stack(lines, axis=1).astype(np.float32)


def write_tone(path: Path, seconds: float = 0.5, sample_rate: int = 16000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    x = 0.5 * np.sin(2 * np.pi * 220 * t) * (0.3 + t)
    soundfile.write(path, np.stack([x * 0.9**c for c in range(channels)], axis=1), sample_rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tone(tmp_path / "speech" / "b.wav")
    write_tone(tmp_path / "speech" / "deep" / "a.FLAC", channels=2, sample_rate=22050)
    write_tone(tmp_path / "music" / "c.ogg", seconds=0.7)
    (tmp_path / "music" / "notes.txt").write_text("no audio")
    write_tone(tmp_path / "music" / ".hidden.wav")
    write_tone(tmp_path / ".cache" / "d.wav")
    return tmp_path


def untimed(results: Results) -> list[tuple[object, ...]]:
    return [(r.file, r.domain, r.kbps, r.kbps_measured, r.seconds, r.mel_distance, r.si_sdr) for r in results.rows]


def test_rows_of_a_folder(folder: Path) -> None:
    results = evaluate(PointCodec(), folder, [64, 16], workers=0, metrics=QUICK)
    assert [(r.file, r.domain, r.kbps) for r in results.rows] == [
        ("music/c.ogg", "music", 64.0),
        ("music/c.ogg", "music", 16.0),
        ("speech/b.wav", "speech", 64.0),
        ("speech/b.wav", "speech", 16.0),
        ("speech/deep/a.FLAC", "speech", 64.0),
        ("speech/deep/a.FLAC", "speech", 16.0),
    ]
    assert results.rates == (16.0, 64.0)
    assert results.domains == ("music", "speech")
    for row in results.rows:
        assert 0.98 * row.kbps < row.kbps_measured <= row.kbps
        assert not row.over_budget
        assert row.encode_seconds > 0
        assert row.decode_seconds > 0
        assert np.isnan(row.stft_distance)  # not asked for
    for fine, coarse in zip(results.rows[::2], results.rows[1::2], strict=True):
        assert fine.si_sdr > coarse.si_sdr + 3
        assert fine.mel_distance > 0.0
    assert results.rows[0].seconds == pytest.approx(0.7)
    assert results.rows[4].seconds == pytest.approx(0.5)


def test_processes_give_the_same_rows(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    here = evaluate(PointCodec(), folder, [32], workers=0, metrics=QUICK)
    there = evaluate(PointCodec(), folder, [32], workers=2, metrics=QUICK, progress=lambda *at: seen.append(at))
    assert untimed(there) == untimed(here)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_rate_is_that_of_the_bytes(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav", seconds=0.5)

    class Padded(PointStream):
        def to_bytes(self) -> bytes:
            return super().to_bytes() + bytes(1000)

        @classmethod
        def from_bytes(cls, data: bytes) -> Self:
            return super().from_bytes(data[:-1000])

    class Codec(PointCodec):
        def encode(self, audio: Audio, sample_rate: int, *, kbps: float) -> PointStream:
            stream = super().encode(audio, sample_rate, kbps=kbps)
            return Padded(stream.samples, stream.points)

    plain = evaluate(PointCodec(), tmp_path, [32], workers=0, metrics=["si_sdr"]).rows[0]
    padded = evaluate(Codec(), tmp_path, [32], workers=0, metrics=["si_sdr"]).rows[0]
    assert padded.kbps_measured - plain.kbps_measured == pytest.approx(16.0)
    assert padded.si_sdr == plain.si_sdr


def test_what_is_decoded_has_been_through_bytes(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav")

    class Forgetful(PointStream):
        def to_bytes(self) -> bytes:
            return PointStream(self.samples, self.points // 64 * 64).to_bytes()

    class Codec(PointCodec):
        def encode(self, audio: Audio, sample_rate: int, *, kbps: float) -> PointStream:
            stream = super().encode(audio, sample_rate, kbps=kbps)
            return Forgetful(stream.samples, stream.points)

    plain = evaluate(PointCodec(), tmp_path, [64], workers=0, metrics=["si_sdr"]).rows[0]
    lossy = evaluate(Codec(), tmp_path, [64], workers=0, metrics=["si_sdr"]).rows[0]
    assert lossy.si_sdr < plain.si_sdr - 10


def test_a_single_file_has_no_domain(tmp_path: Path) -> None:
    write_tone(tmp_path / "speech" / "x.wav")
    results = evaluate(PointCodec(), tmp_path / "speech" / "x.wav", [32], workers=0, metrics=["si_sdr"])
    assert [(r.file, r.domain) for r in results.rows] == [("x.wav", "")]


def taken(results: Results, metric: str) -> list[str]:
    return [row.file for row in results.rows if not np.isnan(row.score(metric))]


def test_speech_measures_are_for_speech(folder: Path) -> None:
    write_tone(folder / "top.wav")
    measures = ("si_sdr", "pesq_wb")

    def run(path: Path, **rule: object) -> Results:
        return evaluate(PointCodec(), path, [64], workers=0, metrics=measures, **rule)  # type: ignore[arg-type]

    assert taken(run(folder), "pesq_wb") == ["speech/b.wav", "speech/deep/a.FLAC"]
    assert len(taken(run(folder), "si_sdr")) == 4
    assert taken(run(folder / "music"), "pesq_wb") == ["c.ogg"]  # no domain folders: all are speech
    chosen = run(folder, speech=lambda domain: domain != "speech")
    assert taken(chosen, "pesq_wb") == ["music/c.ogg", "top.wav"]


def test_over_budget_only_counts_beyond_five_seconds() -> None:
    long = Row("a", "", kbps=2.0, kbps_measured=2.001, seconds=5.1, encode_seconds=1, decode_seconds=1)
    short = Row("a", "", kbps=2.0, kbps_measured=2.001, seconds=5.0, encode_seconds=1, decode_seconds=1)
    exact = Row("a", "", kbps=2.0, kbps_measured=2.0, seconds=9.0, encode_seconds=1, decode_seconds=1)
    assert [row.over_budget for row in (long, short, exact)] == [True, False, False]


# --- refusals ----------------------------------------------------------------------------------------


def test_nothing_to_evaluate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no audio files in .*\.flac"):
        evaluate(PointCodec(), tmp_path, [8], workers=0)
    with pytest.raises(InputError, match="no such file or folder"):
        evaluate(PointCodec(), tmp_path / "absent", [8], workers=0)


def test_a_run_goes_on_without_what_cannot_be_used(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "m.wav", seconds=0.005)
    write_tone(tmp_path / "n.wav")
    write_tone(tmp_path / "wide.wav", channels=9)
    (tmp_path / "b.flac").write_bytes(b"fLaC, but no more")
    (tmp_path / "c.mp3").touch()
    (tmp_path / "d.ogg").symlink_to("nowhere.ogg")
    soundfile.write(tmp_path / "nan.wav", np.full(8000, np.nan), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "z.wav", np.zeros((0, 1)), 16000)
    seen: list[Failure] = []
    steps: list[tuple[int, int]] = []
    results = evaluate(
        PointCodec(),
        tmp_path,
        [16, 64],
        workers=0,
        metrics=["si_sdr"],
        failed=seen.append,
        progress=lambda *at: steps.append(at),
    )
    rows = [(row.file, row.kbps) for row in results.rows]
    assert rows == [("a.wav", 16), ("a.wav", 64), ("m.wav", 64), ("n.wav", 16), ("n.wav", 64)]
    assert results.failures == tuple(seen)
    unread = [failure.file for failure in seen if failure.kbps is None]
    assert unread == ["b.flac", "c.mp3", "d.ogg", "nan.wav", "wide.wav", "z.wav"]
    assert [(f.file, f.kbps) for f in seen if f.kbps is not None] == [("m.wav", 16)]
    assert all(failure.file in failure.reason for failure in seen)
    assert steps[-1] == (18, 18)
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})


def test_what_is_odd_in_a_recording_is_said(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav")
    data = (tmp_path / "x.wav").read_bytes()
    (tmp_path / "x.wav").write_bytes(data[:40] + bytes(4) + data[44:])  # as one who writes to a pipe leaves it
    notes: list[str] = []
    results = evaluate(PointCodec(), tmp_path, [64], workers=0, metrics=["si_sdr"], noted=notes.append)
    assert results.rows[0].seconds == 0.5
    assert notes == [f"{tmp_path / 'x.wav'} holds 8000 samples, not 0 as its header states; all are read"]


def test_nothing_that_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "z.flac").write_bytes(b"fLaC, but no more")
    with pytest.raises(InputError, match=r"z\.flac"):
        evaluate(PointCodec(), tmp_path, [8], workers=0)
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 1)), 16000)
    with pytest.raises(InputError, match=r"a\.wav contains no samples"):
        evaluate(PointCodec(), tmp_path, [8], workers=0)


@pytest.mark.parametrize("known", [True, False])
def test_long_recordings_are_refused_without_reading_them_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.setattr(clips_module, "MAX_MINUTES", 1 / 60)
    taken = 0

    class Endless:
        sample_rate, channels, total_samples = 16000, 1, 10**12 if known else None

        def __init__(self, path: Path) -> None:
            assert path == tmp_path / "x.wav"

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *exc: object) -> None:
            pass

        def blocks(self) -> Iterator[Audio]:
            nonlocal taken
            while True:
                taken += 1
                yield np.zeros((4000, 1), np.float32)

    monkeypatch.setattr(clips_module, "AudioReader", Endless)
    with pytest.raises(InputError, match=r"x\.wav is longer than .* minutes; cut it"):
        read_clip(Clip(tmp_path / "x.wav", "x.wav", ""))
    assert taken == (0 if known else 5)


@pytest.mark.parametrize("rates", [[], [0.0], [-1.0], [float("nan")], [float("inf")]])
def test_unusable_rates(tmp_path: Path, rates: list[float]) -> None:
    write_tone(tmp_path / "x.wav")
    with pytest.raises(InputError, match="rate"):
        evaluate(PointCodec(), tmp_path, rates, workers=0)


def test_negative_workers_and_unknown_metrics(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav")
    with pytest.raises(InputError, match="workers"):
        evaluate(PointCodec(), tmp_path, [8], workers=-1)
    with pytest.raises(InputError, match="unknown metric"):
        evaluate(PointCodec(), tmp_path, [8], metrics=["mos"])


def test_repeated_rates_count_once(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav")
    assert len(evaluate(PointCodec(), tmp_path, [8, 8.0, 16], workers=0, metrics=["si_sdr"]).rows) == 2


def test_an_impossible_rate_names_the_file(tmp_path: Path) -> None:
    write_tone(tmp_path / "x.wav")
    with pytest.raises(BitrateError, match=r"x\.wav at 0\.01 kbit/s: at least 1 kbit/s"):
        evaluate(PointCodec(), tmp_path, [0.01], workers=0)


def test_a_wrong_shape_is_an_error_of_the_codec(tmp_path: Path) -> None:
    class Short(PointCodec):
        def decode(self, stream: PointStream) -> Audio:
            return super().decode(stream)[:-1]

    write_tone(tmp_path / "x.wav")
    with pytest.raises(SwcError, match=r"x\.wav at 8 kbit/s: decoded \(7999, 1\), original \(8000, 1\)"):
        evaluate(Short(), tmp_path, [8], workers=0, metrics=["si_sdr"])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_decoder_that_gives_nan_is_named(tmp_path: Path, workers: int) -> None:
    class Broken(PointCodec):
        def decode(self, stream: PointStream) -> Audio:
            return super().decode(stream) * np.float32("nan")

    write_tone(tmp_path / "x.wav")
    with pytest.raises(InputError, match=r"x\.wav at 8 kbit/s: the estimate .* not finite"):
        evaluate(Broken(), tmp_path, [8], workers=workers, metrics=["si_sdr"])


def test_a_dead_process_is_explained() -> None:
    with pytest.raises(SwcError, match="process died"), _executor(1) as executor:
        executor.submit(os._exit, 1).result()


def test_soundfile_reads_the_suffixes_that_are_searched(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".caf", ".au", ".w64", ".rf64"):
        assert suffix in SUFFIXES
        path = tmp_path / f"x{suffix}"
        kind = {".opus": "OGG"}.get(suffix, suffix[1:].upper())
        subtype = {".opus": "OPUS", ".mp3": "MPEG_LAYER_III"}.get(suffix)
        soundfile.write(path, np.zeros((4800, 1)), 48000, format=kind, subtype=subtype)
    assert len(find_clips(tmp_path)) == 10
