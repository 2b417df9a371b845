"""Reports of many files: any name, whole lines, and no file of another kind in their place."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from swc.cli.report import Line, check_report, report_to
from swc.errors import InputError

NAMES = ["caf\udce9", "a\nb\r", '"quoted", -x', "\u96ea"]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_reports_of_any_name_are_whole_line_by_line(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"r.{suffix}")
    with report_to(path) as report:
        for count, name in enumerate(NAMES, 1):
            report(Line(name, f"{name}.swc", "failed", 1, notes=("one", "two"), error="no, never"))
            if suffix == "jsonl":
                read = [json.loads(line) for line in Path(path).read_text().splitlines()]
                assert read[-1]["notes"] == ["one", "two"]
            else:
                with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
                    read = list(csv.DictReader(file))
                assert read[-1]["notes"] == "one; two"
            assert [line["input"] for line in read] == NAMES[:count]
            assert (read[-1]["error"], read[-1]["speed"] or None) == ("no, never", None)
    check_report(path)  # may be written again
    Path(path).write_bytes(b"")
    check_report(path)
    Path(path).write_bytes(b"precious")
    with pytest.raises(InputError, match="is not a report"):
        check_report(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_report_without_room_says_so(tmp_path: Path) -> None:
    (tmp_path / "r.csv").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught, report_to(str(tmp_path / "r.csv")):
        pass
    assert caught.value.filename == str(tmp_path / "r.csv")
