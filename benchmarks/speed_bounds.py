"""Whether swc is as fast as it promises: a line for each bound, pass or FAIL; the exit code is 1 if one fails.

pip install transformers snac
python benchmarks/speed_bounds.py [peers] [lengths] [busy] [cold] [--rounds N]

All parts, or those that are named. They need two cores without other work, and take some eight minutes, half of them
for DAC.

- peers: encoding and decoding 10 s beside EnCodec at 24 kHz and DAC, in turns, as benchmarks/peers.py does.
- lengths: encoding 60 s beside 10 s, and with two threads beside one.
- busy: `swc encode` of 10 s beside two busy processes, with its own choice of threads beside one thread
  (benchmarks/busy.py).
- cold: whole commands on 10 s, torch's start included.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import busy as busy_machine
import peers as beside
from growth import write_recording
from pages import Bound
from peer_tables import Figures

SWC, ENCODEC, DAC = "swc-44k", "EnCodec 24 kHz", "DAC 44.1 kHz"
SECONDS, LONG = 10, 60
RATIOS = ((ENCODEC, "encode", 3.0), (ENCODEC, "decode", 4.0), (DAC, "encode", 50.0), (DAC, "decode", 100.0))


def peers(rounds: int) -> list[Bound]:
    """Ratios of speed with two threads."""
    figures = Figures(beside.run((SWC, ENCODEC, DAC), SECONDS, rounds, (1,), (2,), count=False))
    return [
        Bound(f"{work} {SECONDS} s, times as fast as {other}", figures.ratio(SWC, other, 2, 1, work), least, True)
        for other, work, least in RATIOS
    ]


def lengths(rounds: int) -> list[Bound]:
    """What long recordings and a second thread gain."""
    short, long = (Figures(beside.run((SWC,), seconds, rounds, (1,), count=False)) for seconds in (SECONDS, LONG))
    two, one = (long.speed(SWC, threads, 1, "encode") for threads in (2, 1))
    return [
        Bound(f"encode {LONG} s, speed beside {SECONDS} s", two / short.speed(SWC, 2, 1, "encode"), 1.3, True),
        Bound(f"encode {LONG} s, two threads beside one", two / one, 1.4, True),
    ]


def busy(rounds: int) -> list[Bound]:
    """What threads cost where others work."""
    with tempfile.TemporaryDirectory() as folder, busy_machine.busy_processes(2):
        recording = Path(folder, "in.wav")
        write_recording(recording, SECONDS)
        wall, processor = busy_machine.compare("2 busy", recording, rounds)
    return [
        Bound("encode beside two busy processes, processor time beside one thread's", processor, 1.5),
        Bound("encode beside two busy processes, wall-clock time beside one thread's", wall, 1.0),
    ]


def cold(rounds: int) -> list[Bound]:
    """Whole commands, of which the first run, which reads libraries from disk, does not count."""
    with tempfile.TemporaryDirectory() as folder:
        recording, coded, back = (Path(folder, name) for name in ("in.wav", "coded.swc", "back.wav"))
        write_recording(recording, SECONDS)
        commands = {
            f"swc encode of {SECONDS} s": ("encode", recording, coded),
            f"swc encode --effort 0 of {SECONDS} s": ("encode", recording, coded, "--effort", "0"),
            f"swc decode of {SECONDS} s": ("decode", coded, back),
        }
        bounds = []
        for what, command in commands.items():
            times = [busy_machine.swc(*command, "--force")[0] for _ in range(rounds + 1)]
            bounds.append(Bound(f"{what}, seconds", statistics.median(times[1:]), 2.5))
    return bounds


PARTS = {part.__name__: part for part in (peers, lengths, busy, cold)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default 3)")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there are only the parts {', '.join(PARTS)}, not {', '.join(unknown)}")
    held = True
    for name in args.parts or PARTS:
        for bound in PARTS[name](args.rounds):
            print(bound, flush=True)
            held &= bound.holds
    sys.exit(not held)


if __name__ == "__main__":
    main()
