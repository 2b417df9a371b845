"""The `swc` command. Heavy imports stay inside the commands, so that help and `inspect` start at once."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated, NoReturn

import typer

from swc.cli.batch import batch
from swc.cli.cat import cat
from swc.cli.compare import compare
from swc.cli.cut import cut
from swc.cli.decode import decode
from swc.cli.demo import demo
from swc.cli.encode import encode
from swc.cli.evaluate import evaluate
from swc.cli.guard import DEBUG_VARIABLE, debugging, flush_stdout, guarded, say
from swc.cli.inspect import inspect
from swc.cli.models import models
from swc.cli.process import end_on_signals, open_standard_streams
from swc.cli.tag import tag
from swc.cli.tokens import tokens
from swc.cli.train import train
from swc.cli.verify import verify

__all__ = ["app", "main"]

app = typer.Typer(
    name="swc",
    help="Neural audio codec with a specified bitstream, 0.5 to 8 kbit/s.",
    epilog="Exit codes: 0 ok, 1 user or data error, 2 usage, 3 corrupt input, 130 interrupted; "
    "of several files, the highest of any.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("encode")(guarded(encode))
app.command("decode")(guarded(decode))
app.add_typer(batch)
app.command("inspect")(guarded(inspect))
app.command("tag")(guarded(tag))
app.command("verify")(guarded(verify))
app.command("cut")(guarded(cut))
app.command("cat")(guarded(cat))
app.command("tokens")(guarded(tokens))
app.add_typer(models)
app.command("compare")(guarded(compare))
app.command("eval")(guarded(evaluate))
app.command("train")(guarded(train))
app.command("demo")(guarded(demo))


def _show_version(wanted: bool) -> None:
    if wanted:
        from swc import __version__

        print(f"swc {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help=f"Show a traceback on errors, as {DEBUG_VARIABLE}=1 does.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            min=1,
            envvar="SWC_THREADS",
            help="Threads that networks run on.  [default: one a processor]",
        ),
    ] = None,
) -> None:
    from swc.threads import configure

    configure(threads)
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


def main() -> None:
    """Run the command line; ends in SystemExit with the exit code."""
    gc.set_threshold(100_000)  # importing torch makes half a million objects, none of them garbage
    open_standard_streams()
    end_on_signals()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app(prog_name="swc")
    except OSError as error:  # stdout, before or after the command itself
        if debugging():
            raise
        _end(error)
    finally:
        gc.freeze()  # what is left goes with the process, without a look at every object of torch
        if unwritten := flush_stdout():
            _end(unwritten)


def _end(error: OSError) -> NoReturn:
    """Leave after writing to stdout failed; a closed pipe needs no message."""
    flush_stdout()
    if not isinstance(error, BrokenPipeError):
        say(f"swc: error: standard output: {error.strerror}")
    raise SystemExit(1)
