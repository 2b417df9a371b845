"""What is published: names, licences, the page on the index, the content of wheel and sdist; builds repeat."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from swc import __version__

pytest.importorskip("hatchling", reason="needs hatchling: pip install 'swc-codec[dev]'")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BUILD = "import hatchling.build, sys; [getattr(hatchling.build, f'build_{kind}')(sys.argv[1]) for kind in sys.argv[2:]]"


def build(source: Path, target: Path, *kinds: str, **environment: str) -> list[Path]:
    """The sdist and the wheel of a source tree, or `kinds` of them, made without network."""
    target.mkdir()
    command = [sys.executable, "-c", BUILD, str(target), *(kinds or ("sdist", "wheel"))]
    subprocess.run(command, cwd=source, check=True, capture_output=True, env=os.environ | environment)
    return sorted(target.iterdir(), key=lambda path: path.suffix)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(ROOT, tmp_path_factory.mktemp("packages") / "dist")


@pytest.fixture(scope="module")
def unpacked(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree in the sdist."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(packages[0]) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"swc_codec-{__version__}"


@pytest.fixture(scope="module")
def metadata(packages: list[Path]) -> Message:
    with zipfile.ZipFile(packages[1]) as wheel:
        return email.message_from_bytes(wheel.read(f"swc_codec-{__version__}.dist-info/METADATA"))


def test_names_and_licences(packages: list[Path], metadata: Message) -> None:
    compiled = (ROOT / "swc" / "native" / "_native.so").exists()  # by the build
    platform = re.sub(r"\W", "_", sysconfig.get_platform()) if compiled else "any"
    assert [path.name for path in packages] == [
        f"swc_codec-{__version__}.tar.gz",
        f"swc_codec-{__version__}-py3-none-{platform}.whl",
    ]
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-SA-4.0"
    texts = {"LICENSE": "Apache License", "LICENSES/CC-BY-SA-4.0.txt": "Attribution-ShareAlike 4.0 International"}
    assert metadata.get_all("License-File") == list(texts)
    with zipfile.ZipFile(packages[1]) as wheel:
        info = f"swc_codec-{__version__}.dist-info"
        for name, title in texts.items():
            assert title in wheel.read(f"{info}/licenses/{name}").decode()
        assert b"swc = swc.cli:main" in wheel.read(f"{info}/entry_points.txt")


def test_the_wheel_has_the_package_and_the_models_alone(packages: list[Path]) -> None:
    with zipfile.ZipFile(packages[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {path.relative_to(ROOT) for path in (ROOT / "swc").rglob("*") if path.is_file()}
    package = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    page = f"swc_codec-{__version__}.data/data/share/man/man1/swc.1"
    models = {path for path in (ROOT / "models").rglob("*") if path.suffix in (".toml", ".safetensors", ".md", ".json")}
    bundles = {f"swc/{path.relative_to(ROOT).as_posix()}" for path in models}
    assert "swc/models/swc-44k/weights.safetensors" in bundles
    assert names == package | bundles | {page}


def test_the_sdist_has_what_the_readme_the_tests_and_a_build_need(unpacked: Path) -> None:
    readme = (unpacked / "README.md").read_text(encoding="utf-8")
    named = [link for link in re.findall(r"\]\(([^)#]+)", readme) if "://" not in link]
    named += re.findall(r"\bpython (benchmarks/\w+\.py)", readme)
    assert [name for name in named if not (unpacked / name).exists()] == []
    tests = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py")}
    assert tests == {path.relative_to(unpacked) for path in (unpacked / "tests").rglob("*.py")}


def test_builds_repeat_to_the_byte(packages: list[Path], unpacked: Path, tmp_path: Path) -> None:
    again = build(unpacked, tmp_path / "dist")  # from the sdist, whose files have other times
    assert [path.name for path in again] == [path.name for path in packages]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in packages]


def test_without_a_compiler_the_wheel_is_for_all_platforms(unpacked: Path, tmp_path: Path) -> None:
    (wheel,) = build(unpacked, tmp_path / "dist", "wheel", CC="no-such-compiler")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name in archive.namelist() if name.endswith(".so")] == []


def test_the_page_on_the_index_has_no_link_that_leads_nowhere(metadata: Message) -> None:
    page = str(metadata.get_payload())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "](https://arxiv.org/abs/2505.24437)" in page
    assert [link for link in re.findall(r"\]\(([^)]*)\)", page) if "://" not in link] == []


def test_every_extra_is_named_after_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pattern = re.compile(rf"(?<!-)\bswc\[({'|'.join(project['optional-dependencies'])})\b")
    texts = [*(ROOT / "swc").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "docs" / "swc.1"]
    assert [path.name for path in texts if pattern.search(path.read_text(encoding="utf-8"))] == []
