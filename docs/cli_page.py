"""docs/cli.md, made from the command line itself: python docs/cli_page.py > docs/cli.md"""

from __future__ import annotations

from collections.abc import Iterable

from reference import EXAMPLES, EXIT_CODES, VARIABLES, Argument, Command, Option, command_line


def page() -> str:
    """The page as Markdown."""
    swc = command_line()
    lines = ["# Commands", "", *paragraphs(swc.paragraphs)]
    lines += ["The same as `man swc` has it, and `swc COMMAND --help`. How to use it is in [guide.md](guide.md).", ""]
    lines += [f"- [swc {command.name}](#swc-{command.name})" for command in swc.commands]
    lines += ["", "Options of `swc` itself, before the command:", "", *options(swc)]
    for command in swc.commands:
        lines += section(command)
    lines += ["## Exit codes", "", *table(("code", "meaning"), EXIT_CODES.items())]
    named = ((f"`{name}`", text) for name, text in VARIABLES.items())
    lines += ["## Environment", "", *table(("variable", "meaning"), named)]
    lines += [
        "## Examples",
        "",
        *table(("command", "purpose"), ((code(line), text) for line, text in EXAMPLES.items())),
    ]
    return "\n".join(lines).rstrip() + "\n"


def section(command: Command) -> Iterable[str]:
    """A command: synopsis, help, arguments and options; of a group, what is in it."""
    yield from (
        f"## swc {command.name}",
        "",
        f"`swc {command.name} [OPTION ...] {arguments(command)}".rstrip() + "`",
        "",
    )
    yield from paragraphs(command.paragraphs)
    for inner in command.commands:
        yield f"- `swc {inner.name} [OPTION ...] {arguments(inner)}`: {escaped(inner.paragraphs[0])}"
        if inner.like:
            yield f"  Options are those of [swc {inner.like}](#swc-{inner.like}), without `-o`."
    if command.commands:
        yield ""
    if command.arguments:
        named = ((f"`{argument.name}`", escaped(argument.text)) for argument in command.arguments)
        yield from table(("argument", "meaning"), named)
    yield from options(command)
    for inner in command.commands:
        yield from section(inner) if not inner.like else ()


def options(command: Command) -> Iterable[str]:
    return table(("option", "meaning"), ((option_names(option), escaped(option.text)) for option in command.options))


def arguments(command: Command) -> str:
    """The arguments as a synopsis has them."""
    return " ".join(map(argument_name, command.arguments))


def argument_name(argument: Argument) -> str:
    name = argument.name + (" ..." if argument.repeated else "")
    return name if argument.required else f"[{name}]"


def option_names(option: Option) -> str:
    value = "|".join(option.choices) or option.value
    return ", ".join(code(f"{name} {value}".strip()) for name in option.names)


def table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Iterable[str]:
    yield from (f"| {head[0]} | {head[1]} |", "|---|---|")
    yield from (f"| {name} | {text} |" for name, text in rows)
    yield ""


def paragraphs(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        yield from (escaped(text), "")


def code(text: str) -> str:
    """A code span within a table."""
    return "`" + text.replace("|", "\\|") + "`"


def escaped(text: str) -> str:
    """Text that Markdown does not take for anything else."""
    for character in "\\|*_<>[":
        text = text.replace(character, f"\\{character}")
    return text


if __name__ == "__main__":
    print(page(), end="")
