"""While a setting is fitted to a long track, the frame that is looked at is shown fitted to those around it,
and said to be provisional."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from facedouble.conversion import track_fits
from facedouble.conversion.plan import ConversionPlan
from facedouble.studio.preview import preparation
from facedouble.studio.server import StudioServer
from tests.studio.conftest import Client
from tests.studio.test_convert import frame, prepared, result_of

pytestmark = pytest.mark.slow


class Held:
    """Fits the whole track only once it is let go, after what is shown meanwhile."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.holding = False

    def __call__(self, plan: ConversionPlan, *others: Any, **more: Any) -> ConversionPlan:
        if self.holding and sum(map(len, plan.faces.values())) == 10:
            assert self.go.wait(600)
        return track_fits.fit_plan(plan, *others, **more)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(preparation, "fit_plan", held)
    monkeypatch.setattr(preparation, "_LONG", 5)
    monkeypatch.setattr(preparation, "_REACH", 3)
    return held


def test_the_frame_is_nearly_the_one_that_follows(held: Held, visitor: Client) -> None:
    base = result_of(visitor)
    values = visitor.get(base).json["values"]
    usual = frame(visitor, base, 5, prepared(visitor, base, values))
    held.holding = True
    try:
        asked: dict[str, Any] = {"values": {**values, "retargeting": 0.3}, "frame": 5}
        found = visitor.post(f"{base}/look", asked).json
        while not found["near"]:
            assert not found["ready"]
            time.sleep(0.05)
            found = {"stamp": found["stamp"], **visitor.get(f"{base}/look/{found['stamp']}").json}
        assert found["near"] == [2, 3, 4, 5, 6, 7, 8]
        near = frame(visitor, base, 5, found["stamp"], "near")
        assert visitor.get(f"{base}/frames/5/{found['stamp']}/result").status == 425, "it is not the result"
    finally:
        held.go.set()
    exact = frame(visitor, base, 5, prepared(visitor, base, asked["values"]))
    changed, off = (np.abs(it.astype(float) - exact).mean() for it in (usual, near))
    assert off < changed / 2


def test_the_page_says_so_until_the_exact_frame_is_there(
    held: Held, page: Page, studio: StudioServer
) -> None:
    page.goto(studio.key.link)
    page.goto(f"{studio.address}/#/convert")
    expect(page.locator(".transport[data-stamp]")).to_have_count(1)
    held.holding = True
    try:
        page.locator("input[data-setting=retargeting]").fill("0.3")
        expect(page.locator(".corner")).to_contain_text("provisional")
        expect(page.locator(".transport[data-stamp]")).to_have_count(0)
    finally:
        held.go.set()
    expect(page.locator(".transport[data-stamp]")).to_have_count(1)
    expect(page.locator(".corner")).to_have_text("Result")
