"""The editor's calls: every edit is on disk when it is answered, can be undone for ever, and survives."""

from __future__ import annotations

import base64
import http.client
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facedouble.extraction.extract import extract
from facedouble.faces.align import inverse
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.layers import Maker
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Grey
from facedouble.video.images import read_image
from facedouble.video.opencv_codec import decode
from facedouble.video.source import open_source
from tests.factories import same_face
from tests.studio.conftest import Client, serving
from tests.studio.editing import face_at, layers_at

STILL = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def shift(x: float, y: float) -> list[list[float]]:
    return [[1.0, 0.0, x], [0.0, 1.0, y]]


@pytest.fixture
def base(visitor: Client) -> str:
    steps = [it for it in visitor.get("/api/project").json["steps"] if it["kind"] == "extract"]
    return f"/api/editor/{steps[0]['id']}"


def edited(visitor: Client, base: str, frame: int, **edit: Any) -> Any:
    answer = visitor.post(f"{base}/edit", {"frame": frame, "number": 0, "edit": edit})
    assert answer.status == 200, answer.text
    return answer.json


def mask_at(visitor: Client, base: str, frame: int) -> Grey:
    answer = visitor.get(f"{base}/masks/{frame}/0")
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(decode(answer.data, cv2.IMREAD_UNCHANGED))


def square(left: float, top: float, side: float) -> list[list[float]]:
    return [[left, top], [left + side, top], [left + side, top + side], [left, top + side]]


def on_frame(faceset: Path, frame: int, mask: Grey) -> Any:
    """What a mask hides, on the pixels of its frame."""
    face = face_at(faceset, frame)
    return cv2.warpAffine(255 - mask, inverse(face.alignment), (1280, 720)) > 127


# -- what is shown ---------------------------------------------------------------------------------------


def test_a_faceset_and_its_frames_are_shown(visitor: Client, base: str, film: Path, faceset: Path) -> None:
    shown = visitor.get(base).json
    assert (shown["frames"], shown["width"], shown["height"]) == (10, 1280, 720)
    assert shown["frame"] == list(range(10))
    assert (shown["edited"], shown["mask"]) == ([0] * 10, ["-"] * 10)
    [face] = visitor.get(f"{base}/frames/4").json["faces"]
    known = face_at(faceset, 4)
    scheme = visitor.get(f"/api/schemes/{face['scheme']}").json
    assert len(scheme["indices"]) == len(face["points"])
    assert np.allclose(face["points"], known.smoothed[scheme["indices"]], atol=1e-3)
    assert {"face", "brows", "lips", "jaw", "left_upper_lid"} <= scheme["groups"].keys()
    assert max(max(group) for group in scheme["groups"].values()) < len(face["points"])
    assert (face["edited"], face["crop_by_hand"], face["state"]) == (False, False, "faces")
    picture = decode(visitor.get(f"{base}/frames/4/picture").data, cv2.IMREAD_COLOR_RGB)
    [frame] = list(open_source(film / "clips" / "Ada.mp4").frames(4, 5))
    assert np.array_equal(picture, frame.rgb()), "the very frame that is processed"


def test_what_is_not_there(visitor: Client, base: str) -> None:
    assert visitor.get(f"{base}/frames/77").json["faces"] == []
    assert visitor.get(f"{base}/frames/77/picture").status == 400
    assert visitor.get(f"{base}/masks/4/9").status == 400
    assert visitor.get("/api/editor/000000000000").status == 400
    assert visitor.get("/api/schemes/none").status == 400


# -- landmarks and crop ----------------------------------------------------------------------------------


def test_points_are_moved_and_the_crop_is_cut_anew(visitor: Client, base: str, faceset: Path) -> None:
    before = face_at(faceset, 3)
    scheme = scheme_of(before)
    lips = list(scheme.regions.lips)
    answer = edited(visitor, base, 3, kind="points", points=lips, matrix=shift(2.5, 9.0))
    after = face_at(faceset, 3)
    assert after.edited
    moved = after.landmarks - before.smoothed
    assert np.allclose(moved[lips], (2.5, 9), atol=1e-3)
    assert np.abs(moved[list(scheme.regions.brows)]).max() == 0
    assert np.array_equal(after.landmarks, after.smoothed)
    assert after.crop == before.crop
    crop = read_image(faceset / str(after.crop))
    with Faceset.open(faceset) as store:
        assert np.array_equal(store.read_crop(after), crop), "its record fits"
    assert answer["changed"] == [[3, 0, 1, "-"]]
    assert (answer["undo"], answer["redo"]) == (1, 0)
    assert visitor.get(base).json["edited"] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_the_crop_is_moved_turned_and_made_to_follow_again(visitor: Client, base: str, faceset: Path) -> None:
    before = face_at(faceset, 2)
    [corners] = [face["crop"] for face in visitor.get(f"{base}/frames/2").json["faces"]]
    matrix = [[0.0, -1.1, 700.0], [1.1, 0.0, -300.0]]
    [face] = edited(visitor, base, 2, kind="crop", matrix=matrix)["faces"]
    assert face["crop_by_hand"]
    turned = np.array(corners) @ np.array(matrix)[:, :2].T + np.array(matrix)[:, 2]
    assert np.allclose(face["crop"], turned, atol=0.01)
    assert np.array_equal(face_at(faceset, 2).smoothed, before.smoothed)
    edited(visitor, base, 2, kind="points", points=[scheme_of(before).regions.jaw[0]], matrix=shift(1, 1))
    [again] = visitor.get(f"{base}/frames/2").json["faces"]
    assert np.allclose(again["crop"], face["crop"]), "what was placed by hand stays"
    [followed] = edited(visitor, base, 2, kind="crop", matrix=None)["faces"]
    assert not followed["crop_by_hand"]
    assert np.abs(np.array(followed["crop"]) - corners).max() < 6


# -- masks -----------------------------------------------------------------------------------------------


def test_polygons_and_strokes_make_one_mask(visitor: Client, base: str, faceset: Path) -> None:
    x, y = face_at(faceset, 5).smoothed.mean(axis=0).tolist()
    outline = {"include": False, "points": square(x, y, 60)}
    edited(visitor, base, 5, kind="polygons", polygons=[outline])
    assert layers_at(faceset, 5) == {"polygons": Maker("hand")}
    drawn = mask_at(visitor, base, 5)
    assert 0 < (drawn == 0).mean() < 0.5
    path = [[x - 60, y], [x - 20, y]]
    edited(visitor, base, 5, kind="stroke", path=path, radius=12.0, softness=0.2, include=False)
    assert layers_at(faceset, 5) == {"occlusion": Maker("hand")}
    painted = mask_at(visitor, base, 5)
    assert (painted[drawn == 0] == 0).all(), "the outline is part of it now"
    assert (painted == 0).sum() > (drawn == 0).sum() + 100
    edited(visitor, base, 5, kind="stroke", path=path, radius=30.0, softness=0.0, include=True)
    assert (mask_at(visitor, base, 5) == 0).sum() < (drawn == 0).sum()
    edited(visitor, base, 5, kind="visible")
    assert (mask_at(visitor, base, 5) == 255).all()
    edited(visitor, base, 5, kind="clear")
    assert layers_at(faceset, 5) == {}


def test_a_networks_mask_is_where_a_label_begins(visitor: Client, base: str, faceset: Path) -> None:
    suggested = np.full((128, 128), 255, np.uint8)
    suggested[:64] = 0
    network = Maker("network", "unet", "3")
    with Faceset.open(faceset) as store:
        [face] = store.faces_of(6)
        store.put_layer(face, "occlusion", suggested, network)
    [shown] = visitor.get(f"{base}/frames/6").json["faces"]
    assert (
        shown["layers"]["occlusion"].items() >= {"maker": "network", "name": "unet", "version": "3"}.items()
    )
    assert visitor.get(base).json["mask"][6] == "n"
    edited(visitor, base, 6, kind="adopt")
    assert layers_at(faceset, 6) == {"occlusion": Maker("hand")}
    assert abs((mask_at(visitor, base, 6) == 0).mean() - 0.5) < 0.01
    visitor.post(f"{base}/undo")
    assert layers_at(faceset, 6) == {"occlusion": network}, "it is the network's again"


# -- other frames ----------------------------------------------------------------------------------------


def test_it_is_copied_from_a_neighbour(visitor: Client, base: str, faceset: Path) -> None:
    before = face_at(faceset, 5)
    edited(visitor, base, 5, kind="copy", what="points", source=4)
    after = face_at(faceset, 5)
    assert after.edited
    assert 0 < np.abs(after.landmarks - before.smoothed).max() < 12
    edited(visitor, base, 5, kind="copy", what="crop", source=6)
    [face] = visitor.get(f"{base}/frames/5").json["faces"]
    assert face["crop_by_hand"]
    answer = visitor.post(
        f"{base}/edit", {"frame": 5, "number": 0, "edit": {"kind": "copy", "what": "mask", "source": 4}}
    )
    assert (answer.status, answer.json["error"]) == (400, "the face of frame 4 has no mask")
    x, y = after.smoothed.mean(axis=0).tolist()
    edited(visitor, base, 4, kind="polygons", polygons=[{"include": False, "points": square(x, y, 40)}])
    edited(visitor, base, 5, kind="copy", what="mask", source=4)
    assert layers_at(faceset, 5) == {"polygons": Maker("hand", "copied", "4")}


def test_it_is_carried_to_where_a_person_has_set_it(visitor: Client, base: str, faceset: Path) -> None:
    before = {frame: face_at(faceset, frame) for frame in range(10)}
    jaw = scheme_of(before[2]).regions.jaw
    chin = [jaw[len(jaw) // 2]]
    edited(visitor, base, 6, kind="points", points=chin, matrix=shift(1, 0))
    edited(visitor, base, 2, kind="points", points=chin, matrix=shift(0, 14))
    answer = edited(visitor, base, 2, kind="carry", what="points", to=9)
    assert [frame for frame, *_ in answer["changed"]] == [3, 4, 5], "6 is a person's"
    assert answer["unsure"] is None
    for frame in (3, 4, 5):
        moved = face_at(faceset, frame).landmarks - before[frame].smoothed
        assert abs(moved[chin[0], 1] - 14) < 7, frame
        assert np.median(np.abs(moved)) < 2
    assert visitor.post(f"{base}/undo").json["what"] == "carry points"
    for frame in (3, 4, 5):
        assert (
            same_face(face_at(faceset, frame), before[frame].with_(expression=None))
            or not face_at(faceset, frame).edited
        )
    back = edited(visitor, base, 2, kind="carry", what="points", to=0)
    assert [frame for frame, *_ in back["changed"]] == [1, 0]


def test_a_mask_is_carried(visitor: Client, base: str, faceset: Path) -> None:
    x, y = face_at(faceset, 1).smoothed.mean(axis=0).tolist()
    edited(visitor, base, 1, kind="polygons", polygons=[{"include": False, "points": square(x - 20, y, 50)}])
    answer = edited(visitor, base, 1, kind="carry", what="mask", to=4)
    assert answer["changed"] == [[frame, 0, 0, "h"] for frame in (2, 3, 4)]
    assert layers_at(faceset, 4) == {"polygons": Maker("hand", "carried", "1")}
    edited(visitor, base, 6, kind="stroke", path=[[x, y]], radius=25.0, softness=0.0, include=False)
    edited(visitor, base, 6, kind="carry", what="mask", to=9)
    assert layers_at(faceset, 9) == {"occlusion": Maker("hand", "carried", "6")}
    assert 200 < (mask_at(visitor, base, 9) < 128).sum() < 20_000


def test_it_stops_where_the_picture_says_nothing(visitor: Client, base: str, film: Path) -> None:
    answer = visitor.post(
        f"{base}/edit", {"frame": 1, "number": 0, "edit": {"kind": "carry", "what": "mask", "to": 3}}
    )
    assert answer.json["error"] == "this face has no mask yet"


# -- undo, kills and new extractions ---------------------------------------------------------------------


def test_everything_is_undone_and_done_again_after_restarts(
    visitor: Client, base: str, film: Path, faceset: Path
) -> None:
    first = face_at(faceset, 3)
    states = [first]
    for step in range(4):
        edited(
            visitor, base, 3, kind="points", points=[scheme_of(first).regions.jaw[0]], matrix=shift(step, 1)
        )
        states.append(face_at(faceset, 3))
    with serving(film) as other:
        later = Client(other).enter()
        for known in reversed(states[:-1]):
            assert later.post(f"{base}/undo").status == 200
            found = face_at(faceset, 3)
            assert np.array_equal(found.landmarks, known.landmarks)
            assert np.array_equal(found.alignment, known.alignment)
            assert found.edited == known.edited
        assert later.get(base).json["undo"] == 0
        assert later.post(f"{base}/undo").json == {"undo": 0, "redo": 4, "problem": None}
    with serving(film) as other:
        later = Client(other).enter()
        for known in states[1:]:
            later.post(f"{base}/redo")
            assert np.array_equal(face_at(faceset, 3).landmarks, known.landmarks)
    with Faceset.open(faceset) as store:
        assert store.read_crop(store.faces_of(3)[0]).shape == (first.crop_size, first.crop_size, 3)


def test_what_a_kill_cut_short_is_finished(visitor: Client, base: str, film: Path, faceset: Path) -> None:
    """The step was written down, and the studio was killed before it was done."""
    before = face_at(faceset, 3)
    edited(visitor, base, 3, kind="points", points=[scheme_of(before).regions.jaw[0]], matrix=shift(7, 1))
    after = face_at(faceset, 3)
    [history] = (film / ".facedouble" / "studio").glob("*.edits.history")
    lines = history.read_text().splitlines(keepends=True)
    assert [json.loads(line)["op"] for line in lines] == ["do", "done"]
    with Faceset.open(faceset) as store:
        store.set_by_hand(before)
    history.write_text(lines[0])
    with serving(film) as other:
        later = Client(other).enter()
        [shown] = later.get(f"{base}/frames/3").json["faces"]
        assert shown["edited"]
        assert np.array_equal(face_at(faceset, 3).landmarks, after.landmarks)


def test_a_step_that_cannot_be_undone_is_passed_over(visitor: Client, base: str, faceset: Path) -> None:
    """Its face is not there any more; what was done before it can be undone all the same."""
    edited(visitor, base, 5, kind="visible")
    edited(visitor, base, 3, kind="crop", matrix=shift(4, 4))
    with Faceset.open(faceset) as store:
        store._database.execute("DELETE FROM face WHERE frame_index = 3")
        store.commit()
    answer = visitor.post(f"{base}/undo")
    assert (answer.status, answer.json["error"]) == (
        400,
        "face 0 of frame 3 is not there any more; this step is passed over",
    )
    assert visitor.get(f"{base}/frames/5").status == 200
    assert visitor.post(f"{base}/undo").json["what"] == "visible"
    assert layers_at(faceset, 5) == {}


def test_what_a_person_set_survives_every_new_extraction(
    visitor: Client, base: str, film: Path, faceset: Path
) -> None:
    """Resumed, and from the first frame on."""
    before = face_at(faceset, 3)
    x, y = before.smoothed.mean(axis=0).tolist()
    edited(visitor, base, 3, kind="points", points=list(scheme_of(before).regions.lips), matrix=shift(0, 6))
    edited(visitor, base, 4, kind="crop", matrix=shift(5, 5))
    edited(visitor, base, 5, kind="polygons", polygons=[{"include": False, "points": square(x, y, 40)}])
    edited(visitor, base, 6, kind="stroke", path=[[x, y]], radius=20.0, softness=0.0, include=False)
    kept = {frame: face_at(faceset, frame) for frame in (3, 4, 5, 6)}
    hidden = {frame: on_frame(faceset, frame, mask_at(visitor, base, frame)) for frame in (5, 6)}
    clip = film / "clips" / "Ada.mp4"
    settings = ExtractSettings(processes=1, skip_existing=True)
    extract(clip, faceset, settings)
    with Faceset.open(faceset) as store:
        store._database.execute("DELETE FROM meta WHERE key != 'schema'")
        store._database.execute("DELETE FROM frame WHERE frame_index NOT IN (SELECT frame_index FROM face)")
        store.commit()
    extract(clip, faceset, settings)
    for frame in (3, 4):
        after = face_at(faceset, frame)
        assert after.edited
        assert np.array_equal(after.landmarks, kept[frame].landmarks)
        assert np.array_equal(after.alignment, kept[frame].alignment)
    for frame in (5, 6):  # their crops may lie a little elsewhere now
        found = on_frame(faceset, frame, mask_at(visitor, base, frame))
        assert (found & hidden[frame]).sum() > 0.94 * (found | hidden[frame]).sum() > 0


# -- attacks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit",
    [
        {"kind": "points", "points": [0], "matrix": [[1, 0, 0]]},
        {"kind": "points", "points": [-1], "matrix": STILL},
        {"kind": "points", "points": [99999], "matrix": STILL},
        {"kind": "points", "points": [], "matrix": STILL},
        {"kind": "points", "points": ["0"], "matrix": STILL},
        {"kind": "points", "points": [0], "matrix": [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]},
        {"kind": "crop", "matrix": [[1.0, 0.0, 1e300], [0.0, 1.0, 0.0]]},
        {"kind": "crop", "matrix": shift(5000, 5000)},
        {"kind": "polygons", "polygons": [{"include": True, "points": [[0, 0], [1, 1]]}]},
        {"kind": "polygons", "polygons": [{"include": "yes", "points": square(0, 0, 9)}]},
        {"kind": "polygons", "polygons": [{"include": True, "points": [[0, 0, 0]] * 4}]},
        {"kind": "polygons", "polygons": [{"include": True, "points": [[1, 1]] * 10_001}]},
        {"kind": "polygons", "polygons": [{"include": True, "points": square(0, 0, 9)}] * 1001},
        {"kind": "stroke", "path": [], "radius": 3.0, "softness": 0.0, "include": True},
        {"kind": "stroke", "path": [[1, 1]], "radius": -3.0, "softness": 0.0, "include": True},
        {"kind": "stroke", "path": [[1, 1]], "radius": 3.0, "softness": 9.0, "include": True},
        {"kind": "copy", "what": "points", "source": 4},
        {"kind": "copy", "what": "../x", "source": 3},
        {"kind": "copy", "what": "points", "source": 10**12},
        {"kind": "carry", "what": "points", "to": -4},
        {"kind": "rm"},
        {},
    ],
    ids=range(22),
)  # fmt: skip
def test_what_is_no_edit_changes_nothing(
    edit: dict[str, Any], visitor: Client, base: str, faceset: Path, film: Path
) -> None:
    before = face_at(faceset, 4)
    answer = visitor.post(f"{base}/edit", {"frame": 4, "number": 0, "edit": edit})
    assert answer.status == 400
    assert 0 < len(answer.json["error"].splitlines()) == 1
    assert len(answer.json["error"]) < 400
    assert same_face(face_at(faceset, 4), before)
    assert visitor.get(base).json["undo"] == 0
    assert layers_at(faceset, 4) == {}


def test_a_polygon_of_ten_million_points_is_refused_in_one_line(visitor: Client, base: str) -> None:
    start = b'{"frame":4,"number":0,"edit":{"kind":"polygons","polygons":[{"include":true,"points":[[1,2]'
    connection = http.client.HTTPConnection(visitor.server.address.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", f"{base}/edit")
    own = {"Origin": visitor.server.address, "Content-Type": "application/json", **visitor.headers}
    for name, value in {**own, "Content-Length": str(len(start) + 6 * 10_000_000)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(start)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (413, {"error": "too long"})
    connection.close()
    many = start + b",[1,2]" * 170_000 + b"]}]}}"  # as many as a body may hold
    refused = visitor.post(f"{base}/edit", many)
    assert refused.status == 400
    assert "at most 10000 items" in refused.json["error"]
    assert len(refused.json["error"]) < 200


def test_numbers_that_are_none(visitor: Client, base: str) -> None:
    start = b'{"frame":4,"number":0,"edit":{"kind":"points","points":[0],"matrix":[[1,0,'
    for number in (b"NaN", b"1e999", b"Infinity", b'"1"', b"null", b"[1]"):
        assert visitor.post(f"{base}/edit", start + number + b"],[0,1,0]]}}").status == 400


def test_edits_need_the_token(visitor: Client, base: str) -> None:
    body = {"frame": 4, "number": 0, "edit": {"kind": "clear"}}
    for path in ("edit", "undo", "redo"):
        assert visitor.post(f"{base}/{path}", body, token=False).status == 403
        assert visitor.post(f"{base}/{path}", body, Origin="http://evil.example").status == 403
    stranger = Client(visitor.server)
    for path in ("", "/worst", "/frames/4", "/frames/4/picture", "/masks/4/0"):
        assert stranger.get(f"{base}{path}").status == 401


def test_nothing_is_edited_while_another_run_writes(visitor: Client, base: str, faceset: Path) -> None:
    with Run() as run, run.lock(faceset, inside=True):
        answer = visitor.post(f"{base}/edit", {"frame": 4, "number": 0, "edit": {"kind": "visible"}})
        assert answer.status == 409
        assert visitor.get(f"{base}/frames/4").status == 200
    assert layers_at(faceset, 4) == {}
    edited(visitor, base, 4, kind="visible")


def test_a_history_that_was_tampered_with(visitor: Client, base: str, film: Path, faceset: Path) -> None:
    """What stands in it is data: a face that is none is refused, in one line."""
    before = face_at(faceset, 3)
    jaw = scheme_of(before).regions.jaw[0]
    edited(visitor, base, 3, kind="points", points=[jaw], matrix=shift(7, 1))
    [history] = (film / ".facedouble" / "studio").glob("*.edits.history")
    first, rest = history.read_text().split("\n", 1)
    entry = json.loads(first)
    state = entry["step"]["changes"][0]["before"]["face"]
    state["landmarks"] = base64.b64encode(b"x" * 8).decode()
    history.write_text(json.dumps(entry, separators=(",", ":")) + "\n" + rest)
    with serving(film) as other:
        later = Client(other).enter()
        answer = later.post(f"{base}/undo")
        assert answer.status == 400
        assert "is no face" in answer.json["error"]
        assert later.get(f"{base}/frames/3").status == 200, "it is in nobody's way"
