"""Many files cut short: by signals, by Ctrl-C on a terminal, by SIGKILL; a second run does the rest."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf
from cli_many import Swc, contents, noise

pytestmark = pytest.mark.slow


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_cut_short_is_taken_up_again(swc: Swc, number: signal.Signals) -> None:
    (swc.folder / "in").mkdir()
    for name in "abc":
        sf.write(swc.folder / f"in/{name}.wav", noise(1, 8000), 8000)
    for name in "yz":
        sf.write(swc.folder / f"in/{name}.wav", np.tile(noise(60, 8000), (30, 1)), 8000)  # takes long
    out = swc.folder / "out"
    args = ("encode", "in", "-o", "out", "--jobs", "2", "--report", "r.jsonl", "--kbps", "4", "--effort")
    with swc.start(*args, "2") as run:
        until(lambda: len(list(out.glob("*.swc"))) == 3 and len(list(out.glob(".swc-*.part"))) == 2)
        run.send_signal(number)
        _, errors = run.communicate(timeout=20)  # ends when no process holds stderr any more
    assert run.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    assert sorted(os.listdir(out)) == ["a.swc", "b.swc", "c.swc"]
    assert len([json.loads(line) for line in (swc.folder / "r.jsonl").read_text().splitlines()]) == 3
    if number != signal.SIGKILL:
        assert "3 encoded, 2 not reached: " in errors
        assert "Traceback" not in errors
    if number == signal.SIGINT:
        assert errors.endswith("continue with --skip-existing\nswc: error: interrupted\n")
    before = contents(out)
    for name in "yz":
        sf.write(swc.folder / f"in/{name}.wav", noise(1, 8000), 8000)
    done = swc(*args, "0", "--skip-existing")
    assert "2 encoded, 3 kept" in done.stderr
    after = contents(out)
    assert set(after) == {f"{name}.swc" for name in "abcyz"}
    assert before.items() <= after.items()
    assert len((swc.folder / "r.jsonl").read_text().splitlines()) == 5


def test_ctrl_c_of_a_terminal_reaches_one_process_only(swc: Swc) -> None:
    (swc.folder / "in").mkdir()
    for name in "abz":
        sf.write(swc.folder / f"in/{name}.wav", np.tile(noise(60, 8000), (1 if name < "z" else 30, 1)), 8000)
    out = swc.folder / "out"
    with swc.start("encode", "in", "-o", "out", "--jobs", "2", "--effort", "2", start_new_session=True) as run:
        until(lambda: list(out.glob(".swc-*.part")))
        run.send_signal(signal.SIGSTOP)  # so that only the others can hear it, if they do
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(1)
        run.send_signal(signal.SIGCONT)
        _, errors = run.communicate(timeout=20)
    assert run.returncode == 130
    assert errors.endswith("swc: error: interrupted\n")
    assert "Traceback" not in errors
    assert "failed" not in errors
    assert not list(out.glob(".swc-*"))
