"""The man page of swc, made from the command line itself: python docs/man_page.py > docs/swc.1"""

from __future__ import annotations

from collections.abc import Iterable

from reference import EXAMPLES, EXIT_CODES, VARIABLES, Argument, Command, Option, command_line

from swc import __version__


def page() -> str:
    """The page as roff."""
    swc = command_line()
    lines = [
        f'.TH SWC 1 "" "swc {__version__}" "User Commands"',
        *(".SH NAME", rf"swc \- {plain('neural audio codec')}"),
        *(".SH SYNOPSIS", r".B swc", r"[\fIOPTION\fR ...] \fICOMMAND\fR [\fIARGUMENT\fR ...]"),
        *(".SH DESCRIPTION", *paragraphs(swc.paragraphs)),
        *(".SH OPTIONS", *options(swc)),
        ".SH COMMANDS",
    ]
    for command in swc.commands:
        lines += section(command)
    lines += [".SH EXIT STATUS", *items((plain(code), plain(text)) for code, text in EXIT_CODES.items())]
    lines += [".SH ENVIRONMENT", *items((plain(name), plain(text)) for name, text in VARIABLES.items())]
    lines += [".SH EXAMPLES", *items((plain(line), plain(text)) for line, text in EXAMPLES.items())]
    return "\n".join(lines) + "\n"


def section(command: Command) -> Iterable[str]:
    """A command: synopsis, help, arguments and options; of a group, what is in it."""
    yield f".SS swc {plain(command.name)} [\\fIOPTION\\fR ...] {arguments(command)}".rstrip()
    yield from paragraphs(command.paragraphs)
    yield from items((italic(argument.name), plain(argument.text)) for argument in command.arguments)
    for inner in command.commands:
        if inner.like:
            same = plain(f"Options are those of swc {inner.like}, without -o.")
            yield from items([(f"swc {plain(inner.name)} {arguments(inner)}", f"{plain(inner.paragraphs[0])} {same}")])
    yield from options(command)
    for inner in command.commands:
        yield from section(inner) if not inner.like else ()


def options(command: Command) -> Iterable[str]:
    """The options of a command, --help among them."""
    return items((", ".join(option_names(option)), plain(option.text)) for option in command.options)


def arguments(command: Command) -> str:
    """The arguments as a synopsis has them."""
    return " ".join(map(argument_name, command.arguments))


def argument_name(argument: Argument) -> str:
    name = italic(argument.name) + (" ..." if argument.repeated else "")
    return name if argument.required else f"[{name}]"


def option_names(option: Option) -> Iterable[str]:
    value = plain("|".join(option.choices)) if option.choices else italic(option.value)
    return (f"\\fB{plain(name)}\\fR" + (f" {value}" if option.value else "") for name in option.names)


def items(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    """Tagged paragraphs."""
    for tag, text in pairs:
        yield from (".TP", tag, text)


def paragraphs(texts: Iterable[str]) -> Iterable[str]:
    for index, paragraph in enumerate(texts):
        if index:
            yield ".PP"
        yield plain(paragraph)


def italic(text: str) -> str:
    return f"\\fI{plain(text)}\\fR"


def plain(text: str) -> str:
    """Text that roff does not take for anything else."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    print(page(), end="")
