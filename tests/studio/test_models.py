"""Several models of a project, and asking a training to pause and to save."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from facedouble.models import checkpoint
from facedouble.project.edit import set_training_minutes
from facedouble.project.file import read_project
from facedouble.studio.server import StudioServer
from tests.studio.conftest import Client
from tests.waiting import wait_until


def id_of(visitor: Client, name: str) -> str:
    steps = visitor.get("/api/project").json["steps"]
    return str(next(it["id"] for it in steps if it["name"] == name))


def test_another_model_is_added_and_a_result_drawn_by_it(visitor: Client, film: Path) -> None:
    like = id_of(visitor, "train Ada-Ben")
    body = {"like": like, "name": "second", "kind": "original"}
    new = visitor.post("/api/models", body).json["id"]
    assert new == id_of(visitor, "train second")
    project = read_project(film)
    assert (project.models["second"].a, project.models["second"].b) == ("Ada", "Ben")
    assert project.models["second"].settings["architecture"] == {"kind": "original"}
    assert visitor.get(f"/api/models/{new}").json["iteration"] == 0
    for wrong in ({"name": "second"}, {"name": "../x"}, {"kind": "none such"}, {"like": "0" * 12}):
        assert visitor.post("/api/models", {**body, "name": "third", **wrong}).status == 400
    base = f"/api/results/{id_of(visitor, 'convert Ada')}"
    assert visitor.get(base).json["model"] == like
    assert visitor.post(f"{base}/model", {"model": "0" * 12}).status == 400
    visitor.post(f"{base}/model", {"model": new})
    assert read_project(film).results["Ada"].model == "second"


def test_models_are_compared(page: Page, studio: StudioServer, film: Path) -> None:
    page.goto(studio.key.link)
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("button", name="Another model of these people").click()
    page.get_by_role("dialog").get_by_label("Model").select_option("original")
    page.get_by_role("dialog").get_by_label("Name").fill("classic")
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(re_id(page))
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.locator(".models thead th")).to_have_text(["", "Ada-Ben", "classic"])
    expect(page.locator(".models figure").nth(0).locator("img")).to_be_visible()
    expect(page.locator(".models figure").nth(1)).to_contain_text("No preview yet")
    expect(page.locator(".models tbody tr").nth(1).locator("td")).to_have_text(["2", "0"])
    assert list(read_project(film).models) == ["Ada-Ben", "classic"]


def re_id(page: Page) -> str:
    page.wait_for_url("**/#/train/*")
    return page.url.rpartition("/")[2]


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_training_pauses_saves_and_goes_on(page: Page, studio: StudioServer, film: Path) -> None:
    set_training_minutes(film, "Ada-Ben", 6000.0)
    page.goto(studio.key.link)
    page.get_by_role("link", name="Train", exact=True).click()
    page.get_by_role("button", name="Train on").click()
    state, iterations = page.locator(".training .state"), page.locator(".facts dd").first
    expect(state).to_have_text("running")
    expect(iterations).not_to_have_text("2")

    def saved() -> int:
        return checkpoint.read_card(film / "models" / "Ada-Ben").iteration

    page.get_by_role("button", name="Save now").click()
    wait_until(lambda: saved() > 2)
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("paused")
    log = next((film / ".facedouble" / "jobs").glob("*.log"))
    wait_until(lambda: "paused at iteration" in log.read_text())
    at = saved()
    assert f"paused at iteration {at}" in log.read_text()
    page.get_by_role("button", name="Go on").click()
    expect(state).to_have_text("running")
    wait_until(lambda: "resumed after a pause" in log.read_text())
    wait_until(lambda: int(iterations.inner_text().replace(",", "")) > at)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(state).to_have_text("unfinished")
    assert saved() > at
