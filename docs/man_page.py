"""The man page of swc, made from the command line itself: python docs/man_page.py > docs/swc.1"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

import typer

from swc import __version__
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
    "cat in.wav | swc encode - - | swc decode - - > out.wav": "By way of pipes.",
}


def page() -> str:
    """The page as roff."""
    group: Any = typer.main.get_command(app)
    context = group.context_class(group, info_name="swc", **group.context_settings)
    lines = [
        f'.TH SWC 1 "" "swc {__version__}" "User Commands"',
        *(".SH NAME", rf"swc \- {plain('neural audio codec')}"),
        *(".SH SYNOPSIS", r".B swc", r"[\fIOPTION\fR ...] \fICOMMAND\fR [\fIARGUMENT\fR ...]"),
        *(".SH DESCRIPTION", *paragraphs(group.help)),
        *(".SH OPTIONS", *options(group, context)),
        ".SH COMMANDS",
    ]
    for name in group.list_commands(context):
        this = group.get_command(context, name)
        lines += command(name, this, context)
        for part, one in getattr(this, "commands", {}).items() if name != "batch" else ():  # it has those of others
            lines += command(f"{name} {part}", one, context)
    lines += [".SH EXIT STATUS", *items((plain(code), plain(text)) for code, text in EXIT_CODES.items())]
    lines += [".SH ENVIRONMENT", *items((plain(name), plain(text)) for name, text in VARIABLES.items())]
    lines += [".SH EXAMPLES", *items((plain(line), plain(text)) for line, text in EXAMPLES.items())]
    return "\n".join(lines) + "\n"


def command(name: str, this: Any, parent: Any) -> Iterable[str]:
    """A command: synopsis, help, arguments and options."""
    context = this.context_class(this, info_name=name, parent=parent)
    arguments = [parameter for parameter in this.params if parameter.param_type_name == "argument"]
    shown = " ".join(argument_name(argument) for argument in arguments)
    yield f".SS swc {plain(name)} [\\fIOPTION\\fR ...] {shown}".rstrip()
    yield from paragraphs(this.help)
    yield from items((argument_name(argument, bare=True), description(argument)) for argument in arguments)
    yield from options(this, context)


def options(this: Any, context: Any) -> Iterable[str]:
    """The options of a command, --help among them."""
    chosen = [parameter for parameter in this.get_params(context) if parameter.param_type_name == "option"]
    return items((", ".join(option_names(option)), description(option)) for option in chosen)


def argument_name(argument: Any, bare: bool = False) -> str:
    name = f"\\fI{plain((argument.metavar or argument.name).removesuffix('...'))}\\fR"
    if bare:
        return name
    name += " ..." if argument.nargs == -1 and "..." not in name else ""
    return name if argument.required else f"[{name}]"


def option_names(option: Any) -> Sequence[str]:
    value = ""
    if not option.is_flag:
        kind = getattr(option, "type_descriptor", None) or option.type  # from typer 0.29 on, or before
        names = [str(getattr(choice, "value", choice)) for choice in getattr(kind, "choices", None) or ()]
        value = f" {plain('|'.join(names))}" if names else f" \\fI{plain(option.metavar)}\\fR"
    return [f"\\fB{plain(name)}\\fR{value}" for name in sorted([*option.opts, *option.secondary_opts], key=len)]


def description(parameter: Any) -> str:
    text, default = parameter.help or "", parameter.default
    default = getattr(default, "value", default)
    stated = not isinstance(default, bool) and isinstance(default, str | int | float | list | tuple) and default
    if stated and "[default:" not in text:
        values = default if isinstance(default, list | tuple) else [default]
        text += f"  [default: {', '.join(map(str, values))}]"
    return plain(text)


def items(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    """Tagged paragraphs."""
    for tag, text in pairs:
        yield from (".TP", tag, text)


def paragraphs(text: str | None) -> Iterable[str]:
    for index, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text or ""))):
        if index:
            yield ".PP"
        yield plain(paragraph)


def plain(text: str) -> str:
    """Text on one line that roff takes for nothing else."""
    text = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    print(page(), end="")
