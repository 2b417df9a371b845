"""The pages: blocks of known languages, links and configs that are right, pages of bounded length."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from pages import NOT_RUN, PAGES, ROOT, blocks, commands, name

from swc import __version__
from swc.cli import app
from swc.config import Config

LANGUAGES = {"sh", "python", "toml", "text"}
MOST_LINES = {"README.md": 300, "docs/training.md": 120, "models/swc-44k/MODEL_CARD.md": 80, "CONTRIBUTING.md": 80}
SAMPLES = ROOT / "docs" / "samples"


def test_there_are_pages() -> None:
    assert {"README.md", "docs/faq.md", "docs/notebook/phases.md", "formats/SWC-1.md"} <= set(map(name, PAGES))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_fence_is_a_block_of_a_known_language(page: Path) -> None:
    """So that no snippet escapes the tests by its fence."""
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if SAMPLES in path.parents and not SAMPLES.exists():  # `python docs/samples.py` makes them
            continue
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:swc|tests|docs|benchmarks|formats|fuzz|models)/[\w./-]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert [test for test in re.findall(r"`(test_\w+)`", text) if f"def {test}(" not in tests] == []


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.language == "toml" for b in blocks(page))], ids=name)
def test_configs_are_valid(page: Path) -> None:
    shipped = tomllib.loads((ROOT / "models" / "swc-44k" / "config.toml").read_text(encoding="utf-8"))
    for block in blocks(page):
        if block.language == "toml":
            Config.from_table(merged(shipped, tomllib.loads(block.text)), f"{name(page)}:{block.line}")


def merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A config with changes to it; lists, such as the stages, are replaced."""
    both = {key: merged(table[key], changes[key]) for key in changes if isinstance(table.get(key), dict)}
    return table | changes | both


def test_commands_that_are_not_run_are_in_a_page_and_parse() -> None:
    shown = [line.strip() for page in PAGES for b in blocks(page) if b.language == "sh" for line in commands(b)]
    group: Any = typer.main.get_command(app)
    for command in NOT_RUN:
        assert command in shown
        words = shlex.split(command)
        if "swc" in words:
            sub, *arguments = words[words.index("swc") + 1 :]
            group.commands[sub].make_context(sub, arguments)


@pytest.mark.parametrize("page", MOST_LINES)
def test_pages_for_readers_are_short(page: str) -> None:
    assert len((ROOT / page).read_text(encoding="utf-8").splitlines()) <= MOST_LINES[page]


def test_changelog_and_version_agree() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
