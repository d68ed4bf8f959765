"""The faces screen and the train screen: columns, dropping and undoing, curves and pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from facedouble.curation.selection import select
from facedouble.faceset.store import Faceset
from facedouble.project.file import read_project
from facedouble.studio.faces_table import FacesTable
from facedouble.studio.server import StudioServer
from facedouble.studio.training_follow import Curves, Followed
from facedouble.video.images import write_png
from facedouble.video.opencv_codec import decode
from tests.studio.conftest import Client, serving
from tests.waiting import wait_until


def path_of(visitor: Client, kind: str, group: str) -> str:
    steps = [it for it in visitor.get("/api/project").json["steps"] if it["kind"] == kind]
    return f"/api/{group}/{steps[0]['id']}"


def measured(visitor: Client, base: str) -> Any:
    """The table of faces, once it is whole."""
    wait_until(lambda: visitor.get(base).json["measured"])
    return visitor.get(base).json


def whole_table(faceset: Path, cache: Path) -> dict[str, Any]:
    table = FacesTable()
    wait_until(lambda: table.columns(faceset, cache)["measured"])
    return table.columns(faceset, cache)


def kept(film: Path) -> set[tuple[int, int]]:
    with Faceset.open(film / "faces" / "Ada" / "Ada") as store:
        return {face.key for face in store.faces()}


def test_faces_are_dropped_and_it_is_undone_after_a_restart(visitor: Client, film: Path) -> None:
    base = path_of(visitor, "extract", "facesets")
    table = measured(visitor, base)
    columns = [name for name, column in table.items() if isinstance(column, list) and name != "people"]
    assert {len(table[name]) for name in columns} == {10} == {len(table["state"])}
    assert {"yaw", "pitch", "sharpness", "wrong", "person", "track"} <= set(columns)
    keys = list(zip(table["frame"], table["number"], strict=True))
    chosen = [list(key) for key in keys[2:5]]
    dropped = visitor.post(f"{base}/edit", {"action": "drop", "faces": chosen}).json
    assert dropped["state"] == "kk" + "ddd" + "k" * 5
    assert kept(film) == set(keys) - set(keys[2:5])
    back = visitor.post(f"{base}/edit", {"action": "restore", "faces": chosen[:1]}).json
    assert back["state"] == "kkkddkkkkk"
    with serving(film) as other:
        later = Client(other).enter()
        assert later.post(f"{base}/undo").json["state"] == dropped["state"]
        found = later.post(f"{base}/undo").json
        assert (found["state"], found["undo"], found["redo"]) == ("k" * 10, 0, 2)
        assert later.post(f"{base}/redo").json["state"] == dropped["state"]


def test_faces_are_assigned_and_it_is_undone(visitor: Client, film: Path) -> None:
    base = path_of(visitor, "extract", "facesets")
    table = measured(visitor, base)
    person = {it["name"]: it["id"] for it in table["people"]}
    assert [it["name"] for it in table["people"] if it["owner"]] == ["Ada"]
    keys = [list(key) for key in zip(table["frame"], table["number"], strict=True)]

    def assign(who: str | None, some: slice) -> Any:
        body = {"action": "assign", "faces": keys[some], "person": None if who is None else person[who]}
        return visitor.post(f"{base}/edit", body).json

    found = assign("Ben", slice(2, 5))
    assert (found["state"], found["names"]) == ("kkdddkkkkk", {"2": "Ben", "3": "Ben", "4": "Ben"})
    assert found["person"] == table["person"]  # by likeness, as before
    found = assign("Ada", slice(4, 7))  # it is Ada after all
    assert (found["state"], found["names"]["4"], found["names"]["6"]) == ("kkddkkkkkk", "Ada", "Ada")
    assert assign("Ada", slice(4, 7))["undo"] == 2  # nothing was left to do
    with Faceset.open(film / "faces" / "Ada" / "Ada") as store:
        assert [face.frame_index for face in select(store.all_faces(), ["person:Ben"])] == [2, 3]
    found = visitor.post(f"{base}/undo").json
    assert (found["state"], found["names"]) == ("kkdddkkkkk", {"2": "Ben", "3": "Ben", "4": "Ben"})
    found = assign(None, slice(2, 4))
    assert (found["state"], found["names"]) == ("kkkkdkkkkk", {"4": "Ben"})
    for _ in range(2):
        found = visitor.post(f"{base}/undo").json
    assert (found["state"], found["names"], found["redo"]) == ("k" * 10, {}, 2)
    assert visitor.post(f"{base}/redo").json["state"] == "kkdddkkkkk"
    assert visitor.post(f"{base}/edit", {"action": "assign", "faces": keys[:1], "person": "x"}).status == 400


@pytest.mark.parametrize("faces", [[[1]], [[1, 2, 3]], [[1, "a"]], [["../x", 0]]])
def test_what_is_no_face(visitor: Client, faces: Any) -> None:
    base = path_of(visitor, "extract", "facesets")
    assert visitor.post(f"{base}/edit", {"action": "drop", "faces": faces}).status == 400
    assert visitor.post(f"{base}/edit", {"action": "delete", "faces": []}).status == 400
    assert visitor.get(f"{base}/crops/99/0").status == 400
    assert visitor.get("/api/facesets/000000000000").status == 400


def test_a_crop_is_sent_as_a_small_picture(visitor: Client) -> None:
    base = path_of(visitor, "extract", "facesets")
    answer = visitor.get(f"{base}/crops/4/0")
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode(answer.data, cv2.IMREAD_COLOR).shape == (144, 144, 3)


def test_a_faceset_that_leads_out_is_not_shown(visitor: Client, film: Path, tmp_path: Path) -> None:
    base = path_of(visitor, "extract", "facesets")
    faceset = film / "faces" / "Ada" / "Ada"
    shutil.move(faceset, tmp_path / "elsewhere")
    faceset.symlink_to(tmp_path / "elsewhere")
    answer = visitor.get(base)
    assert answer.status == 400
    assert "leads out of the project" in answer.json["error"]


def test_damage_of_the_undo_history_is_said(page: Page, studio: StudioServer, film: Path) -> None:
    """On the page, not only in the answer; and what was dropped stays dropped."""
    page.goto(studio.key.link)
    page.get_by_role("link", name="Faces", exact=True).click()
    tiles = page.locator(".tile")
    for left in (9, 8):
        tiles.nth(2).click()
        page.keyboard.press("KeyX")
        expect(tiles).to_have_count(left)
    [file] = (film / ".facedouble" / "studio").glob("*.faces.history")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0][:20] + "\n", *lines[1:]]))
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    with serving(film) as other:
        page.goto(other.key.link)
        page.get_by_role("link", name="Faces", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("line 1 of the undo history")
        page.get_by_role("button", name="Undo").click()
        expect(tiles).to_have_count(9)
        expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_what_was_measured_is_kept_and_believed_only_if_whole(visitor: Client, film: Path) -> None:
    base = path_of(visitor, "extract", "facesets")
    first = measured(visitor, base)
    [cache] = (film / ".facedouble" / "studio").glob("*.faces.json")
    kept_columns = json.loads(cache.read_text())
    damaged = [
        "", "[]", json.dumps({**kept_columns, "stamp": "another"}),
        json.dumps({**kept_columns, "numbers": {**kept_columns["numbers"], "track": [0]}}),
        json.dumps({**kept_columns, "measures": {}}),
    ]  # fmt: skip
    faceset = film / "faces" / "Ada" / "Ada"
    for text in damaged:
        cache.write_text(text)
        found = whole_table(faceset, cache)
        assert {name: found[name] for name in ("frame", "yaw", "wrong")} == {
            name: first[name] for name in ("frame", "yaw", "wrong")
        }
    assert FacesTable().keys(faceset, cache) == list(zip(first["frame"], first["number"], strict=True))


def test_a_training_is_shown(visitor: Client, film: Path) -> None:
    base = path_of(visitor, "train", "models")
    found = visitor.get(base).json
    assert (found["iteration"], found["name"], found["limits"]) == (2, "Ada-Ben", {"iterations": 2})
    assert {"loss/a", "loss/b"} <= found["curves"].keys()
    model = film / "models" / "Ada-Ben"
    shown = visitor.get(f"{base}/preview/{found['preview']}")
    assert shown.data == (model / "preview.png").read_bytes()
    (model / "time-lapse").mkdir(exist_ok=True)
    write_png(model / "time-lapse" / "00000007.png", np.zeros((4, 4, 3), np.uint8))
    (model / "time-lapse" / "00000008.png").write_text("<script>alert(1)</script>")
    (model / "time-lapse" / "00000009.png").symlink_to(film / "project.yaml")
    assert 7 in visitor.get(base).json["time_lapse"]
    assert visitor.get(f"{base}/past/7").headers["content-type"] == "image/png"
    for number in (8, 9, 10):
        assert visitor.get(f"{base}/past/{number}").status == 400


def test_a_model_is_trained_longer(visitor: Client, film: Path) -> None:
    base = path_of(visitor, "train", "models")
    assert visitor.post(f"{base}/minutes", {"minutes": 90.0}).status == 200
    [step] = [it for it in visitor.get("/api/project").json["steps"] if it["kind"] == "train"]
    assert step["state"] == "unfinished"
    assert read_project(film).models["Ada-Ben"].settings["limits"] == {"iterations": 0, "minutes": 90.0}
    assert visitor.post(f"{base}/minutes", {"minutes": -1.0}).status == 400


def test_events_are_followed_as_they_come(tmp_path: Path) -> None:
    file, followed = tmp_path / "1.jsonl", Followed()

    def write(step: int, loss: float) -> None:
        row = {"event": "metrics", "stage": "train", "step": step, "values": {"loss/a": loss}, "units": {}}
        with file.open("a") as stream:
            stream.write(json.dumps(row) + "\n")

    assert followed.metrics(file, 0) == []
    write(10, 0.5)
    write(20, 0.4)
    assert [it.step for it in followed.metrics(file, 0)] == [10, 20]
    file.open("a").write("half a li")
    assert len(followed.metrics(file, 0)) == 2
    curves = Curves()
    for step, loss in ((10, 0.5), (20, 0.4), (15, 0.45)):  # it went back to a save
        curves.add(step, {"loss/a": loss})
    assert curves.points["loss/a"] == [(10, 0.5), (15, 0.45)]


def test_both_screens_in_a_browser(page: Page, studio: StudioServer, film: Path) -> None:
    page.goto(studio.key.link)
    page.get_by_role("link", name="Faces", exact=True).click()
    tiles = page.locator(".tile")
    expect(tiles).to_have_count(10)
    expect(page.locator(".tile img").first).to_have_js_property("naturalWidth", 144)
    tiles.nth(2).click()
    tiles.nth(4).click(modifiers=["Shift"])
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.keyboard.press("KeyX")
    expect(tiles).to_have_count(7)
    assert len(kept(film)) == 7
    page.keyboard.press("KeyZ")
    expect(tiles).to_have_count(10)
    assert len(kept(film)) == 10
    tiles.nth(0).click()
    page.get_by_label("Assign to").select_option("Ben")
    expect(tiles).to_have_count(9)
    page.get_by_role("button", name="All", exact=True).click()
    expect(tiles.first.locator("b")).to_have_text("Ben")
    page.get_by_label("Person", exact=True).select_option("Ben")
    expect(tiles).to_have_count(1)
    page.get_by_label("Person", exact=True).select_option("everybody")
    page.keyboard.press("KeyZ")
    expect(page.locator(".tile b")).to_have_count(0)
    page.locator(".poses button:not(:disabled)").first.click()
    assert tiles.count() <= 10
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.locator(".chart svg").first).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("quick")
    page.get_by_role("slider", name="Time-lapse").press("Home")


@pytest.mark.subprocess
@pytest.mark.slow
def test_a_training_goes_on_without_the_server(film: Path) -> None:
    def job_of(visitor: Client) -> Any:
        [job] = visitor.get("/api/jobs").json
        return job

    def wait(visitor: Client, ready: Callable[[Any], bool]) -> Any:
        wait_until(lambda: ready(job_of(visitor)))
        return job_of(visitor)

    with serving(film) as server:
        visitor = Client(server).enter()
        base = path_of(visitor, "train", "models")
        visitor.post(f"{base}/minutes", {"minutes": 6000.0})
        visitor.post("/api/jobs/run", {"steps": [base.rpartition("/")[2]]})
        wait(visitor, lambda _: visitor.get(base).json["iteration"] > 2)
    with serving(film) as server:
        visitor = Client(server).enter()
        assert job_of(visitor)["state"] == "running"
        before = visitor.get(base).json["iteration"]
        wait(visitor, lambda _: visitor.get(base).json["iteration"] > before)
        visitor.post(f"/api/jobs/{job_of(visitor)['id']}/stop")
        assert wait(visitor, lambda job: job["state"] != "running")["state"] == "cancelled"
        assert visitor.get(base).json["saved_at"] > before
