"""The listening page in a real browser: played, switched, looped, rated, exported. Needs Chromium and playwright."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listening_pages import Opened, gains
from tiny import tones

from swc.evaluation.listening import Recording, Version, listening_page

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'swc-codec[dev]'")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium found; install it (Debian: apt-get install chromium)"),
]

RATE = 44100
SECONDS = 4.0
EVIL = "<img src=x onerror=alert(1)>\"'&</script><!--"
QUIET, INVERTED = 'half as loud, "quoted"', "inverted"


def sound() -> np.ndarray:
    return tones(SECONDS, RATE, 3)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings; of the first a quiet copy, which level matching makes an equal one, and an inverted one."""
    x = sound()
    first = (Version("Original", x), Version(QUIET, 0.5 * x, 2.0), Version(INVERTED, -x, 7.91))
    second = (Version("Original", x[:RATE]), Version(EVIL, x[:RATE], 1.0, note=EVIL))
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(listening_page([Recording("first", RATE, first), Recording(EVIL, RATE, second, 12.5)]))
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = driver.chromium.launch(executable_path=BROWSER, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Opened]:
    """The page as anybody opens it; at the end nothing was asked of any network, and nothing went wrong."""
    page = Opened(browser, page_file)
    yield page
    assert page.complaints == []
    assert page.requests == []
    page.context.close()


@pytest.fixture
def recording(browser: Any, page_file: Path) -> Iterator[Opened]:
    page = Opened(browser, page_file, recorded=True)
    yield page
    assert page.complaints == []
    page.context.close()


def test_switching_is_seamless_at_the_same_place_and_level(recording: Opened) -> None:
    recording.press("Space", wait=500)
    recording.press("2", wait=500)  # the quiet copy, which sounds the same
    recording.press("3", wait=500)  # inverted
    recording.press("1", wait=500)
    recording.press("Space", wait=200)
    factors, rest = gains(recording.recorded(), sound()[:, 0])
    factors, rest = factors[8:-20], rest[8:-20]  # without the fades at both ends
    assert len(factors) * 0.005 > 1.6
    turned = np.flatnonzero(factors < 0)
    assert len(turned) * 0.005 > 0.4
    assert np.all(np.diff(turned) == 1)
    sure = (np.abs(np.abs(factors) - 1) < 0.01) & (rest < 0.02)
    assert np.count_nonzero(~sure) <= 14  # two crossfades of the inverted version; that to the copy leaves no trace
    assert np.all(sure[: turned[0] - 8])


def test_unmatched_levels_are_those_of_the_files(recording: Opened) -> None:
    recording.press("m", "2", "Space", wait=500)
    factors, rest = gains(recording.recorded(), sound()[:, 0])
    assert factors[10:60] == pytest.approx(0.5, abs=0.005)
    assert rest[10:60].max() < 0.02


def test_loop_repeats_to_the_sample(recording: Opened) -> None:
    recording.press("ArrowRight", "[", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "]")
    recording.expect_text("#status", "Loop from 1.00 s to 1.30 s")
    recording.press("Space", wait=1200)
    recording.press("Space", wait=200)
    y = recording.recorded()
    heard = y[np.flatnonzero(y)[0] :][2000:]
    period = round(0.3 * RATE)
    assert len(heard) > 3 * period
    np.testing.assert_allclose(heard[period : 2 * period], heard[:period], atol=1e-4)
    part = sound()[RATE : RATE + period, 0]
    assert any(np.allclose(np.roll(part, -shift), heard[:period], atol=1e-3) for shift in range(1990, 2010))


def test_playing_moves_on_and_seeking_jumps(opened: Opened) -> None:
    opened.press("Space")
    opened.expect_text("#play", "Pause")
    opened.page.wait_for_timeout(500)
    moved = opened.position()
    assert moved > 0.1
    opened.press("Space")
    opened.expect_text("#play", "Play")
    paused = opened.position()
    opened.page.wait_for_timeout(200)
    assert opened.position() == paused >= moved
    opened.press("Home", "ArrowRight", "ArrowRight", "Shift+ArrowLeft")
    assert opened.position() == pytest.approx(1.9, abs=0.001)
    box = opened.page.locator(".picture").nth(1).bounding_box()
    opened.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    assert opened.position() == pytest.approx(SECONDS / 4, abs=0.02)
    opened.press("End", "ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowLeft", "Space", wait=900)
    opened.expect_text("#play", "Play")  # it came to the end, and is back at the beginning
    assert opened.position() == 0


def test_dragging_loops_and_keys_switch(opened: Opened) -> None:
    box = opened.page.locator(".picture").first.bounding_box()
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=3)
    opened.page.mouse.up()
    opened.expect_text("#status", "Loop from 1.00 s to 2.00 s")
    assert opened.position() == pytest.approx(1, abs=0.02)
    opened.press("Escape")
    opened.expect_text("#status", "No loop")
    seen = []
    for key in ("3", "2", "0", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "9"):
        opened.press(key)
        seen += opened.chosen()
    assert seen == ["3", "2", "1", "2", "3", "3", "2", "2"]
    opened.press("?")
    assert opened.page.locator("#keys").is_visible()
    opened.press("3", "Escape")
    assert opened.chosen() == ["2"]


def test_blind_test_is_rated_revealed_and_exported(opened: Opened, tmp_path: Path) -> None:
    assert opened.titles() == ["Original", QUIET, INVERTED]
    opened.press("b")
    assert opened.titles() == ["Reference", "Version A", "Version B", "Version C"]
    assert opened.page.locator("canvas").count() == 1  # those of the others would tell them apart
    hidden = opened.page.locator("main").inner_text()
    assert not any(word in hidden for word in (QUIET, INVERTED, "kbit/s"))
    opened.press("Space")
    for count, letter in enumerate("ABC"):
        assert opened.page.locator("#reveal").is_disabled()
        opened.press(letter.lower(), wait=250)
        assert opened.chosen() == [letter]
        opened.page.locator(".score input").nth(count).focus()
        opened.press(*["ArrowRight"] * (count + 1))
        opened.expect_text("#progress", f"{count + 1} of 3 rated; 0 of 2 recordings done")
    opened.press("Space", "r")
    assert opened.chosen() == ["R"]
    assert opened.page.locator("#export").is_disabled()
    opened.page.locator("#reveal").click()
    names = opened.titles()[1:]
    assert sorted(names) == sorted(["Original", QUIET, INVERTED])
    with opened.page.expect_download() as download:
        opened.page.locator("#export").click()
    assert download.value.suggested_filename == "ratings.csv"
    download.value.save_as(tmp_path / "ratings.csv")
    with (tmp_path / "ratings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["letter"], row["version"], row["score"]) for row in rows] == [
        (letter, name, str(51 + index)) for index, (letter, name) in enumerate(zip("ABC", names, strict=True))
    ]
    assert {row["version"]: row["kbit_s"] for row in rows} == {"Original": "", QUIET: "2", INVERTED: "7.91"}
    assert {row["version"]: float(row["gain_db"]) for row in rows}[QUIET] == pytest.approx(6.02, abs=0.01)
    for row in rows:
        assert (row["recording"], row["duration_s"], row["levels_matched"]) == ("first", "4.000", "yes")
        assert float(row["listened_s"]) > 0
        assert 0 < float(row["position_s"]) < SECONDS
        assert row["rated_at"].endswith("Z")
    opened.press("Shift+B")
    assert opened.titles() == ["Original", QUIET, INVERTED]


def test_orders_differ(opened: Opened) -> None:
    orders = set()
    opened.press("b")
    for _ in range(8):
        opened.page.locator("#again").click()
        for slider in opened.page.locator(".score input").all():
            slider.focus()
            opened.press("ArrowRight")
        opened.page.locator("#reveal").click()
        orders.add(tuple(opened.titles()[1:]))
    assert len(orders) > 1  # fails by chance once in 280000 times


def test_other_recording_with_a_name_that_is_code(opened: Opened) -> None:
    opened.page.locator("#recording").select_option("1")
    opened.expect_text("#name", EVIL)
    opened.wait_until_ready()
    opened.expect_text("#facts", f"1.00 s, 1 × {RATE} Hz, from 12.50 s of the file")
    assert opened.titles() == ["Original", EVIL]
    assert opened.page.locator("main img").count() == 0
    opened.page.locator("#recording").evaluate("(select) => select.blur()")
    opened.press("2", "Space", wait=300)
    assert opened.position() > 0


@pytest.mark.parametrize("blind", [False, True])
def test_narrow_and_dark(browser: Any, page_file: Path, blind: bool) -> None:
    page = Opened(browser, page_file, viewport={"width": 340, "height": 700}, color_scheme="dark")
    if blind:
        page.press("b")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 340
    background = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(number) for number in background[4:-1].split(",")) < 60
    page.context.close()
