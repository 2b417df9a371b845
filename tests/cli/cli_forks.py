"""swc as processes that start at once: forks of a process that has imported everything.

For what depends on the start of an interpreter (encodings, buffers, imports, threads), run `command_line` instead.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2])
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
Environment = tuple[tuple[str, str], ...]


class Forked(subprocess.Popen[bytes]):
    """A command, started by the server; `subprocess.Popen` in all else.

    Args:
        args: of swc.
        environment: variables beside those of this process; how the interpreter starts depends on them.
        file_limit: bytes that a file may have, which stands for a full disk.
        options: of Popen: stdin, stdout, stderr.
    """

    def __init__(
        self, *args: str | Path, environment: Environment = (), file_limit: int | None = None, **options: Any
    ) -> None:
        self._environment, self._file_limit = environment, file_limit
        super().__init__(list(map(str, args)), **options)

    def _execute_child(self, args: list[str], *rest: Any) -> None:
        pipes = rest[9:15]  # the child's end and ours of stdin, ours and the child's of stdout and of stderr
        child_ends = [end if end != -1 else number for number, end in enumerate((pipes[0], pipes[3], pipes[5]))]
        request = {"args": args, "folder": os.getcwd(), "file_limit": self._file_limit}
        ours, theirs = os.pipe()
        _adopt(True)
        socket.send_fds(_server(self._environment), [json.dumps(request).encode()], [*child_ends, theirs])
        os.close(theirs)
        with open(ours) as report:
            self.pid, self._child_created = int(report.read()), True
        while not _is_child(self.pid):
            time.sleep(0.001)
        _adopt(False)
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _is_child(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return True
    return False


def _adopt(orphans: bool) -> None:
    """Whether processes further down become children of this one when their parents end, so that it can wait."""
    ctypes.CDLL(None).prctl(36, int(orphans), 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


@cache
def _server(environment: Environment) -> socket.socket:
    """Where requests go, while this process lives."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        process = subprocess.Popen(
            [sys.executable, __file__, str(there.fileno())],
            stdin=subprocess.DEVNULL,
            env={**ONE_THREAD, "PYTHONPATH": ROOT, **dict(environment)},
            pass_fds=[there.fileno()],
        )

    def close() -> None:
        here.close()
        process.wait()

    atexit.register(close)
    return here


def _serve(requests: socket.socket) -> dict[str, Any]:
    """Fork at each request; what returns is the process of a command, whose parent has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, fds, *_ = socket.recv_fds(requests, 1 << 20, 4)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            break
        for fd in fds:
            os.close(fd)
    *streams, report = fds
    if pid := os.fork():
        os.write(report, str(pid).encode())
        os._exit(0)
    requests.close()
    os.close(report)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    return json.loads(data)  # type: ignore[no-any-return]


if __name__ == "__main__":
    from swc.cli import main

    import_module("swc.codec.codec")
    import_module("swc.codec.transcode")
    asked = _serve(socket.socket(fileno=int(sys.argv[1])))
    os.chdir(asked["folder"])
    if asked["file_limit"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["file_limit"],) * 2)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        old = getattr(sys, name)  # knows of the file that it was opened with
        setattr(sys, name, os.fdopen(old.fileno(), mode, -1, old.encoding, old.errors))
    sys.argv = ["swc", *asked["args"]]
    main()
