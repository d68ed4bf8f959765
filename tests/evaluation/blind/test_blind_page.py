"""The blind comparison in a real browser: what is chosen is what was seen. Skipped where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facedouble.cli.main import FAILED, main
from facedouble.errors import InputError
from facedouble.evaluation.blind.blind_page import blind_page, compare_blindly
from facedouble.evaluation.blind.paired_clip import PairedClip, pair_clips
from facedouble.run.events import Notice
from facedouble.run.run import Run
from facedouble.settings.evaluate import BlindSettings
from facedouble.settings.reading import Reading
from facedouble.settings.video import ClipEncoding
from facedouble.video.frame import Frame
from facedouble.video.info import SourceInfo
from facedouble.video.sinks import open_sink
from facedouble.video.source import open_source
from tests.browser import new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FRAMES, RATE = 30, 10
NASTY = '</script><img src="https://example.com/x">&.mp4'
RED, BLUE = (220, 20, 20), (20, 20, 220)


def picture(colour: tuple[int, int, int], number: int, size: tuple[int, int]) -> np.ndarray:
    """A plain picture whose lower half says by its grey which frame it is."""
    width, height = size
    image = np.full((height, width, 3), colour, dtype=np.uint8)
    image[height // 2 :] = 20 + 7 * number
    return image


def clip(
    path: Path, colour: tuple[int, int, int], frames: int = FRAMES, size: tuple[int, int] = (64, 48)
) -> Path:
    base = Fraction(1, RATE)
    info = SourceInfo(path, "folder", *size, frames, Fraction(RATE), base, "yuv420p")
    with open_sink(path, info, ClipEncoding(crf=1), audio_from=None, overwrite=True) as sink:
        for number in range(frames):
            sink.write(Frame(number, number, base, picture(colour, number, size)))
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("blind")
    return clip(folder / "red.mp4", RED), clip(folder / "blue.mp4", BLUE)


def paired(first: Path, second: Path, folder: Path, **changes: Any) -> PairedClip:
    settings: dict[str, Any] = {"seconds": 20.0, "reading": Reading(), "run": Run()} | changes
    return pair_clips(first, second, folder / "pair.mp4", **settings)


def test_both_halves_are_the_same_frame_of_each_clip(pair: tuple[Path, Path], tmp_path: Path) -> None:
    made = paired(*pair, tmp_path)
    assert (made.width, made.height) == (64, 48)
    assert made.times == pytest.approx([number / RATE for number in range(FRAMES + 1)])
    assert made.data == (tmp_path / "pair.mp4").read_bytes()
    assert made.focus[1] < 24, "they differ in the upper half"
    frames = [frame.rgb().astype(int) for frame in open_source(tmp_path / "pair.mp4").frames()]
    assert len(frames) == FRAMES
    for number, image in enumerate(frames):
        assert image[10, 10] == pytest.approx(RED, abs=12)
        assert image[10, 64 + 10] == pytest.approx(BLUE, abs=12)
        assert image[40, 10] == pytest.approx(image[40, 64 + 10], abs=2)
        assert image[40, 10] == pytest.approx([20 + 7 * number] * 3, abs=4)


def test_odd_sizes_are_padded_and_shown_without(tmp_path: Path) -> None:
    first, second = (clip(tmp_path / f"{name}.mkv", RED, 3, (64, 48)) for name in "ab")
    source = open_source(first)
    folders = []
    for name in "cd":
        with open_sink(
            tmp_path / name,
            replace(source.info, width=63, height=47),
            ClipEncoding(),
            audio_from=None,
            overwrite=True,
        ) as sink:
            for frame in source.frames():
                sink.write(frame.with_pixels(frame.rgb()[:47, :63]))
        folders.append(tmp_path / name)
    made = paired(folders[0], folders[1], tmp_path)
    assert (made.width, made.height, made.shown) == (64, 48, (63, 47))
    assert made.focus == (32, 24), "where nothing differs, the middle"
    with pytest.raises(InputError, match="not of one size"):
        paired(second, folders[0], tmp_path)


def test_what_is_left_out_is_reported(pair: tuple[Path, Path], tmp_path: Path) -> None:
    said: list[str] = []
    run = Run([lambda event: said.append(event.code) if isinstance(event, Notice) else None])
    short = clip(tmp_path / "short.mp4", BLUE, 12)
    assert len(paired(pair[0], short, tmp_path, run=run).times) == 13
    assert len(paired(*pair, tmp_path, run=run, seconds=1.0).times) == 11
    assert said == ["evaluate.uneven", "evaluate.shortened"]


def test_two_to_five_clips_that_are_there(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for wrong in ([pair[0]], [pair[0]] * 6):
        with pytest.raises(InputError, match="two to 5 clips"):
            compare_blindly(wrong, tmp_path / "page.html")
    with pytest.raises(InputError, match="no such file"):
        compare_blindly([pair[0], tmp_path / "nowhere.mp4"], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--blind", "a.mp4", "b.mp4"], "--output"),
        (["--blind", "a.mp4", "b.mp4", "-o", "x.html", "-i", "a.mp4"], "takes its clips by themselves"),
        (["a.mp4", "-r", "b.mp4", "-i", "a.mp4", "-B", "f"], "--blind"),
    ],
)
def test_a_command_that_makes_no_sense_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) in (2, FAILED)
    assert said in capsys.readouterr().err


def test_names_close_nothing_and_nothing_is_fetched(pair: tuple[Path, Path], tmp_path: Path) -> None:
    html = blind_page([NASTY, NASTY], [(0, 1, paired(*pair, tmp_path))], 10)
    assert NASTY not in html
    assert "default-src 'none'" in html
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?https?:""", html)
    assert html.count("</script>") == html.count("<script")


# -- in a browser -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page_file(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "blind.html"
    return compare_blindly(pair, path, BlindSettings())


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    opened = new_page(browser)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page_file.as_uri())
    yield opened
    opened.context.close()
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []


SEEN = """() => [...document.querySelectorAll("canvas")].map((canvas) => {
  const at = (y) => [...canvas.getContext("2d").getImageData(canvas.width / 2, y, 1, 1).data].slice(0, 3);
  return [at(8), at(40)];
})"""


def sides(page: Page, choice: int) -> list[str]:
    """What is on the left and on the right in a choice, once it is drawn."""
    page.wait_for_function(
        f"""() => document.getElementById("progress").textContent === "Choice {choice} of 10"
        && document.getElementById("left").ariaDisabled === "false"
        && ({SEEN})().every(([[r, g, b]]) => r + b > 150)"""
    )
    return ["red" if red > blue else "blue" for (red, _, blue), _ in page.evaluate(SEEN)]


@pytest.mark.subprocess
@pytest.mark.slow
def test_whoever_always_chooses_the_red_one_is_told_so(page: Page) -> None:
    at = []
    for choice in range(1, 11):
        seen = sides(page, choice)
        assert sorted(seen) == ["blue", "red"]
        at.append(seen.index("red"))
        page.keyboard.press("12"[at[-1]])
        page.wait_for_function(
            f"""() => document.getElementById("progress").textContent !== "Choice {choice} of 10" """
        )
    assert sorted(at) == [0] * 5 + [1] * 5, "each is as often on the left as on the right"
    said = page.locator("#said").inner_text()
    assert "red.mp4: 10 of 10. blue.mp4: 0 of 10." in said
    assert "0.2% of such tests" in said
    assert "chance hardly explains it: you prefer red.mp4" in said
    text = page.locator("#text").input_value()
    assert (
        len(re.findall(r"^\d+, \d+-\d+, (red.mp4, blue.mp4|blue.mp4, red.mp4), red.mp4$", text, re.M)) == 10
    )
    assert len(set(re.findall(r"^\d+, (\d+)-", text, re.M))) == 10, "ten excerpts"
    page.locator("#again").click()
    assert sorted(sides(page, 1)) == ["blue", "red"]


@pytest.mark.subprocess
@pytest.mark.slow
def test_what_was_not_seen_cannot_be_chosen(page: Page) -> None:
    sides(page, 1)
    page.evaluate(
        """() => {
          const left = document.getElementById("left");
          left.click();  // what follows happens before the clip can have been sought
          window.after = [left.ariaDisabled, document.querySelector("canvas").getContext("2d")
            .getImageData(32, 8, 1, 1).data[3]];
          left.click();
        }"""
    )
    assert page.evaluate("after") == ["true", 0], "no picture of the choice before"
    assert sorted(sides(page, 2)) == ["blue", "red"]


@pytest.mark.subprocess
@pytest.mark.slow
def test_both_show_the_same_frame_and_a_key_goes_one_on(page: Page) -> None:
    sides(page, 1)
    for _ in range(10):
        (_, left), (_, right) = page.evaluate(SEEN)
        assert left == pytest.approx(right, abs=2)
        page.wait_for_timeout(50)
    page.keyboard.press(" ")
    slider = page.locator("#slider")
    slider.evaluate("(it) => { it.value = it.min; it.dispatchEvent(new Event('input')); }")
    first = int(slider.get_attribute("min") or -1)
    for step in range(3):
        grey = 20 + 7 * (first + step)
        page.wait_for_function(f"() => ({SEEN})().every(([_, [grey]]) => Math.abs(grey - {grey}) < 4)")
        page.keyboard.press(".")
    before = sides(page, 1)
    page.keyboard.down("x")
    assert sides(page, 1) == before[::-1], "exchanged while the key is held"
    page.keyboard.up("x")
    assert sides(page, 1) == before


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_choice_is_taken_back_and_doubt_is_said(page: Page) -> None:
    sides(page, 1)
    page.locator("#left").click()
    sides(page, 2)
    page.keyboard.press("u")
    for choice in range(1, 11):
        seen = sides(page, choice)
        wanted = "red" if choice <= 6 else "blue"
        page.locator("#left" if seen[0] == wanted else "#right").click()
    said = page.locator("#said").inner_text()
    assert "red.mp4: 6 of 10. blue.mp4: 4 of 10." in said
    assert "75% of such tests" in said
    assert "says nothing about which is better" in said
