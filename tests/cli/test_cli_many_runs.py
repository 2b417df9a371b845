"""Many files converted: outputs equal those of single commands, faults stay where they are, nothing is lost."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf
from cli_commands import piped
from cli_forks import ONE_THREAD
from cli_many import Swc, contents, noise

from swc.bitstream import Stream
from swc.codec.batch import decode_files, encode_files
from swc.codec.options import DecodeOptions, EncodeOptions
from swc.errors import FormatError, InputError, ModelError

pytestmark = pytest.mark.slow

OPTIONS = ("--effort", "0", "--kbps", "8")
ONE = ("--jobs", "1")
ALONE = (*OPTIONS, *ONE)
NAMES = ["caf\udce9", "sub dir/snow \u96ea", "sub dir/-x", "sub dir/deep/new\nline\r", "--force", "n" * 250]
RATES = [44100, 8000, 48000, 96000, 22050, 44100]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six recordings of all kinds under names of all kinds, and three files that only look like recordings."""
    folder = tmp_path_factory.mktemp("many") / "in"
    for i, (name, rate) in enumerate(zip(NAMES, RATES, strict=True)):
        path = folder / f"{name}.{('wav', 'flac')[i % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        kind, subtype = (("WAV", "PCM_16"), ("FLAC", "PCM_24"))[i % 2]
        sf.write(os.fsencode(path), noise(1 + i / 4, rate, (1, 2, 6)[i % 3]), rate, format=kind, subtype=subtype)
    (folder / "empty.wav").touch()
    (folder / "text.mp3").write_text("words\n")
    (folder / "sub dir" / "short.wav").write_bytes((folder / f"{NAMES[0]}.wav").read_bytes()[:10000])
    return folder


@pytest.fixture(scope="module")
def singles(recordings: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the commands for one file make of each of the recordings, and of those streams as FLAC."""
    folder, made = tmp_path_factory.mktemp("singles"), {}
    swc, stream, audio = Swc(folder, models), folder / "o.swc", folder / "o.flac"
    for path in recordings.rglob("*"):
        name = str(path.relative_to(recordings).with_suffix(""))
        if name in NAMES:
            assert swc("encode", *OPTIONS, "--force", "--", path, stream).exit_code == 0
            assert swc("decode", "--force", stream, audio).exit_code == 0
            made[f"{name}.swc"], made[f"{name}.flac"] = stream.read_bytes(), audio.read_bytes()
    assert len(made) == 2 * len(NAMES)
    return made


def of_kind(files: dict[str, bytes], suffix: str) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.endswith(suffix)}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_there_and_back(recordings: Path, singles: dict[str, bytes], swc: Swc, jobs: str) -> None:
    done = swc("encode", recordings, "-o", "out", *OPTIONS, "--jobs", jobs, "--report", "e.jsonl")
    assert done.exit_code == 1
    assert contents(swc.folder / "out") == of_kind(singles, ".swc")
    assert "6 encoded, 3 failed: " in done.stderr
    said = done.stderr.splitlines()
    assert said[-1] == "swc: error: 3 of 9 files failed; they are named above"
    for line, name in zip(sorted(said[-4:-1]), ("empty.wav", "sub dir/short.wav", "text.mp3"), strict=True):
        assert line.startswith(f"  {recordings}/{name} ")
    lines = {line["input"]: line for line in map(json.loads, (swc.folder / "e.jsonl").read_text().splitlines())}
    assert len(lines) == 9
    for i, name in enumerate(NAMES):
        line = lines[f"{recordings}/{name}.{('wav', 'flac')[i % 2]}"]
        data = singles[f"{name}.swc"]
        assert (line["output"], line["status"], line["error"]) == (f"out/{name}.swc", "done", None)
        assert (line["bytes_in"], line["bytes_out"]) == (Path(line["input"]).stat().st_size, len(data))
        assert line["seconds"] == pytest.approx(1 + i / 4, abs=1e-3)
        assert line["kbps"] == pytest.approx(Stream.from_bytes(data).kbps)
        assert line["speed"] == pytest.approx(line["seconds"] / line["elapsed_seconds"])
    assert "is empty (0 bytes)" in lines[f"{recordings}/empty.wav"]["error"]

    done = swc("batch", "decode", "out", "back", "--format", "flac", "--jobs", jobs, "--report", "d.csv", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    assert contents(swc.folder / "back") == of_kind(singles, ".flac")
    with open(swc.folder / "d.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = {row["input"]: row for row in csv.DictReader(file)}
    assert set(rows) == {f"out/{name}.swc" for name in NAMES}
    assert {row["status"] for row in rows.values()} == {"done"}
    assert rows["out/caf\udce9.swc"]["output"] == "back/caf\udce9.flac"


def test_files_side_by_side_and_json(recordings: Path, singles: dict[str, bytes], swc: Swc) -> None:
    files = sorted(path for path in recordings.iterdir() if path.is_file())
    done = swc("encode", *files, "-o", "out", *ALONE, "--json", "-q", "--exclude", "*.mp3")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["status"] for line in lines) == ["done"] * 3 + ["failed"]
    assert contents(swc.folder / "out") == {n: d for n, d in of_kind(singles, ".swc").items() if "/" not in n}
    assert done.stderr.count("\n") == 2  # the failure, and how many


def test_only_what_is_new_is_done_again(recordings: Path, swc: Swc) -> None:
    (swc.folder / "in").mkdir()
    for name in "abcd":
        sf.write(swc.folder / f"in/{name}.wav", noise(1, 8000), 8000)
    args = ("encode", "in", "-o", "out", *ALONE, "--skip-existing", "--report", "r.jsonl")
    assert swc(*args).exit_code == 0
    before, out = contents(swc.folder / "out"), swc.folder / "out"
    (out / "a.swc").write_bytes(before["a.swc"][:-3])
    os.utime(swc.folder / "in/b.wav")
    (out / "c.swc").unlink()
    kept = (out / "d.swc").stat()
    assert "3 encoded, 1 kept" in swc(*args).stderr
    assert contents(out) == before
    assert (out / "d.swc").stat() == kept
    lines = map(json.loads, (swc.folder / "r.jsonl").read_text().splitlines())
    assert {Path(line["input"]).stem: line["status"] for line in lines} == dict.fromkeys("abc", "done") | {
        "d": "skipped"
    }
    assert swc(*args).stderr == "0 encoded, 4 kept\n"
    assert "4 encoded" in swc(*args[:-3], "-f").stderr


def test_the_exit_code_is_the_highest(recordings: Path, swc: Swc) -> None:
    (swc.folder / "in").mkdir()
    sf.write(swc.folder / "a.wav", noise(1, 8000), 8000)
    assert swc("encode", "a.wav", "in/a.swc").exit_code == 0
    data = bytearray((swc.folder / "in/a.swc").read_bytes())
    data[-30] ^= 1
    (swc.folder / "in/b.swc").write_bytes(data)
    data = bytearray(data)
    (swc.folder / "in/c.swc").write_bytes(data[:28] + bytes(8) + data[36:])
    done = swc("decode", "in", "missing.swc", "-o", "out", *ONE)
    assert done.exit_code == 3
    assert "  in/b.swc: the CRC of " in done.stderr
    assert "  in/c.swc: the CRC of the header " in done.stderr
    assert "  missing.swc: no such file; check the path\n" in done.stderr
    assert os.listdir(swc.folder / "out") == ["a.wav"]
    assert swc("decode", "in/a.swc", "missing.swc", "-o", "new", *ONE).exit_code == 1
    done = swc("decode", "in", "-o", "salvaged", "--salvage", "--exclude", "c*", *ONE)
    assert done.exit_code == 0
    assert "salvaged/b.wav: " in done.stderr
    assert " lost: " in done.stderr
    done = swc("decode", "in", "-o", "salvaged", "--salvage", "--exclude", "c*", "--skip-existing", *ONE)
    assert done.stderr == "0 decoded, 2 kept\n"


def test_names_that_are_too_long(swc: Swc) -> None:
    for name in ("n" * 252, "m" * 8):
        sf.write(swc.folder / "x.wav", noise(1, 8000), 8000)
        (swc.folder / "x.wav").rename(swc.folder / f"{name}.au")
    done = swc("encode", *(path.name for path in swc.folder.iterdir()), "-o", "out", *ONE)
    assert done.exit_code == 1
    assert "the name is too long for this file system; choose a shorter one" in done.stderr
    assert os.listdir(swc.folder / "out") == ["m" * 8 + ".swc"]


def test_places_that_cannot_be_written(recordings: Path, singles: dict[str, bytes], swc: Swc) -> None:
    (swc.folder / "out").mkdir()
    (swc.folder / "out" / "sub dir").write_text("in the way")
    done = swc("encode", recordings, "-o", "out", *ALONE, "--exclude", "*.mp3", "--exclude", "empty*")
    assert done.exit_code == 1
    assert "3 encoded, 4 failed" in done.stderr
    assert "out/sub dir: File exists" in done.stderr
    expected = {n: d for n, d in of_kind(singles, ".swc").items() if "/" not in n}
    assert contents(swc.folder / "out") == expected | {"sub dir": b"in the way"}
    done = swc("encode", recordings, "-o", "/proc/none")
    assert done.exit_code == 1
    assert done.stderr == "swc: error: /proc/none: No such file or directory\n"


def test_a_disk_that_fills_up(recordings: Path, models: Path, swc: Swc) -> None:
    """A limit on the size of files stands for the disk."""
    assert swc("encode", recordings, "-o", "out", *ALONE).exit_code == 1
    limit = 80_000
    run = piped(b"", *("decode", "out", "-o", "back", "--model", models / "swc-44k"), file_limit=limit)
    assert run.returncode == 1
    assert b"File too large" in run.stderr
    made = contents(swc.folder / "back")
    assert 0 < len(made) < len(NAMES)
    assert all(name.endswith(".wav") and len(data) <= limit for name, data in made.items())
    assert swc("decode", "out", "-o", "back", "--skip-existing", *ONE).exit_code == 0
    assert set(contents(swc.folder / "back")) == {f"{name}.wav" for name in NAMES}


def test_from_python(recordings: Path, model: Path, singles: dict[str, bytes], tmp_path: Path) -> None:
    pairs = [(recordings / f"{NAMES[0]}.wav", tmp_path / "new" / "a.swc"), ("missing.wav", tmp_path / "b.swc")]
    told: list[int] = []
    made = {
        outcome.index: outcome
        for outcome in encode_files(
            pairs, EncodeOptions(8.0, 0), model=model, jobs=2, progress=lambda index, *_: told.append(index)
        )
    }
    assert made[0].error is None
    assert made[0].summary is not None
    assert made[0].summary.bytes == len(singles[f"{NAMES[0]}.swc"])
    assert (made[0].source, made[0].target) == tuple(map(str, pairs[0]))
    assert (tmp_path / "new" / "a.swc").read_bytes() == singles[f"{NAMES[0]}.swc"]
    assert isinstance(made[1].error, InputError)
    assert told == [0]
    (tmp_path / "new" / "c.swc").write_bytes(b"\xf5SWC\r\n\x1a\n")
    streams = [(tmp_path / "new" / f"{name}.swc", tmp_path / f"{name}.wav") for name in "ac"]
    done = {outcome.index: outcome for outcome in decode_files(streams, DecodeOptions(duration=0.5), model=model)}
    assert done[0].summary is not None
    assert done[0].summary.seconds == 0.5
    assert isinstance(done[1].error, FormatError)
    assert list(encode_files([], model=model)) == []
    with pytest.raises(ModelError, match="no model"):
        encode_files(pairs, model="none")
    with pytest.raises(InputError, match="a pipe"):
        encode_files([("-", "a.swc")], model=model)
    with pytest.raises(InputError, match="`jobs` must be 1 or more"):
        encode_files(pairs, model=model, jobs=0)
    with pytest.raises(InputError, match="no device"):
        list(encode_files(pairs, model=model, device="abacus", jobs=1))


def test_a_script_needs_no_guard(recordings: Path, model: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from swc.codec.batch import encode_files\n"
        "for outcome in encode_files([sys.argv[1:3]], model=sys.argv[3]): print(outcome.error)\n"
    )
    command = [sys.executable, str(script), recordings / f"{NAMES[0]}.wav", str(tmp_path / "a.swc"), str(model)]
    environment = {**ONE_THREAD, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("None\n", "")
