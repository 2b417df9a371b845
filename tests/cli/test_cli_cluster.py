"""Many files on a Ray cluster: the same files as from this machine, though a worker is killed; errors that say why."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile as sf
from cli_many import Swc, contents, noise
from cluster_work import Fatal

from swc.codec import cluster
from swc.codec.cluster import Order, Relay, ray_engine
from swc.codec.engine import Engine, Prepare
from swc.errors import InputError

ENGINE = ("--engine", "ray")
NAMES = [f"{i}.wav" for i in range(5)] + ["caf\udce9.wav"]


@pytest.fixture
def recordings(swc: Swc) -> Path:
    (swc.folder / "in").mkdir()
    for i, name in enumerate(NAMES):
        with open(swc.folder / "in" / name, "wb") as file:
            sf.write(file, noise(0.3 + i / 10, 8000), 8000, format="WAV")
    return swc.folder / "in"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of ray
def test_a_killed_worker_costs_nothing(swc: Swc, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'swc-codec[ray]'")
    log = swc.folder / "log"

    def fatal_engine(address: str | None) -> Engine:
        engine = ray_engine(address)

        def engine_that_loses_a_worker(prepare: Prepare, pairs: Sequence[tuple[str, str]], *rest: object) -> object:
            return engine(Fatal(prepare, "2.wav", log), pairs, *rest)  # type: ignore[arg-type]

        return engine_that_loses_a_worker  # type: ignore[return-value]

    (swc.folder / "alone").mkdir()
    for name in NAMES:  # as the local engine has them: tests/cli/test_cli_many_runs.py
        assert swc("encode", f"in/{name}", "alone", "--effort", "0").exit_code == 0
    monkeypatch.setattr(cluster, "ray_engine", fatal_engine)
    (recordings / "broken.wav").write_bytes(b"RIFF")
    done = swc("encode", "in", "-o", "out", "--effort", "0", *ENGINE, "--jobs", "2", "--json", "--report", "r.jsonl")
    if "timed out during startup" in done.stderr:  # after 30 s, which Ray does not let us change
        pytest.skip("this machine is too busy to start Ray")
    assert done.exit_code == 1
    assert log.with_suffix(".killed").exists()
    assert contents(swc.folder / "out") == contents(swc.folder / "alone")
    assert sorted(log.read_text(errors="surrogateescape").splitlines()) == sorted(f"in/{name}" for name in NAMES)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [json.loads(line) for line in (swc.folder / "r.jsonl").read_text().splitlines()]
    assert {line["node"] for line in lines} == {socket.gethostname()}
    assert [line["input"] for line in lines if line["status"] == "failed"] == ["in/broken.wav"]
    assert f"node {socket.gethostname()}: 6 files" in done.stderr


def test_without_ray(swc: Swc, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    done = swc("encode", "in", "-o", "out", *ENGINE)
    assert (done.exit_code, contents(swc.folder / "in").keys()) == (1, set(NAMES))
    assert done.stderr == "swc: error: a cluster needs Ray; install it with: pip install 'swc-codec[ray]'\n"


def test_options_of_a_cluster_alone(swc: Swc, recordings: Path) -> None:
    assert "--engine and --address: only for many files; add -o DIR" in swc(
        "encode", "in/0.wav", *ENGINE, "--address", "auto"
    ).stderr.replace("\n", " ")
    done = swc("encode", "in", "-o", "out", "--address", "auto")
    assert (done.exit_code, done.stderr) == (1, "swc: error: --address is of a Ray cluster; add --engine ray\n")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "no Ray cluster answers at --address 127.0.0.1:9 "),
        ("ray://127.0.0.1:9", "--address must be HOST:PORT "),
        ("head", "--address must be HOST:PORT "),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_addresses_without_a_cluster(
    swc: Swc, recordings: Path, monkeypatch: pytest.MonkeyPatch, address: str, message: str
) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'swc-codec[ray]'")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    done = swc("encode", "in", "-o", "out", *ENGINE, "--address", address)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"swc: error: {message}"), done.stderr
    assert contents(swc.folder / "out") == {}


def test_nodes_that_do_not_see_the_files(recordings: Path) -> None:
    order = Order.of_here(str, str(recordings / "0.wav"))
    order.check("in/0.wav")
    with pytest.raises(InputError, match=r"none\.wav is not visible on node .* a shared file system"):
        order.check("in/none.wav")
    ((kind, error),) = Relay(Order.of_here(str, "/nowhere/marker")).prepare()
    assert kind == "unprepared"
    assert str(error).startswith(f"node {socket.gethostname()}: /nowhere is not visible there")
    old = Order(b"", "0.0", ".", "", [], {})
    ((_, error),) = Relay(old).prepare()
    assert "install the same on all nodes" in str(error)
