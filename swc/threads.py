"""How many threads torch takes, and how they wait for each other. Both must be set before torch is imported.

Hundreds of small operations each end at a barrier. Threads that spin there are fast on an idle machine; beside other
work they burn the time that the others need to get there. So they sleep after a short while, unless the user has
chosen otherwise.

How a matrix product rounds depends on how threads share it. MKL has a mode in which it does not, at no measurable cost.
Other operations still make differences of some 1e-7, and phases can follow from the last bit, so a decoder gives each
chunk to one thread (`swc.dsp.ahead`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from swc.errors import InputError

VARIABLE = "SWC_THREADS"
CHOSEN_BY_USERS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
REPRODUCIBLE = "AUTO,STRICT"  # the processor's own instructions, and one order of sums for any number of threads
SPINS = 2000  # spins of GNU OpenMP, some microseconds; its default is 300 000
CGROUP = Path("/sys/fs/cgroup/cpu.max")


def configure(threads: int | None = None) -> None:
    """Set the number of threads and how they wait, for this process and those that it starts.

    Args:
        threads: of torch; None takes SWC_THREADS, else OMP_NUM_THREADS, else as many as there are processors for.

    Raises:
        InputError: SWC_THREADS is not a number of threads.
    """
    if not any(name in os.environ for name in CHOSEN_BY_USERS):
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
        os.environ["KMP_BLOCKTIME"] = "0"
    os.environ.setdefault("MKL_CBWR", REPRODUCIBLE)
    wanted = threads or _stated()
    if wanted or "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(wanted or available())
    if "torch" in sys.modules:  # too late for the environment
        sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def share(processes: int) -> int:
    """Threads for each of so many processes, out of those that `configure` set for one."""
    total = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, (int(total) if total.isdecimal() else available()) // max(1, processes))


def available() -> int:
    """Processors that this process may use: by its affinity, and by its container's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CGROUP.read_text().split()
        return max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return count


def _stated() -> int | None:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{VARIABLE} is {text!r}; set it to a number of threads, 1 or more, or not at all")
    return int(text)
