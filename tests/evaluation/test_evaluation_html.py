"""The report as a page: one file, no network, every clip, the worst first."""

from __future__ import annotations

import base64
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from swc.errors import InputError
from swc.evaluation import Results, Row, write_html
from swc.evaluation.results import Failure

ODD = 'music/<b>x</b> & "q"\udcff.wav'


def row(file: str, kbps: float, mel: float, **more: float) -> Row:
    values = {"kbps_measured": 0.9 * kbps, "seconds": 8.0, "encode_seconds": 0.5, "decode_seconds": 0.25}
    return Row(file=file, domain=file.split("/")[0], kbps=kbps, mel_distance=mel, **(values | more))


RESULTS = Results(
    (
        row("music/a.wav", 8.0, 0.5),
        row("music/a.wav", 2.0, 1.0),
        row(ODD, 8.0, 0.9, kbps_measured=8.5),
        row(ODD, 2.0, 1.4),
        row("speech/c.wav", 2.0, 1.2, pesq_wb=3.0, si_sdr=-math.inf),
        row("speech/d.wav", 2.0, 1.1, pesq_wb=2.0, si_sdr=1.0),
        row("speech/e.wav", 2.0, math.nan),
    ),
    (Failure("music/bad.wav", None, "music/bad.wav is <no> audio"),),
)


class Page(HTMLParser):
    """Tags with their attributes, and the text of headings, cells and links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("html") / "report.html"
    write_html(RESULTS, path, model="some <44k>", fingerprint="0123")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    page = Page(text)
    assert page.open == []
    return page


def test_it_is_one_file_without_network(text: str, page: Page) -> None:
    assert "http" not in text.replace('http-equiv="Content', "")
    assert {name for name, _ in page.tags} & {"link", "iframe", "object"} == set()
    assert all("src" not in attributes for attributes in page.of("script"))
    (image,) = page.of("img")
    kind, data = str(image["src"]).split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    (policy,) = [meta["content"] for meta in page.of("meta") if "http-equiv" in meta]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_names_are_escaped(text: str, page: Page) -> None:
    assert "<b>x" not in text
    assert "<no>" not in text
    assert 'music/<b>x</b> & "q"\\udcff.wav' in page.texts
    assert "Evaluation of some <44k>" in page.texts


def test_every_link_leads_somewhere(page: Page) -> None:
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    links = [str(link["href"]) for link in page.of("a")]
    assert len(anchors) == len(set(anchors))
    assert {link[1:] for link in links} <= set(anchors)
    assert {"#means", "#worst", "#domain-0", "#domain-1", "#failures"} <= set(links)


def test_the_worst_clips_come_first(text: str) -> None:
    worst = text.split('id="worst"')[1].split("<h2")[0]
    by = {re.sub("<.*?>", "", part).split()[0]: part for part in worst.split("<tr>")[1:]}
    files = {name: re.findall(r">((?:music|speech)/[^<]*)</a> (\S+?)<", part) for name, part in by.items()}
    assert [file.split("/")[1][0] for file, _ in files["mel"]] == ["c", "&", "d", "a"]
    assert [score for _, score in files["mel"]] == ["1.20", "1.15", "1.10", "0.75"]
    assert files["PESQ"] == [("speech/d.wav", "2.00"), ("speech/c.wav", "3.00")]
    assert files["SI-SDR"] == [("speech/c.wav", "-inf"), ("speech/d.wav", "1.0")]
    music, speech = text.split('id="domain-')[1:]
    assert re.findall(r"(&lt;b|a\.wav)", music) == ["&lt;b", "a.wav"]
    assert re.findall(r"speech/(.)\.wav", speech) == ["c", "d", "e"]


def test_clips_hold_what_they_are_sorted_by(page: Page) -> None:
    clips = {str(attributes["id"]): attributes for attributes in page.of("tbody") if attributes.get("class") == "clip"}
    assert len(clips) == 5
    assert clips["clip-1"]["data-m0"] == "-1.15"  # mel, of which less is better
    assert clips["clip-2"]["data-m1"] == "-Infinity"
    assert "data-m0" not in clips["clip-4"]
    measures = [button["data-measure"] for button in page.of("button")]
    assert measures == ["m0", "m0", "m1", "m2"]


def test_every_score_is_there(page: Page, text: str) -> None:
    assert {"0.50", "1.00", "0.90", "1.40", "3.00", "-inf"} <= set(page.texts)
    assert 'class="over"' in text
    assert "music/bad.wav is <no> audio" in page.texts


def test_nothing_is_left_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"swc-codec\[eval\]"):
        write_html(RESULTS, tmp_path / "a.html", model="", fingerprint="")
    assert list(tmp_path.iterdir()) == []
