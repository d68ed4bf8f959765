"""The convert screen: what it shows is what is written, to the pixel, in any settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from facedouble.conversion.pipeline import convert
from facedouble.project.file import read_project
from facedouble.settings.convert import ConvertSettings, Unmarked
from facedouble.settings.video import ClipEncoding
from facedouble.studio.convert_calls import difference
from facedouble.studio.server import StudioServer
from facedouble.types import Image
from facedouble.video.images import write_png
from facedouble.video.opencv_codec import decode
from facedouble.video.source import open_source
from tests.studio.conftest import Client, refused
from tests.waiting import wait_until

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "colours": {"converter": {"colour": {"kind": "mkl", "space": "lab"}}, "retargeting": 0.4},
    "sharpened": {
        "detail": {"kind": "sharpen"},
        "blend": {"kind": "multiband"},
        "converter": {"mask": {"kind": "facehull", "erosion": 3.0, "blur_size": 0.2}},
        "render": {"label": "AI generated"},
    },
    "crop": {"converter": {"kind": "adjust"}, "detail": {"kind": "none"}},
    "some": {"frames": {"ranges": ["2-3"]}},
    "overridden": {
        "overrides": [
            {"track": [0], "converter": {"mask": {"erosion": 6.0}}},
            {"ranges": ["3-"], "detail": {"kind": "none"}, "converter": {"colour": {"kind": "linear"}}},
        ]
    },
    "unadapted": {"adaptation": {"statistics": False}},
    "trained": {"adaptation": {"iterations": 2}},
}


def result_of(visitor: Client) -> str:
    [step] = [it for it in visitor.get("/api/project").json["steps"] if it["kind"] == "convert"]
    return f"/api/results/{step['id']}"


def prepared(visitor: Client, base: str, values: dict[str, Any]) -> str:
    stamp = visitor.post(f"{base}/look", {"values": values}).json["stamp"]

    def ready() -> bool:
        found = visitor.get(f"{base}/look/{stamp}").json
        assert "error" not in found, found
        return bool(found["ready"])

    wait_until(ready)
    return str(stamp)


def frame(visitor: Client, base: str, number: int, stamp: str, view: str = "result") -> Image:
    answer = visitor.get(f"{base}/frames/{number}/{stamp}/{view}")
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(decode(answer.data, cv2.IMREAD_COLOR_RGB))


@pytest.mark.slow
@pytest.mark.training
def test_the_preview_is_what_is_written(visitor: Client, film: Path, tmp_path: Path) -> None:
    """For several settings, one after the other, so that kept parts of one meet the next."""
    project = read_project(film)
    [result] = project.results.values()
    clip, model = film / result.clip, film / project.model_folder(result.model)
    faces = film / project.faceset("Ada", project.people["Ada"].clips[0])
    base = result_of(visitor)
    for name in ("default", "colours", "unadapted", "sharpened", "some", "trained"):
        settings = ConvertSettings.read({**SETTINGS[name], "marking": {"kind": "none"}})
        stamp = prepared(visitor, base, settings.dump())
        written = tmp_path / f"{name}.mkv"
        lossless = settings.replace(encoding=ClipEncoding(codec="ffv1"), marking=Unmarked())
        convert(clip, model, written, lossless, faceset=faces)
        expected = [found.rgb() for found in open_source(written).frames()]
        for number in (7, 2, 3):
            assert np.array_equal(frame(visitor, base, number, stamp), expected[number]), (name, number)


@pytest.mark.slow
def test_views_and_errors(visitor: Client) -> None:
    base = result_of(visitor)
    shown = visitor.get(base).json
    assert (shown["frames"], shown["width"], shown["height"], shown["person"]) == (10, 1280, 720, "Ben")
    stamp = prepared(visitor, base, shown["values"])
    source, mask = (frame(visitor, base, 4, stamp, view) for view in ("source", "mask"))
    detail, before = (frame(visitor, base, 4, stamp, view) for view in ("detail", "source-detail"))
    result = frame(visitor, base, 4, stamp)
    assert mask.max() == 255
    near = cv2.dilate(mask.max(axis=2), np.ones((5, 5), np.uint8))  # chroma is coarser than the mask
    outside = near == 0
    assert np.array_equal(result[outside], source[outside])
    assert not np.array_equal(result, source)
    for enlarged, made_of in ((detail, result), (before, source)):
        assert (enlarged[..., 0] == enlarged[..., 2]).all()
        luma = np.asarray(cv2.cvtColor(made_of, cv2.COLOR_RGB2GRAY)).astype(np.float32)
        fine = luma - cv2.GaussianBlur(luma, (0, 0), 1.6)
        assert np.abs(enlarged[..., 0] - np.clip(128 + 4 * fine, 0, 255)).max() <= 1
    assert visitor.get(f"{base}/frames/99/{stamp}/result").status == 400
    assert visitor.get(f"{base}/frames/1/{'0' * 16}/result").status == 400
    assert visitor.get(f"{base}/frames/1/{stamp}/other").status == 400
    wrong = {**shown["values"], "retargeting": 3.0}
    answer = visitor.post(f"{base}/look", {"values": wrong})
    assert (answer.status, answer.json["field"]) == (400, "retargeting")
    nobody = {**shown["values"], "faces": {**shown["values"]["faces"], "track": [99]}}
    answer = visitor.post(f"{base}/look", {"values": nobody})  # the preparation may have failed by then
    if answer.status == 200:
        answer = refused(visitor, f"{base}/look/{answer.json['stamp']}")
    assert "there is no such track" in answer.json["error"]


def test_settings_are_kept_in_the_project(visitor: Client, film: Path) -> None:
    base = result_of(visitor)
    values = visitor.get(base).json["values"]
    values["converter"]["mask"]["erosion"] = 4.0
    values["detail"] = {"kind": "sharpen", "amount": 2.0}
    text = (film / "project.yaml").read_text()
    assert visitor.post(f"{base}/settings", {"values": values}).status == 200
    settings: Any = next(iter(read_project(film).results.values())).settings
    assert settings["converter"] == {"mask": {"erosion": 4.0}}
    assert settings["detail"]["amount"] == 2.0
    assert text.splitlines()[0] == (film / "project.yaml").read_text().splitlines()[0]  # the comment
    again = visitor.get(base).json
    assert again["values"]["converter"]["mask"]["erosion"] == 4.0
    assert visitor.post(f"{base}/settings", {"values": again["defaults"]}).json == {"own": {}}
    assert (film / "project.yaml").read_text() == text


def test_what_differs() -> None:
    base = ConvertSettings().dump()
    for given in SETTINGS.values():
        wanted = ConvertSettings.read(given)
        assert ConvertSettings.read(difference(base, wanted.dump())) == wanted


@pytest.mark.slow
@pytest.mark.subprocess
def test_a_setting_is_seen_and_queued(page: Page, studio: StudioServer, film: Path) -> None:
    page.goto(studio.key.link)
    page.get_by_role("link", name="Convert", exact=True).click()
    stage = page.locator(".transport[data-stamp]")
    expect(stage).to_have_count(1)
    pixels = """() => {
        const canvas = document.querySelector('.viewer canvas');
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 1] * 3) % 1000003;
        return sum;
    }"""
    first, stamp = page.evaluate(pixels), stage.get_attribute("data-stamp")
    page.get_by_label("Shrink", exact=True).last.fill("12")
    page.get_by_label("Shrink", exact=True).last.press("Enter")
    expect(page.locator(f".transport:not([data-stamp='{stamp}'])[data-stamp]")).to_have_count(1)
    assert page.evaluate(pixels) != first
    expect(page.get_by_text("Not saved")).to_be_visible()
    page.locator("body").click(position={"x": 300, "y": 300})
    page.keyboard.press("ArrowRight")
    expect(page.locator(".transport[data-frame='1'][data-stamp]")).to_have_count(1)
    page.keyboard.press("KeyI")
    page.keyboard.down("KeyC")
    expect(page.locator(".corner")).to_have_text("Source")
    page.keyboard.up("KeyC")
    page.keyboard.press("KeyW")
    expect(page.get_by_role("slider", name="Wipe")).to_be_visible()
    page.get_by_role("button", name="Queue").click()
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.locator(".job").filter(has_text="convert")).to_contain_text("done")
    settings: Any = next(iter(read_project(film).results.values())).settings
    assert settings["converter"]["mask"] == {"erosion": 12.0}
    assert settings["frames"] == {
        "ranges": ["1-9"],
        "cut": None,
        "event": None,
        "handles": 0,
        "discard": False,
    }
    assert (film / "results" / "Ada.mp4").exists()


@pytest.mark.slow
def test_a_range_is_made_for_playing(visitor: Client, film: Path) -> None:
    base = result_of(visitor)
    stamp = prepared(visitor, base, visitor.get(base).json["values"])
    asked = {"stamp": stamp, "first": 3, "last": 7}
    found = visitor.post(f"{base}/proxies", asked).json
    assert found["total"] == 5
    proxy = f"{base}/proxies/{found['id']}"
    wait_until(lambda: visitor.get(proxy).json["ready"])
    address = f"{proxy}/clip.mp4"
    whole = visitor.get(address)
    assert whole.headers["content-type"] == "video/mp4"
    part = visitor.get(address, Range="bytes=10-19")
    assert (part.status, part.data) == (206, whole.data[10:20])
    clip = film / "proxy.mp4"
    clip.write_bytes(whole.data)
    played = list(open_source(clip).frames())
    source = list(open_source(film / "clips" / "Ada.mp4").frames(3, 8))
    assert [it.pts * it.time_base for it in played] == [
        (it.pts - source[0].pts) * it.time_base for it in source
    ]
    for shown, number in zip(played, range(3, 8), strict=True):
        exact = cv2.resize(frame(visitor, base, number, stamp), (960, 540), interpolation=cv2.INTER_AREA)
        assert np.abs(shown.rgb().astype(float) - exact).mean() < 6
    assert visitor.post(f"{base}/proxies", asked).json["id"] == found["id"]
    for wrong in (
        {"first": 8, "last": 3},
        {"first": -1, "last": 3},
        {"first": 0, "last": 10},
        {"stamp": "x"},
    ):
        assert visitor.post(f"{base}/proxies", {**asked, **wrong}).status == 400
    assert visitor.get(f"{base}/proxies/{'0' * 16}/clip.mp4").status == 400


@pytest.mark.slow
def test_paths_among_the_settings_stay_in_the_allowed_folders(
    visitor: Client, film: Path, tmp_path: Path
) -> None:
    base = result_of(visitor)
    values = visitor.get(base).json["values"]
    answer = visitor.post(f"{base}/look", {"values": {**values, "matte": "/etc/passwd"}})
    assert (answer.status, answer.json["field"]) == (400, "matte")
    assert "may read" in answer.json["error"]
    signer = {"certificate": str(film / "c.pem"), "key": "/etc/shadow"}
    answer = visitor.post(
        f"{base}/settings", {"values": {**values, "marking": {"kind": "c2pa", "signer": signer}}}
    )
    assert answer.status == 400
    faces = {**values["faces"], "filter": ["../../secret.png"]}
    assert visitor.post(f"{base}/look", {"values": {**values, "faces": faces}}).status == 400
    matte = film / "matte"
    matte.mkdir()
    for number in range(10):
        white = np.zeros((720, 1280, 3), np.uint8)
        white[:, 640:] = 255
        write_png(matte / f"{number:03d}.png", white)
    whole = prepared(visitor, base, values)
    half = prepared(visitor, base, {**values, "matte": str(matte)})
    source, result, masked = (frame(visitor, base, 5, *it) for it in ((whole, "source"), (whole,), (half,)))
    assert np.array_equal(masked[:, :630], source[:, :630])
    assert np.array_equal(masked[:, 650:], result[:, 650:])
    assert not np.array_equal(result[:, :630], source[:, :630])
    assert visitor.post(f"{base}/settings", {"values": {**values, "matte": str(matte)}}).status == 200
    assert visitor.get(base).json["values"]["matte"] == str(matte)


@pytest.mark.slow
def test_a_range_gets_settings_of_its_own(page: Page, studio: StudioServer, film: Path) -> None:
    page.goto(studio.key.link)
    page.get_by_role("link", name="Convert", exact=True).click()
    stage = page.locator(".transport[data-stamp]")
    expect(stage).to_have_count(1)
    stamp = stage.get_attribute("data-stamp")
    page.get_by_text("Ranges and people").click()
    page.get_by_role("button", name="Settings for a range").click()
    frames = page.locator(".override input").first
    frames.fill("2-4")
    frames.press("Enter")
    group = page.get_by_role("group", name="What is different")
    group.get_by_role("button", name="Blend").click()
    group.get_by_role("button", name="Lids and brows").click()
    page.locator(".override").get_by_label("Blend").select_option("multiband")
    expect(page.locator(f".transport:not([data-stamp='{stamp}'])[data-stamp]")).to_have_count(1)
    expect(page.locator(".track .span.over")).to_have_count(1)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Kept in the project")).to_be_visible()
    settings: Any = next(iter(read_project(film).results.values())).settings
    [override] = settings["overrides"]
    given = {name: value for name, value in override.items() if value}
    assert given == {"ranges": ["2-4"], "blend": {"kind": "multiband"}}
    page.keyboard.press("KeyD")
    expect(page.locator(".corner")).to_have_text("Detail")
    page.get_by_role("button", name="Play the range").click()
    expect(page.locator(".player video")).to_have_js_property("readyState", 4)
    page.keyboard.press("Escape")
    expect(page.locator(".player")).to_have_count(0)
