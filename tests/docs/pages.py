"""The pages of the documentation, and the fenced blocks in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "docs", "docs/notebook", "formats", "models/swc-44k", "models/vrvq-44k")
PAGES = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))

NOT_RUN = {
    "pip install .": "needs the network; .ci/run does it",
    "pip install torch --index-url https://download.pytorch.org/whl/cpu": "needs the network",
    "pip install --no-deps .": "needs the network",
    "pip install 'numpy>=2' 'soundfile>=0.12' 'soxr>=0.4' 'typer>=0.16,<1' 'rich>=13' 'safetensors>=0.4' "
    "'bitarray>=3.0' 'tinytag>=2' 'onnxruntime>=1.19'": "needs the network",
    "swc batch encode /shared/recordings /shared/streams --engine ray --address HEAD:6379 "
    "--report streams.jsonl": "needs a cluster; tests/cli/test_cli_cluster.py starts one",
    "swc batch decode /shared/streams /shared/decoded --engine ray --address HEAD:6379": "needs a cluster",
    "make demo": "needs the network; .ci/run does it",
    "make quick": "runs the tests themselves",
    "torchrun --nproc-per-node 2 -m swc train models/swc-44k/config.toml --data my-recordings --out runs/two "
    "--max-minutes 60": "starts processes; tests/training/test_training_distributed.py does it",
    "torchrun --nnodes 2 --node-rank 0 --nproc-per-node 2 --master-addr FIRST --master-port 29500 -m swc train "
    "models/swc-44k/config.toml --data my-recordings --out runs/two --max-minutes 60": "needs two machines",
    "swc train models/swc-44k/config.toml --data my-recordings --out runs/mine --max-minutes 60 "
    "--resume runs/mine/last": "needs a run that was stopped; tests/training/test_training_run.py does it",
    "swc train configs/teacher-44k-slim.toml --data CORPUS --out runs/teacher-44k-slim": "hours",
    "swc train configs/switchcodec-44k-slim.toml --data CORPUS --val EVAL --out runs/switchcodec-44k-slim": "hours",
    "python benchmarks/backbones.py runs/teacher-44k-slim runs/switchcodec-44k-slim --eval EVAL": "needs those runs",
    "swc train configs/sq-16k.toml --data my-recordings --out runs/sq-16k --device cuda": "days on a GPU",
    "swc train configs/sq-16k.toml --data my-recordings --out runs/sq-16k --device cuda "
    "--resume runs/sq-16k/last": "goes on with that",
    "python benchmarks/ablations/run.py --data CORPUS --val EVAL --out DIR --cache corpus.safetensors": "hours",
    "python benchmarks/ablations/table.py DIR": "needs those hours",
    "python benchmarks/ablations/refit.py fixed-6 revq-17 --data CORPUS --val EVAL --out DIR "
    "--cache corpus.safetensors": "needs those hours",
}
"""Commands that the tests do not execute, and why."""


@dataclass(frozen=True)
class Block:
    """A fenced block: language, text without the indentation of a list, and the line it begins on."""

    language: str
    text: str
    line: int


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^( *)```([^\n]*)\n(.*?)^\1```$", text, re.S | re.M)
    return [Block(m[2], textwrap.dedent(m[3]), text.count("\n", 0, m.start()) + 1) for m in found]


def commands(block: Block) -> Iterator[str]:
    """The commands of a block of shell, without comments of their own line."""
    for line in re.sub(r"(?<= )\\\n", " ", block.text).splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def bare(command: str) -> str:
    """A command without the comment after it."""
    return re.sub(r"\s+# .*", "", command)
