"""The command line as data, read from the app itself; `man_page.py` and `cli_page.py` render it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import typer

from swc.bundle.find import FOLDER_VARIABLE
from swc.cli import app
from swc.cli.guard import DEBUG_VARIABLE

VARIABLES = {
    FOLDER_VARIABLE: "A folder of models to use in place of the one that comes with swc.",
    "SWC_THREADS": "How many threads the networks take, as --threads says.",
    DEBUG_VARIABLE: "Anything but 0: show a traceback on errors, as --debug does.",
}
EXIT_CODES = {
    "0": "All went well.",
    "1": "An input, an option's value or the system is at fault; a message says what to do.",
    "2": "The command line is wrong.",
    "3": "An input is corrupt: a changed bit, a missing end, or not a .swc stream at all.",
    "130": "Interrupted.",
    "128 + n": "Ended by signal n.",
}
EXAMPLES = {
    "swc encode in.wav out.swc --kbps 2.67": "Encode a recording.",
    "swc decode out.swc out.wav": "Decode it, to the rate, channels and number of samples of the original.",
    "swc inspect out.swc": "Show what is in it.",
    "cat in.wav | swc encode - - | swc decode - - > out.wav": "Through pipes.",
}


@dataclass(frozen=True)
class Argument:
    """An argument.

    Attributes:
        name: as a user sees it.
        required: whether it must be given.
        repeated: whether several may be given, and the name does not say so.
        text: its help.
    """

    name: str
    required: bool
    repeated: bool
    text: str


@dataclass(frozen=True)
class Option:
    """An option.

    Attributes:
        names: short ones first.
        value: name of its value; empty for a flag.
        choices: the only values.
        text: its help, with the default.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        name: with those of its groups, without `swc`.
        paragraphs: its help.
        arguments, options: in the order of the help.
        commands: of a group.
        like: the command of `swc` of the same name, whose options one of a group has.
    """

    name: str
    paragraphs: tuple[str, ...]
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]
    commands: tuple[Command, ...] = ()
    like: str | None = None


def command_line() -> Command:
    """The whole app: its help, its options, its commands."""
    group: Any = typer.main.get_command(app)
    return _command("", group, group.context_class(group, info_name="swc", **group.context_settings))


def _command(name: str, this: Any, context: Any) -> Command:
    parameters = this.get_params(context)
    return Command(
        name,
        tuple(_paragraphs(this.help)),
        tuple(_argument(p) for p in parameters if p.param_type_name == "argument"),
        tuple(_option(p) for p in parameters if p.param_type_name == "option"),
        tuple(_commands(name, this, context)),
        name.split()[-1] if " " in name and name.split()[-1] in context.find_root().command.commands else None,
    )


def _commands(name: str, this: Any, context: Any) -> Iterator[Command]:
    for inner in getattr(this, "commands", ()):
        command = this.get_command(context, inner)
        yield _command(
            f"{name} {inner}".strip(), command, command.context_class(command, info_name=inner, parent=context)
        )


def _argument(parameter: Any) -> Argument:
    name = (parameter.metavar or parameter.name).removesuffix("...")
    return Argument(name, parameter.required, parameter.nargs == -1 and "..." not in name, _description(parameter))


def _option(parameter: Any) -> Option:
    names = tuple(sorted([*parameter.opts, *parameter.secondary_opts], key=len))
    if parameter.is_flag:
        return Option(names, "", (), _description(parameter))
    kind = getattr(parameter, "type_descriptor", None) or parameter.type  # from typer 0.29 on, or before
    choices = tuple(str(getattr(choice, "value", choice)) for choice in getattr(kind, "choices", None) or ())
    return Option(names, parameter.metavar or parameter.name.upper(), choices, _description(parameter))


def _description(parameter: Any) -> str:
    text, default = parameter.help or "", parameter.default
    default = getattr(default, "value", default)
    stated = not isinstance(default, bool) and isinstance(default, str | int | float | list | tuple) and default
    if stated and "[default:" not in text:
        values = default if isinstance(default, list | tuple) else [default]
        text += f"  [default: {', '.join(map(str, values))}]"
    return " ".join(text.split())


def _paragraphs(text: str | None) -> Sequence[str]:
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text or ""))]
