"""Many files and folders into one folder: encode and decode with -o, and `swc batch`."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from swc.cli.guard import debugging, describe, fail, say, tell
from swc.cli.inputs import Patterns, Wanted, find_inputs
from swc.cli.many_options import Many
from swc.cli.options import counted, size_text, time_text
from swc.cli.plan import Overwriting, Task, check_folder, plan, size_of
from swc.cli.progress import Share, file_bars, share_text
from swc.cli.report import Line, check_report, report_to
from swc.errors import InputError, SwcError

if TYPE_CHECKING:
    from swc.codec.batch import Outcome
    from swc.codec.engine import Engine
    from swc.codec.transcode import Summary

SummaryT = TypeVar("SummaryT", bound="Summary")


@dataclass(frozen=True)
class Conversion(Generic[SummaryT]):
    """The work of a command on many files.

    Attributes:
        command: encode or decode.
        suffix: of the outputs.
        wanted: tells which files of a folder are inputs.
        finished: whether a target (first) is already the result of a source.
        start: work on pairs of source and target; takes `jobs`, `progress` and `engine`, too.
        show: prints the result for a file: source, target, summary, its facts for JSON, quiet, as JSON.
    """

    command: str
    suffix: str
    wanted: Wanted
    finished: Callable[[str, str], bool]
    start: Callable[..., Generator[Outcome[SummaryT], None, None]]
    show: Callable[[str, str, SummaryT, dict[str, Any], bool, bool], None]


def convert(names: list[str], folder: str, many: Many, conversion: Conversion[SummaryT]) -> None:
    """Make a file in the folder for every input; failures are named at the end.

    Raises:
        InputError: nothing to do, or as `check_folder`, `plan` and `check_report`, before any work.
        typer.Exit: some files failed; the code is the highest of any.
    """
    check_folder(conversion.command, folder)
    check_report(many.report)
    engine = many.chosen_engine()
    patterns = Patterns(tuple(many.include or ()), tuple(many.exclude or ()))
    inputs = find_inputs(names, conversion.wanted, patterns)
    if not inputs.files and not inputs.unreadable:
        raise InputError(f"nothing to {conversion.command} in {', '.join(names)}; check the names and patterns")
    overwriting = Overwriting(many.force, conversion.finished if many.skip_existing else None)
    tasks = plan(conversion.command, inputs, folder, conversion.suffix, overwriting)
    if inputs.links and not many.quiet:
        say(f"links to folders are not followed: {', '.join(inputs.links)}")
    if many.dry_run:
        _announce(conversion.command, tasks, many)
        return
    os.makedirs(folder, exist_ok=True)
    with report_to(many.report) as report:
        run = _Run(tasks, many, conversion, engine, report)
        try:
            run.work(inputs.unreadable)
        except BaseException as error:
            if run.begun or not isinstance(error, Exception):
                run.summarise()
            raise
    run.summarise()
    run.end()


class _Run(Generic[SummaryT]):
    """Work on many files, and the results so far."""

    def __init__(
        self,
        tasks: list[Task],
        many: Many,
        conversion: Conversion[SummaryT],
        engine: Engine,
        report: Callable[[Line], None],
    ) -> None:
        self._tasks, self._many, self._conversion, self._report = tasks, many, conversion, report
        self._start = partial(conversion.start, jobs=many.jobs, engine=engine)
        self._nodes: dict[str, Share] = {}
        self._failures: list[str] = []
        self._worst, self._total = 0, len(tasks)
        self._done = self._skipped = self._bytes_in = self._bytes_out = 0
        self._seconds, self._started = 0.0, time.monotonic()

    def work(self, unreadable: list[OSError]) -> None:
        """Skip finished files, and do the rest; folders that could not be listed count as failed."""
        self._total += len(unreadable)
        for error in unreadable:
            self._fail(os.fsdecode(error.filename), "", 0, error)
        for task in self._tasks:
            if task.finished:
                self._skip(task)
        rest = [task for task in self._tasks if not task.finished]
        pairs = [(task.source, task.target) for task in rest]
        with file_bars([task.bytes for task in rest], self._many.quiet) as bars:
            if not pairs:
                return
            with closing(self._start(pairs, progress=bars.reach)) as outcomes:
                for outcome in outcomes:
                    self._add(outcome, rest[outcome.index])
                    bars.finish(outcome.index, outcome.summary.seconds if outcome.summary else 0.0)
                    bars.share(self._nodes)

    def _fail(self, source: str, target: str, size: int, error: Exception, node: str = "") -> None:
        """Note a failure."""
        text = describe(error)
        self._failures.append(text if text.startswith(source) else f"{source}: {text}")
        self._worst = max(self._worst, error.exit_code if isinstance(error, SwcError) else 1)
        if debugging():
            for line in "".join(traceback.format_exception(error)).splitlines():
                say(line)
        self._write(Line(source, target, "failed", size, error=text, node=node or None))

    @property
    def begun(self) -> bool:
        """Whether there is something to report."""
        return bool(self._done or self._skipped or self._failures)

    def summarise(self) -> None:
        """Print a summary of successes and failures."""
        if not self._many.quiet:
            say(self._summary())
            for node, share in self._nodes.items():
                say(f"  node {node}: {share_text(share)}")
        for failure in self._failures:
            say(f"  {failure}")

    def end(self) -> None:
        """Raise typer.Exit if a file failed."""
        if self._failures:
            count = len(self._failures)
            fail(f"{count} of {counted(self._total, 'file')} failed; they are named above", self._worst)

    def _add(self, outcome: Outcome[SummaryT], task: Task) -> None:
        if outcome.error is not None:
            self._fail(outcome.source, outcome.target, task.bytes, outcome.error, outcome.node)
            return
        if outcome.summary is None:
            self._skip(task)
            return
        done, written, size = outcome.summary, size_of(outcome.target), task.bytes
        stream = written if self._conversion.command == "encode" else size
        kbps = stream * 8 / done.seconds / 1000 if done.samples else None
        line = Line(
            *(outcome.source, outcome.target, "done", size, written, done.seconds, done.elapsed_seconds, kbps),
            *(done.speed, done.notes, None, outcome.node or None),
        )
        self._done += 1
        if outcome.node:
            files, seconds = self._nodes.get(outcome.node, (0, 0.0))
            self._nodes[outcome.node] = (files + 1, seconds + done.seconds)
        self._bytes_in, self._bytes_out = self._bytes_in + size, self._bytes_out + written
        self._seconds += done.seconds
        self._report(line)
        many = self._many
        self._conversion.show(outcome.source, outcome.target, done, asdict(line), many.quiet, many.as_json)

    def _skip(self, task: Task) -> None:
        self._skipped += 1
        self._write(Line(task.source, task.target, "skipped", task.bytes, size_of(task.target)))

    def _write(self, line: Line) -> None:
        self._report(line)
        if self._many.as_json:
            tell(line.to_json().rstrip())

    def _summary(self) -> str:
        elapsed = time.monotonic() - self._started
        counts = [f"{self._done} {self._conversion.command}d"]
        left = self._total - self._done - self._skipped - len(self._failures)
        for count, what in ((self._skipped, "kept"), (len(self._failures), "failed"), (left, "not reached")):
            counts += [f"{count} {what}"] if count > 0 else []
        text = ", ".join(counts)
        if self._done:
            sizes = f"{size_text(self._bytes_in)} to {size_text(self._bytes_out)}"
            text += f": {sizes}, {time_text(self._seconds)} of audio, {self._seconds / elapsed:.1f} x real time"
        return text + ("; continue with --skip-existing" if left > 0 else "")


def _announce(command: str, tasks: list[Task], many: Many) -> None:
    """Print the plan."""
    for task in tasks:
        if many.as_json:
            status = "skipped" if task.finished else "planned"
            tell(Line(task.source, task.target, status, task.bytes).to_json().rstrip())
        else:
            tell(f"{'keep' if task.finished else command} {task.source} -> {task.target}")
