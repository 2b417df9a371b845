"""How many threads torch gets, and how they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from swc import threads
from swc.errors import InputError

THERE_AND_BACK = """
import sys
from swc.cli import app
source, stream, target = sys.argv[1:]
app(["encode", source, stream, "-q"], standalone_mode=False)
app(["decode", stream, target, "--bits", "float", "-q"], standalone_mode=False)
"""
NAMES = ("OMP_NUM_THREADS", "SWC_THREADS", "MKL_CBWR", *threads.CHOSEN_BY_USERS)


def settled(given: int | None = None, **environment: str) -> dict[str, str]:
    """The variables of a new process that has configured itself."""
    said = run(f"configure({given}); print(*(f'{{n}}={{os.environ.get(n)}}' for n in {NAMES}))", environment)
    return dict(text.split("=") for text in said.split())


def threads_of_torch(given: int | None = None, **environment: str) -> int:
    """What torch makes of them."""
    return int(run(f"configure({given}); import torch; print(torch.get_num_threads())", environment))


def run(code: str, environment: dict[str, str]) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    command = [sys.executable, "-c", f"import os; from swc.threads import configure; {code}"]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True).stdout


def test_threads_sleep_at_barriers_unless_the_user_chose() -> None:
    assert settled()["GOMP_SPINCOUNT"] == str(threads.SPINS)
    chosen = settled(OMP_WAIT_POLICY="ACTIVE")
    assert (chosen["OMP_WAIT_POLICY"], chosen["GOMP_SPINCOUNT"]) == ("ACTIVE", "None")


def test_products_round_alike_unless_the_user_chose() -> None:
    assert settled()["MKL_CBWR"] == threads.REPRODUCIBLE
    assert settled(MKL_CBWR="COMPATIBLE")["MKL_CBWR"] == "COMPATIBLE"


@pytest.mark.parametrize(
    ("given", "environment", "count"),
    [
        (1, {"SWC_THREADS": "2"}, 1),
        (None, {"SWC_THREADS": "2", "OMP_NUM_THREADS": "1"}, 2),
        (None, {"OMP_NUM_THREADS": "1"}, 1),
    ],
)
def test_the_nearest_word_counts(given: int | None, environment: dict[str, str], count: int) -> None:
    assert threads_of_torch(given, **environment) == count


def test_by_default_there_are_as_many_as_processors() -> None:
    assert threads_of_torch() == threads.available()


@pytest.mark.parametrize(("text", "count"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("junk", 8)])
def test_a_containers_quota_counts(text: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    monkeypatch.setattr(threads, "CGROUP", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert threads.available() == count


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_what_is_no_number_of_threads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_THREADS", text)
    with pytest.raises(InputError, match="SWC_THREADS is"):
        threads.configure()


@pytest.mark.slow
def test_bytes_are_the_same_for_any_number(tmp_path: Path) -> None:
    audio, rate = soundfile.read(Path(threads.__file__).parent / "data" / "demo.flac", stop=2 * 44100)
    soundfile.write(tmp_path / "in.wav", audio, rate)
    made, decoded = set(), []
    for count in ("1", "3"):
        stream, target = tmp_path / f"{count}.swc", tmp_path / f"{count}.wav"
        environment = {**os.environ, "SWC_THREADS": count}
        command = [sys.executable, "-c", THERE_AND_BACK, str(tmp_path / "in.wav"), str(stream), str(target)]
        subprocess.run(command, env=environment, check=True)
        made.add(stream.read_bytes())
        decoded.append(soundfile.read(target)[0])
    assert len(made) == 1
    np.testing.assert_allclose(*decoded, atol=1e-6)
