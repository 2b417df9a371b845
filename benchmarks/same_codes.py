"""The share of codes in which two folders of streams differ, which were made of the same recordings.

python benchmarks/same_codes.py ONE OTHER [--most 0.001]

A position counts if either stream has a code there; other experts are other codes, too. The exit code is 1 if the share
is above --most, or if a stream has no counterpart.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from swc import Stream


def compare(one: Path, other: Path) -> tuple[int, int]:
    """How many positions differ, and how many there are."""
    codes, others = Stream.load(one).codes(), Stream.load(other).codes()
    if codes.shape != others.shape:
        sys.exit(f"{one} and {other} are not of the same recording")
    return int(np.sum(codes != others)), int(np.sum((codes >= 0) | (others >= 0)))


def streams(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*.swc"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("one", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--most", type=float, default=0.001, metavar="SHARE", help="(default 0.001)")
    args = parser.parse_args()
    names = streams(args.one)
    if not names or names != streams(args.other):
        sys.exit(f"{args.one} and {args.other} hold different streams")
    counts = np.array([compare(args.one / name, args.other / name) for name in names])
    different, total = counts.sum(0)
    same = int(np.sum(counts[:, 0] == 0))
    share = different / total
    print(f"{different} of {total} codes differ, {100 * share:.4f} %; {same} of {len(names)} files have the same codes")
    sys.exit(int(share > args.most))


if __name__ == "__main__":
    main()
