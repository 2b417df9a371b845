"""The engine of a Ray cluster. ray is imported only when the work begins.

A worker is an actor whose only task is to run a process of the local engine on its node, and to pass on its messages.
So both engines do the same work in the same way; and when an actor is killed, its process notices, removes its
half-written file, and ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from tempfile import NamedTemporaryFile
from typing import Any

from swc.codec.engine import Crew, Engine, Message, Pair, Prepare
from swc.codec.pool import Process
from swc.errors import InputError, SwcError

ATTEMPTS = 3  # of a file whose workers die
INTERVAL = 1.0  # seconds between two reports of a worker
_PATIENCE = 10.0  # seconds that a worker gets to clean up, and a cluster to answer


def ray_engine(address: str | None = None) -> Engine:
    """The engine of a Ray cluster: one worker for each of its processors, or GPUs on a device other than the CPU.

    A session of Ray that this process has begun already is used, whatever the address.

    Args:
        address: HOST:PORT of the cluster's head, or auto for the cluster that runs on this machine. None takes
            RAY_ADDRESS, or else makes a cluster of this machine alone, for the time of the work.

    Raises:
        InputError: ray is not installed.
    """
    if find_spec("ray") is None:
        raise InputError("a cluster needs Ray; install it with: pip install 'swc-codec[ray]'")
    return partial(_crew, address)


@contextmanager
def _crew(
    address: str | None, prepare: Prepare, pairs: Sequence[Pair], device: str, jobs: int | None
) -> Iterator[Crew]:
    with _connected(address) as ray, marker_near(pairs[0][1]) as marker:
        resources = ray.cluster_resources()
        on_gpu = device != "cpu" and (device != "auto" or "GPU" in resources)
        available = int(resources.get("GPU" if on_gpu else "CPU", 0))
        if not (jobs or available):
            raise InputError(f"the Ray cluster has no {'GPU' if on_gpu else 'processor'} for `device` {device}")
        relay = ray.remote(num_cpus=1, num_gpus=int(on_gpu), max_concurrency=2, scheduling_strategy="SPREAD")(Relay)
        order = Order.of_here(prepare, marker)
        yield Crew(min(jobs or available, len(pairs)), lambda messages: _Actor(messages, relay, order), ATTEMPTS)


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """The module ray, in a session that ends with the block unless the caller had one.

    Raises:
        InputError: no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_reachable(address)
    ray._private.worker._worker_logs_enabled = False  # reports on lost workers, which would go to stdout
    on_term = signal.getsignal(signal.SIGTERM)
    local = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, logging_level="critical", log_to_driver=False, **local)
    except (Exception, SystemExit) as error:  # many kinds; exit where a dead cluster left files
        advice = "" if address in ("local", "auto") else "; where it asks for a token, set RAY_AUTH_MODE=token"
        raise InputError(f"`address` {address}: {' '.join(str(error).split())}{advice}") from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_term)  # ray has set its own
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Refuse at once what Ray would try for minutes."""
    if address in ("local", "auto"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise InputError(f"`address` must be HOST:PORT of the cluster's head, or auto, not {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        advice = "check it, or start a cluster there: ray start --head"
        raise InputError(f"no Ray cluster answers at `address` {address} ({error}); {advice}") from None


@contextmanager
def marker_near(target: str) -> Iterator[str]:
    """The path of a file near the first output, for nodes to see whether they see the same files."""
    folder = Path(os.path.abspath(target)).parent
    while not folder.is_dir():
        folder = folder.parent
    with NamedTemporaryFile(prefix=".swc-", suffix=".part", dir=folder) as file:
        yield file.name


@dataclass(frozen=True)
class Order:
    """What a node has to know.

    Attributes:
        prepare: pickled.
        version: of swc.
        folder: in which relative names are looked up.
        marker: a file that exists.
        path: where modules are looked for, after the node's own places.
        variables: of the environment.
    """

    prepare: bytes
    version: str
    folder: str
    marker: str
    path: list[str]
    variables: dict[str, str]

    @staticmethod
    def of_here(prepare: Prepare, marker: str) -> Order:
        from swc import __version__

        variables = {name: value for name, value in os.environ.items() if name.startswith("SWC_")}
        return Order(pickle.dumps(prepare), __version__, os.getcwd(), marker, sys.path, variables)

    def take(self) -> Prepare:
        """Make this process, on a node, as the order says.

        Raises:
            InputError: it cannot.
        """
        from swc import __version__

        if __version__ != self.version:
            raise InputError(f"swc is {__version__} there and {self.version} here; install the same on all nodes")
        if not os.path.exists(self.marker):
            raise InputError(f"{os.path.dirname(self.marker)} is not visible there as it is here; {_SHARED}")
        with suppress(OSError):  # it may matter to no name
            os.chdir(self.folder)
        os.environ.update(self.variables)
        sys.path += [place for place in self.path if place not in sys.path]
        prepare: Prepare = pickle.loads(self.prepare)  # noqa: S301  (our own)
        return prepare

    def check(self, source: str) -> None:
        """Raise InputError unless the node sees a source."""
        if not os.path.exists(os.path.join(self.folder, source)):
            node = socket.gethostname()
            raise InputError(f"{source} is not visible on node {node}; {_SHARED}")


_SHARED = "a cluster needs a shared file system, mounted at the same path on every node"


class Relay:
    """The actor: passes on what a process of its node says; each method yields kinds and contents of messages."""

    def __init__(self, order: Order) -> None:
        self._order, self._messages, self._last = order, SimpleQueue[Message](), 0.0
        self._process: Process | None = None

    def prepare(self) -> Iterator[tuple[str, Any]]:
        node = socket.gethostname()
        try:
            self._process = Process(self._order.take(), 1, self._messages)
            answers = self._answers()
        except SwcError as error:
            answers = iter([("unprepared", error)])
        for kind, content in answers:
            if kind == "unprepared":
                content.args = (f"node {node}: {content}",)
            yield kind, node if kind == "prepared" else content

    def work(self, pair: Pair) -> Iterator[tuple[str, Any]]:
        assert self._process is not None
        try:
            self._order.check(pair[0])
        except InputError as error:
            yield "done", error
            return
        self._process.send(pair)
        yield from self._answers()

    def end(self) -> None:
        if self._process is not None:
            self._process.stop()

    def _answers(self) -> Iterator[tuple[str, Any]]:
        """Messages of the process, up to the next that is not about progress."""
        while True:
            _, kind, content = self._messages.get()
            if kind != "progress":
                yield kind, content
                return
            if time.monotonic() - self._last >= INTERVAL:
                self._last = time.monotonic()
                yield kind, content


class _Actor:
    """A worker of the cluster, as seen from here; a thread waits for its answers."""

    def __init__(self, messages: SimpleQueue[Message], relay: Any, order: Order) -> None:
        self.index: int | None = None
        self.node = ""
        self._pairs = SimpleQueue[Pair | None]()
        self._ending: Any = None
        self._actor = relay.remote(order)
        self._thread = threading.Thread(target=self._listen, args=(messages,), daemon=True)
        self._thread.start()

    def send(self, pair: Pair) -> None:
        self._pairs.put(pair)

    def dismiss(self) -> None:
        self._pairs.put(None)
        if self.index is not None and self._ending is None:
            self._ending = self._actor.end.remote()

    def stop(self) -> None:
        import ray

        self.dismiss()
        if self._ending is not None:
            ray.wait([self._ending], timeout=_PATIENCE)
        ray.kill(self._actor)
        self._thread.join(_PATIENCE)

    def _listen(self, messages: SimpleQueue[Message]) -> None:
        import ray

        try:
            self._pass_on(self._actor.prepare.remote(), messages)
            for pair in iter(self._pairs.get, None):
                self._pass_on(self._actor.work.remote(pair), messages)
        except ray.exceptions.RayError as error:
            where = f"node {self.node}" if self.node else "a node"
            lines = str(error).strip().splitlines()
            reason = lines[-1] if "Error: " in lines[-1] else lines[0]  # a traceback ends with what matters
            messages.put((self, "died", SwcError(f"the worker on {where} was lost: {reason}")))

    def _pass_on(self, answers: Any, messages: SimpleQueue[Message]) -> None:
        import ray

        for answer in answers:
            kind, content = ray.get(answer)
            if kind == "prepared":
                self.node = content
            messages.put((self, kind, content))
