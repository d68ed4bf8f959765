"""Labelling masks in the editor: which is next, and learning from what was drawn."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from facedouble.cli.main import app
from facedouble.faceset.layers import HAND, Maker
from facedouble.faceset.store import Faceset
from facedouble.project.database import open_database
from facedouble.project.foreground import alone
from facedouble.project.jobs import Queue
from facedouble.studio.server import StudioServer
from tests.studio.conftest import Client, refused
from tests.studio.editing import Desk, layers_at
from tests.waiting import wait_until

NETWORK = Maker("network", "unet", "1")


@pytest.fixture
def faceset(faceset: Path) -> Path:
    """With masks of a network, of which that of frame 6 is unlike its neighbours."""
    with Faceset.open(faceset) as store:
        for face in store.all_faces():
            mask = np.full((128, 128), 255, np.uint8)
            if face.frame_index == 6:
                mask[60:110, 40:90] = 0
            store.put_layer(face, "occlusion", mask, NETWORK)
    return faceset


def base_of(visitor: Client) -> str:
    steps = [it for it in visitor.get("/api/project").json["steps"] if it["kind"] == "extract"]
    return f"/api/editor/{steps[0]['id']}"


def doubtful(visitor: Client, base: str) -> Any:
    wait_until(lambda: visitor.get(f"{base}/doubtful").json["measured"])
    return visitor.get(f"{base}/doubtful").json["faces"]


def test_the_mask_that_fits_its_neighbours_least_is_first(faceset: Path, visitor: Client) -> None:
    base = base_of(visitor)
    found = doubtful(visitor, base)
    assert found[0]["frame"] in (5, 6, 7)
    assert 6 in [one["frame"] for one in found[:3]]
    assert "unlike its neighbours'" in found[0]["why"]
    answer = visitor.post(f"{base}/edit", {"frame": 6, "number": 0, "edit": {"kind": "visible"}}).json
    assert (answer["labels"], answer["until"]) == (1, 9)
    assert 6 not in [one["frame"] for one in doubtful(visitor, base)], "a person has drawn it"


def test_without_masks_there_is_nothing_to_compare(visitor: Client) -> None:
    base = base_of(visitor)
    answer = refused(visitor, f"{base}/doubtful")
    assert "no face has a mask" in answer.json["error"]


@pytest.mark.subprocess
def test_learning_is_queued_once_with_commands_that_work(faceset: Path, visitor: Client, film: Path) -> None:
    base = base_of(visitor)
    with alone(film):  # nobody takes the jobs meanwhile
        assert visitor.post(f"{base}/learn").json == {"queued": 2}
        assert visitor.post(f"{base}/learn").json == {"queued": 0}
        with closing(open_database(film)) as database:
            queue = Queue(database)
            teach, apply = queue.all()
            for job in (teach, apply):
                queue.ask_to_stop(job.id)
    assert apply.after == (teach.id,)
    assert teach.arguments[:4] == ("occlusion", "train", "faces/Ada/Ada", "faces/Ben/Ben")
    assert apply.arguments[:3] == ("occlusion", "apply", "faces/Ada/Ada")
    for job in (teach, apply):
        shown = CliRunner().invoke(app, [*job.arguments[:2], "--help"])
        assert all(option in shown.output for option in job.arguments if option.startswith("--"))


@pytest.mark.subprocess
@pytest.mark.slow
def test_learning_runs_to_its_end(faceset: Path, visitor: Client, film: Path) -> None:
    """With fewer iterations than usual. What a person drew stays, and the others get new masks."""
    with Faceset.open(faceset) as store:
        for face in store.all_faces()[:2]:
            store.put_layer(face, "occlusion", np.full((64, 64), 255, np.uint8), HAND)
    with alone(film):
        assert visitor.post(f"{base_of(visitor)}/learn").json == {"queued": 2}
        with closing(open_database(film)) as database:
            queue = Queue(database)
            teach, apply = queue.all()
            few = ("--iterations", "2", "--batch-size", "2", "--no-hands")
            queue.revise(teach.id, [*teach.arguments, *few], teach.after)
            queue.revise(apply.id, [*apply.arguments, "--no-hands"], apply.after)
    assert visitor.post("/api/jobs/wake").status == 200
    busy = {"queued", "running"}
    wait_until(lambda: not busy & {job["state"] for job in visitor.get("/api/jobs").json})
    jobs = visitor.get("/api/jobs").json
    assert [(job["state"], job["error"]) for job in jobs] == [("done", "")] * 2
    assert (film / "models" / "occlusion.safetensors").is_file()
    made = [layers_at(faceset, frame)["occlusion"] for frame in range(10)]
    assert made[:2] == [HAND] * 2
    assert all(it.kind == "network" and it != NETWORK for it in made[2:])


@pytest.mark.subprocess
def test_ten_labels_start_it(faceset: Path, page: Page, studio: StudioServer, film: Path) -> None:
    with Faceset.open(faceset) as store:
        for face in store.all_faces()[:9]:
            store.put_layer(face, "occlusion", np.full((64, 64), 255, np.uint8), Maker("hand"))
    with alone(film):
        page.goto(studio.key.link)
        page.get_by_role("link", name="Editor", exact=True).click()
        desk = Desk(page)
        desk.ready(0)
        page.keyboard.press("KeyR")
        expect(page.get_by_text("9 masks drawn.")).to_be_visible()
        page.keyboard.press("KeyN")
        desk.ready(9)
        expect(page.locator(".over")).to_contain_text("1 of 1: its mask is")
        page.get_by_role("button", name="Nothing in front").click()
        desk.saved(1)
        expect(page.locator(".over")).to_contain_text("The network learns in the background")
        with closing(open_database(film)) as database:
            queue = Queue(database)
            assert [job.arguments[:2] for job in queue.all()] == [
                ("occlusion", "train"),
                ("occlusion", "apply"),
            ]
            for job in queue.all():
                queue.ask_to_stop(job.id)
