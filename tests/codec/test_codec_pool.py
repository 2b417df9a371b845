"""Processes that work on files: their errors, their deaths, and that they never outlive the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pool_work import Prepare

from swc.codec.engine import Crew, work_on
from swc.codec.pool import Process
from swc.errors import FormatError, InputError, SwcError

HERE = Path(__file__).parent
SCRIPT = """
import sys
sys.path[:0] = sys.argv[1:3]
from pool_work import Prepare
from swc.codec.engine import Crew, work_on
from swc.codec.pool import Process
crew = Crew(2, lambda messages: Process(Prepare(), 1, messages))
for _ in work_on([("wait", f"{sys.argv[3]}/{i}") for i in range(2)], crew):
    pass
"""


def crew(size: int, fault: str = "", threads: int = 1, attempts: int = 1) -> Crew:
    return Crew(size, partial(Process, Prepare(fault), threads), attempts)


def run(*sources: str, jobs: int = 2, **options: Any) -> list[Any]:
    pairs = [(source, "") for source in sources]
    results = {index: result for index, result, _ in work_on(pairs, crew(jobs), **options)}
    return [results[index] for index in range(len(sources))]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def halves(folder: Path) -> list[int]:
    """The processes that have begun to write a file here."""
    return [int(text) for path in folder.glob(".swc-*.part") if (text := path.read_text())]


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_every_result_has_its_place() -> None:
    names = [f"file {i}" for i in range(6)]
    results = run(*names)
    assert [result.rsplit(" ", 1)[0] for result in results] == names
    assert 1 <= len({result.rsplit(" ", 1)[1] for result in results}) <= 2
    assert run(jobs=2) == []


def test_errors_come_back_as_they_were(capfd: pytest.CaptureFixture[str]) -> None:
    fault, stubborn, after = run("format", "stubborn", "print", jobs=1)
    assert isinstance(fault, FormatError)
    assert (str(fault), fault.offset) == ("damaged (byte 7)", 7)
    assert "in work" in fault.__notes__[0]
    assert isinstance(stubborn, SwcError)
    assert str(stubborn) == "StubbornError: no way"
    assert after.startswith("print ")
    assert capfd.readouterr() == ("", "what a library has to say\n")


def test_a_process_that_dies_takes_only_its_file_along() -> None:
    dead, *others = run("die", "a", "b", "die", "c", jobs=1)
    assert str(dead).startswith(
        "the process working on it was killed by signal 9; memory may be short: use fewer `jobs`"
    )
    assert str(others.pop(2)) == str(dead)
    assert [other[0] for other in others] == ["a", "b", "c"]


def test_a_file_whose_process_died_is_tried_again_after_the_others(tmp_path: Path) -> None:
    pairs = [("die once", f"{tmp_path}/0"), ("die", ""), ("a", ""), ("b", "")]
    results = [(index, str(result)) for index, result, _ in work_on(pairs, crew(1, attempts=2))]
    assert [index for index, _ in results] == [2, 3, 0, 1]
    assert results[2][1].startswith("die once ")
    assert "killed by signal 9" in results[3][1]


def test_a_target_that_was_finished_before_the_death_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    pairs = [("die late", f"{tmp_path}/new"), ("die late", f"{tmp_path}/old"), ("die", f"{tmp_path}/old")]
    results = {index: result for index, result, _ in work_on(pairs, crew(1, attempts=2))}
    assert (results[0], results[1]) == (None, None)
    assert isinstance(results[2], SwcError)


def test_what_no_process_can_do_is_raised() -> None:
    with pytest.raises(InputError, match="no such device"):
        next(work_on([("a", "")], crew(1, "error")))
    with pytest.raises(SwcError, match="killed by signal 9"):
        next(work_on([("a", "")], crew(1, "death")))


def test_progress_and_threads() -> None:
    told: list[tuple[int, float, float | None]] = []
    assert run("a", "threads", jobs=1, progress=lambda *args: told.append(args))[1] == "1"
    assert told == [(0, 1.0, 4.0), (1, 1.0, 4.0)]
    assert next(work_on([("threads", "")], crew(1, threads=3))) == (0, "3", "")


def test_processes_end_with_the_iterator(tmp_path: Path) -> None:
    pairs = [("done", f"{tmp_path}/0"), ("wait", f"{tmp_path}/1")]
    with closing(work_on(pairs, crew(2))) as results:
        assert next(results)[0] == 0
        until(lambda: halves(tmp_path))
        (process,) = halves(tmp_path)
    assert not is_running(process)
    assert os.listdir(tmp_path) == ["0"]


def test_a_process_that_is_asked_to_end_tidies_up(tmp_path: Path) -> None:
    results = work_on([("done", f"{tmp_path}/0"), ("wait", f"{tmp_path}/1")], crew(1))
    assert next(results)[0] == 0
    until(lambda: halves(tmp_path))
    os.kill(halves(tmp_path)[0], signal.SIGTERM)
    assert "ended with exit code 143" in str(next(results)[1])
    assert list(results) == []
    assert os.listdir(tmp_path) == ["0"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(tmp_path: Path, number: signal.Signals) -> None:
    root = HERE.parents[1]
    command = [sys.executable, "-c", SCRIPT, HERE, root, tmp_path]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as parent:
        until(lambda: len(halves(tmp_path)) == 2)
        processes = halves(tmp_path)
        parent.send_signal(number)
        parent.communicate(timeout=20)  # ends when nobody holds stderr any more
    until(lambda: not any(map(is_running, processes)))
    assert os.listdir(tmp_path) == []
