"""The options for many files, which encode, decode and batch have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from swc.errors import InputError

if TYPE_CHECKING:
    from swc.codec.engine import Engine

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="A folder for the outputs, created if needed. Every IN is an input then, and folders are searched: "
        "their files keep their place below DIR.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="With many files: processes, which share the threads.  [default: one a processor, or 1 on a GPU]",
    ),
]


class EngineName(StrEnum):
    """Where the processes for many files run."""

    LOCAL = "local"
    RAY = "ray"


Engines = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="With many files: processes on this machine, or on a Ray cluster whose nodes share the files; "
        "needs swc-codec[ray].",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="With --engine ray: the head of the cluster, or auto for one that runs on this machine.  "
        "[default: RAY_ADDRESS, or else a new cluster of this machine alone]",
    ),
]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="With many files: keep outputs that are complete and not older than their inputs, to continue a run.",
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="GLOB",
        help="With many files: only inputs whose name, or path in their folder, matches; may be given several times.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="With many files: skip inputs that match; as --include."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With many files: print what would be done, and do nothing.")]
ReportPath = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="With many files: a report with a line for each, as .jsonl or .csv: sizes, times, kbit/s, errors.",
    ),
]


@dataclass(frozen=True)
class Many:
    """The options for many files, as above, and those of every command."""

    jobs: int | None
    engine: EngineName
    address: str | None
    skip_existing: bool
    include: list[str] | None
    exclude: list[str] | None
    dry_run: bool
    report: str | None
    force: bool
    quiet: bool
    as_json: bool

    def refuse_alone(self, context: typer.Context) -> None:
        """Refuse options for many files if no folder is named for the outputs.

        Raises:
            typer.BadParameter: naming them.
        """
        names = ("jobs", "address", "skip_existing", "include", "exclude", "dry_run", "report")
        given = [f"--{name.replace('_', '-')}" for name in names if getattr(self, name)]
        if self.engine != EngineName.LOCAL:
            given.insert(0, "--engine")
        if given:
            raise typer.BadParameter(f"{' and '.join(given)}: only for many files; add -o DIR", context)

    def chosen_engine(self) -> Engine:
        """The engine that was asked for.

        Raises:
            InputError: it is not installed, or takes no address.
        """
        if self.engine == EngineName.RAY:
            from swc.codec.cluster import ray_engine

            return ray_engine(self.address)
        if self.address is not None:
            raise InputError("`address` is of a Ray cluster; add `engine` ray")
        from swc.codec.pool import local_engine

        return local_engine
