"""The editor in a real browser: by pointer and by keyboard, and a server that is killed in the middle of a
stroke."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.layers import HAND, Maker
from facedouble.faceset.store import Faceset
from facedouble.studio.server import StudioServer
from facedouble.types import Face
from tests.browser import new_page
from tests.studio.conftest import serving
from tests.studio.editing import Desk, face_at, layers_at


@pytest.fixture
def desk(page: Page, studio: StudioServer) -> Desk:
    page.goto(studio.key.link)
    page.get_by_role("link", name="Faces", exact=True).click()
    page.locator(".tile").nth(3).click()
    page.get_by_role("button", name="Edit", exact=True).click()
    desk = Desk(page)
    desk.ready(3)
    return desk


def test_points_and_groups_are_moved_by_pointer(desk: Desk, page: Page, faceset: Path) -> None:
    before = face_at(faceset, 3)
    scheme = scheme_of(before)
    chin = scheme.regions.jaw[len(scheme.regions.jaw) // 2]
    start = before.smoothed[chin]
    desk.drag(start, start + (6, 14))
    desk.saved(1)
    moved = face_at(faceset, 3)
    assert moved.edited
    assert np.abs(moved.landmarks[chin] - start - (6, 14)).max() < 1
    expect(page.locator(".whose")).to_contain_text("set by you")
    page.locator(".groups").get_by_role("button", name="Lips").click()
    lips = list(scheme.regions.lips)
    middle = moved.landmarks[lips].mean(axis=0)
    page.mouse.move(*desk.place(middle))
    page.mouse.wheel(0, -100)
    desk.saved(2)
    larger = face_at(faceset, 3)

    def spread(face: Face) -> float:
        return float(np.ptp(face.landmarks[lips], axis=0).max())

    assert 1.02 < spread(larger) / spread(moved) < 1.05
    corner = larger.landmarks[lips].min(axis=0)
    desk.drag(larger.landmarks[lips].mean(axis=0), corner)
    desk.saved(3)
    assert face_at(faceset, 3).landmarks[lips].mean() < larger.landmarks[lips].mean() - 3
    page.get_by_role("button", name="Undo").click()
    desk.saved(4)
    assert np.array_equal(face_at(faceset, 3).landmarks, larger.landmarks)


def test_all_of_it_by_keyboard(desk: Desk, page: Page, faceset: Path) -> None:
    before = face_at(faceset, 3)
    scheme = scheme_of(before)
    page.locator(".surface canvas").focus()
    page.keyboard.press("Shift+Period")
    expect(page.locator("[data-selected]")).to_have_attribute(
        "data-selected", str(len(scheme.regions.points))
    )
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    desk.saved(3)
    moved = face_at(faceset, 3)
    assert np.allclose(moved.landmarks - before.smoothed, (0, 1.5), atol=1e-2)
    page.keyboard.press("Period")
    expect(page.locator("#editor-now")).to_contain_text("Point")
    page.keyboard.press("Shift+ArrowRight")
    desk.saved(4)
    point = scheme.regions.points[0]
    assert face_at(faceset, 3).landmarks[point, 0] - moved.landmarks[point, 0] == pytest.approx(5, abs=0.01)
    page.keyboard.press("KeyW")
    page.keyboard.press("BracketRight")
    desk.saved(5)
    expect(page.locator(".whose div").nth(1)).to_contain_text("set by you")
    page.keyboard.press("KeyE")
    page.keyboard.press("ArrowLeft")
    for key in ("Space", "Shift+ArrowLeft", "Space", "Shift+ArrowDown", "Space", "Enter"):
        page.keyboard.press(key)
    desk.saved(6)
    with Faceset.open(faceset) as store:
        [polygon] = store.read_layer(store.faces_of(3)[0], "polygons")
    assert (polygon.include, len(polygon.points)) == (False, 3)
    page.keyboard.press("KeyX")
    desk.saved(7)
    page.keyboard.press("KeyR")
    for key in ("ArrowLeft", "Space", "Shift+ArrowRight", "Space"):
        page.keyboard.press(key)
    desk.saved(8)
    assert layers_at(faceset, 3) == {"occlusion": HAND}
    for count in range(9, 17):
        page.keyboard.press("KeyZ")
        desk.saved(count)
    assert layers_at(faceset, 3) == {}
    assert np.array_equal(face_at(faceset, 3).landmarks, before.landmarks)
    page.keyboard.press("Shift+KeyZ")
    desk.saved(17)
    page.keyboard.press("KeyD")
    desk.ready(4)
    page.keyboard.press("KeyG")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    desk.ready(7)
    page.keyboard.press("Shift+Slash")
    expect(page.get_by_role("dialog")).to_contain_text("Next worst")


def test_a_mask_is_drawn_and_carried(desk: Desk, page: Page, faceset: Path) -> None:
    face = face_at(faceset, 3)
    middle = face.smoothed.mean(axis=0)
    page.get_by_role("button", name="Polygon").click()
    corners = [middle + (-30, -20), middle + (30, -20), middle + (30, 25), middle + (-30, 25)]
    for corner in (*corners, corners[0]):
        page.mouse.click(*desk.place(corner))
    desk.saved(1)
    expect(page.locator(".editor-frame[data-mask='1']")).to_have_count(1)
    with Faceset.open(faceset) as store:
        [polygon] = store.read_layer(store.faces_of(3)[0], "polygons")
    assert np.abs(polygon.points - corners).max() < 1
    desk.drag(corners[2], corners[2] + (12, 4))
    desk.saved(2)
    page.get_by_role("button", name="Carry on").click()
    desk.saved(3)
    expect(page.get_by_text("Carried to 6 frames.")).to_be_visible()
    assert layers_at(faceset, 9) == {"polygons": Maker("hand", "carried", "3")}
    page.get_by_role("button", name="Brush").click()
    desk.drag(middle + (-60, 0), middle + (-20, 0))
    desk.saved(4)
    assert layers_at(faceset, 3) == {"occlusion": HAND}
    page.keyboard.press("KeyD")
    desk.ready(4)
    expect(page.locator(".whose")).to_contain_text("carried from 3")


def test_a_suggestion_is_shown_and_taken(page: Page, studio: StudioServer, faceset: Path) -> None:
    suggested = np.full((64, 64), 255, np.uint8)
    suggested[20:40] = 0
    with Faceset.open(faceset) as store:
        store.put_layer(store.faces_of(5)[0], "occlusion", suggested, Maker("network", "unet", "2"))
    page.goto(studio.key.link)
    page.get_by_role("link", name="Faces", exact=True).click()
    page.locator(".tile").nth(5).dblclick()
    desk = Desk(page)
    desk.ready(5)
    page.keyboard.press("KeyR")
    expect(page.get_by_text("A suggestion of unet 2.")).to_be_visible()
    expect(page.locator(".editor-frame[data-mask='1']")).to_have_count(1)
    page.get_by_role("button", name="Take it as mine").click()
    desk.saved(1)
    assert layers_at(faceset, 5) == {"occlusion": HAND}


def test_what_cannot_be_saved_is_said_and_not_shown_as_if(desk: Desk, page: Page, faceset: Path) -> None:
    before = face_at(faceset, 3)
    page.keyboard.press("KeyW")
    middle = before.smoothed.mean(axis=0)
    with Faceset.open(faceset) as store:
        store._database.execute("DELETE FROM face WHERE frame_index = 3")
        store.commit()
    desk.drag(middle, middle + (9, 9))
    expect(page.get_by_role("alert")).to_contain_text("Not saved: there is no face 0 in frame 3")
    expect(page.get_by_text("No face in this frame").first).to_be_visible()


def test_from_the_frame_of_a_conversion(page: Page, studio: StudioServer) -> None:
    page.goto(studio.key.link)
    page.get_by_role("link", name="Convert", exact=True).click()
    expect(page.locator(".transport[data-frame]")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".transport[data-frame='1']")).to_have_count(1)
    page.get_by_role("link", name="Edit frame").click()
    Desk(page).ready(1)
    page.keyboard.press("KeyO")
    page.keyboard.press("KeyL")
    expect(page.get_by_role("button", name="Previous", exact=True)).to_have_attribute("aria-pressed", "true")


@pytest.fixture
def process(film: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A studio in a process of its own."""
    command = [sys.executable, "-m", "facedouble", "studio", str(film), "--no-browser", "--port", "0"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE)
    yield started
    started.kill()
    started.wait()


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_of_a_stroke_loses_nothing_that_ended(
    browser: Browser, process: subprocess.Popen[bytes], film: Path, faceset: Path
) -> None:
    assert process.stdout is not None
    link = process.stdout.readline().decode().removeprefix("studio: ").strip()
    page = new_page(browser)
    page.goto(link)
    page.get_by_role("link", name="Editor", exact=True).click()
    desk = Desk(page)
    desk.ready(0)
    before = face_at(faceset, 0)
    chin = scheme_of(before).regions.jaw[len(scheme_of(before).regions.jaw) // 2]
    middle = before.smoothed.mean(axis=0)
    page.keyboard.press("KeyR")
    desk.drag(middle, middle + (20, 0))
    desk.saved(1)
    page.keyboard.press("KeyQ")
    desk.drag(before.smoothed[chin], before.smoothed[chin] + (0, 9))
    desk.saved(2)
    page.keyboard.press("KeyR")
    desk.drag(middle + (-40, 10), middle + (-10, 10), up=False)
    process.send_signal(signal.SIGKILL)
    process.wait()
    page.mouse.up()
    expect(page.get_by_role("alert")).to_contain_text("Not saved: The studio's server does not answer")
    page.context.close()
    after = face_at(faceset, 0)
    assert np.abs(after.landmarks[chin] - before.smoothed[chin] - (0, 9)).max() < 1
    with Faceset.open(faceset) as store:
        mask = store.read_layer(store.faces_of(0)[0], "occlusion")
        assert store.read_crop(after.with_(crop=store.faces_of(0)[0].crop)).shape[0] == after.crop_size
    assert (mask == 0).sum() > 100
    with serving(film) as server:
        again = new_page(browser)
        again.goto(server.key.link)
        again.get_by_role("link", name="Editor", exact=True).click()
        expect(again.get_by_role("button", name="Undo")).to_be_enabled()
        for undone in (1, 2):
            again.get_by_role("button", name="Undo").click()
            Desk(again).saved(undone)
        again.context.close()
    assert np.array_equal(face_at(faceset, 0).landmarks, before.landmarks)
    assert layers_at(faceset, 0) == {}


def test_a_stroke_that_nobody_took_is_sent_again(desk: Desk, page: Page, faceset: Path) -> None:
    face = face_at(faceset, 3)
    middle = face.smoothed.mean(axis=0)
    page.keyboard.press("KeyR")
    page.route("**/edit", lambda route: route.abort())
    desk.drag(middle, middle + (20, 0))
    expect(page.get_by_role("alert")).to_contain_text("Not saved: The studio's server does not answer")
    assert layers_at(faceset, 3) == {}
    page.unroute("**/edit")
    page.get_by_role("button", name="Try again").click()
    desk.saved(1)
    assert layers_at(faceset, 3) == {"occlusion": HAND}


def test_next_worst_goes_to_the_face_that_is_off(page: Page, studio: StudioServer, faceset: Path) -> None:
    with Faceset.open(faceset) as store:
        [face] = store.faces_of(7)
        squeezed = face.landmarks * (1, 0.6) + (0, 0.4 * face.landmarks[:, 1].mean())
        store.put_faces([face.with_(landmarks=squeezed.astype(np.float32))])
        store.commit()
    page.goto(studio.key.link)
    page.get_by_role("link", name="Editor", exact=True).click()
    desk = Desk(page)
    desk.ready(0)
    page.keyboard.press("KeyN")
    desk.ready(7)
    expect(page.locator(".over")).to_contain_text("landmarks fit the head unlike others")
    page.keyboard.press("Shift+Period")
    page.keyboard.press("ArrowUp")
    desk.saved(1)
    page.keyboard.press("KeyN")
    expect(page.locator(".over")).not_to_contain_text("1 of 1: landmarks")
