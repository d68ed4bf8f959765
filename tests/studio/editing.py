"""What tests of the editor look at: a face and its layers on disk, and the editor on a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from facedouble.faceset.layers import Maker
from facedouble.faceset.store import Faceset
from facedouble.types import Face


def face_at(faceset: Path, frame: int) -> Face:
    """The only face of a frame."""
    with Faceset.open(faceset) as store:
        [face] = store.faces_of(frame)
        return face


def layers_at(faceset: Path, frame: int) -> dict[str, Maker]:
    """Who made the layers of the first face of a frame, by their kind."""
    with Faceset.open(faceset) as store:
        found = store.layers(store.faces_of(frame)[0])
        return {it.kind: Maker(it.maker, it.maker_name, it.maker_version) for it in found}  # type: ignore[arg-type]


class Desk:
    """The editor on a page: where points of the frame lie on it, and waiting for what it does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".editor-frame")

    def ready(self, frame: int) -> None:
        """Wait until a frame, its face and its picture are there."""
        wanted = f".editor-frame[data-frame='{frame}'][data-loaded=true][data-shown='{frame}']"
        expect(self.page.locator(wanted)).to_have_count(1)

    def saved(self, count: int) -> None:
        """Wait until so many edits are on disk, and none is on its way."""
        wanted = f".editor-frame[data-saved='{count}'][data-pending='0'][data-loaded=true]"
        expect(self.page.locator(wanted)).to_have_count(1)

    def place(self, point: Any) -> tuple[float, float]:
        """Where a point of the frame is on the page."""
        view = json.loads(self.root.get_attribute("data-view") or "")
        box = self.page.locator(".surface").bounding_box()
        assert box is not None
        return (
            box["x"] + float(point[0]) * view["scale"] + view["x"],
            box["y"] + float(point[1]) * view["scale"] + view["y"],
        )

    def drag(self, *points: Any, up: bool = True) -> None:
        """Press the button at the first point of the frame, move over the others, and let it go."""
        self.page.mouse.move(*self.place(points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(point), steps=4)
        if up:
            self.page.mouse.up()
