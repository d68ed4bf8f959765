from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.curation.contact_sheets import coverage_sheet, faces_sheet, review_sheet
from facedouble.curation.coverage_chart import HERE, THERE
from facedouble.curation.drawing import (
    PAPER,
    Cell,
    blank_sheet,
    contact_sheet,
    draw_text,
    text_width,
    wrap_text,
    write_picture,
)
from facedouble.curation.review import Reason, SuspectFace
from facedouble.curation.suspect_spans import SuspectSpan
from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faceset.store import Faceset
from facedouble.types import Image
from facedouble.video.images import read_image


def ink(image: Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is drawn on the paper."""
    rows, columns = np.nonzero((np.abs(image.astype(int) - PAPER) > 60).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def near(image: Image, colour: tuple[int, int, int]) -> int:
    """Pixels of a colour."""
    return int((np.abs(image.astype(int) - colour) < 4).all(axis=2).sum())


@pytest.mark.parametrize("height", [11, 15, 30])
@pytest.mark.parametrize("bold", [False, True])
def test_text_is_as_high_and_wide_as_it_says(height: int, bold: bool) -> None:
    sheet = blank_sheet(800, 100)
    draw_text(sheet, "HIM", (100, 60), height, bold=bold)
    left, top, right, bottom = ink(sheet)
    assert abs(bottom - 60) <= 2
    assert abs(bottom - top + 1 - height) <= 2
    assert abs(left - 100) <= 4
    assert abs(right - left + 1 - text_width("HIM", height, bold=bold)) <= 0.3 * height + 2


def test_text_is_anchored() -> None:
    places = {}
    for anchor in ("left", "middle", "right"):
        sheet = blank_sheet(400, 60)
        draw_text(sheet, "12345", (200, 40), 15, anchor=anchor)
        left, _, right, _ = ink(sheet)
        places[anchor] = (left + right) / 2 - 200
    assert abs(places["middle"]) < 3
    assert places["left"] > 15
    assert places["right"] < -15


def test_letters_that_fonts_lack_do_no_harm() -> None:
    sheet = blank_sheet(400, 60)
    draw_text(sheet, "Grüße 日本", (10, 40), 15)
    assert ink(sheet)[0] > 5
    assert text_width("日本", 15) == text_width("??", 15)


def test_lines_are_wrapped_between_words() -> None:
    text = "the crop jumps by a tenth of its side and the detector was unsure"
    lines = wrap_text(text, 11, 160)
    assert len(lines) > 2
    assert " ".join(lines) == text
    assert all(text_width(line, 11) <= 160 for line in lines)
    assert wrap_text(text, 11, 160, max_lines=2) == [lines[0], lines[1] + " ..."]
    assert wrap_text("incomprehensibilities", 11, 20) == ["incomprehensibilities"]
    assert wrap_text("", 11, 20) == []


def test_a_sheet_has_every_picture_in_its_place() -> None:
    colours = [(255, 0, 0), (0, 200, 0), (0, 0, 255), (120, 0, 120), (0, 120, 120)]
    cells = [
        Cell(np.full((40, 40, 3), colour, dtype=np.uint8), f"face {i}", "why")
        for i, colour in enumerate(colours)
    ]
    sheet = contact_sheet(cells, "title", columns=3, side=100)
    for number, colour in enumerate(colours):
        rows, columns = np.nonzero((sheet == colour).all(axis=2))
        assert len(rows) == 100 * 100
        assert columns.min() // 112 == number % 3
        assert (rows.min() > 200) == (number >= 3)
    assert contact_sheet(cells[:1], "a rather long title for one face", columns=3, side=100).shape[1] > 240


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG"])
def test_a_picture_is_written_as_its_name_says(name: str, tmp_path: Path) -> None:
    image = blank_sheet(60, 40)
    image[:20] = (200, 30, 30)
    write_picture(tmp_path / name, image)
    assert np.abs(read_image(tmp_path / name).astype(int) - image).mean() < 2
    kind = b"\x89PNG" if name.endswith("png") else b"\xff\xd8"
    assert (tmp_path / name).read_bytes().startswith(kind)


def test_another_name_and_another_place_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.jpg"):
        write_picture(tmp_path / "a.gif", blank_sheet(10, 10))
    with pytest.raises(OutputError, match="none"):
        write_picture(tmp_path / "none" / "a.png", blank_sheet(10, 10))


# -- of a real faceset ---------------------------------------------------------------------------------


def test_faces_are_shown_spread_over_their_order(extracted_pair: Path) -> None:
    with Faceset.open(extracted_pair) as store:
        all_of_them = faces_sheet(store, 100)
        some = faces_sheet(store, 5)
        first, last = (read_image(store.crop_path(store.faces()[i])) for i in (0, -1))
    assert all_of_them.shape[1] == 12 + 10 * 172
    assert some.shape[1] == 12 + 5 * 172
    for image, left in ((first, 12), (last, 12 + 4 * 172)):
        crop = cv2.resize(image, (160, 160), interpolation=cv2.INTER_AREA)
        assert np.array_equal(some[70:230, left : left + 160], crop)


def test_what_looks_wrong_is_shown_with_its_landmarks(extracted_pair: Path) -> None:
    with Faceset.open(extracted_pair) as store:
        face = store.faces()[3]
        plain = read_image(store.crop_path(face))
        wrong = SuspectFace(face, (Reason(2.0, "its track is 1 frame long"),))
        sheet = review_sheet(store, [SuspectSpan(wrong, face, face, 1)])
    shown = sheet[70 : 70 + 256, 12 : 12 + 256]
    different = (shown != plain).any(axis=2)
    dots = len(scheme_of(face).regions.points)
    assert dots < different.sum() < dots * 20, "small dots"
    below = sheet[70 + 262 :]
    assert ink(below)[3] > 30, "two lines of text"


def test_coverage_is_drawn_alone_and_beside_another(extracted_pair: Path, pair: Path) -> None:
    with Faceset.open(pair) as other, Faceset.open(extracted_pair) as store:
        for face in other.all_faces():
            middle = face.smoothed.mean(axis=0)
            turned = middle + (face.smoothed - middle) * np.array([0.7, 1], np.float32)  # narrower faces
            other.put_faces([face.with_(smoothed=turned, sharpness=face.sharpness * 4)])
        alone, said = coverage_sheet(store, None)
        beside, said_beside = coverage_sheet(store, other)
    assert near(alone, HERE) > 5000
    assert near(beside, THERE) > 1000
    assert near(beside, THERE) > near(alone, THERE) / 4
    assert alone.shape[1] == beside.shape[1] == 1640
    assert len(said) > 2
    assert any("blurred" in sentence for sentence in said_beside)


def test_without_a_face_in_use_nothing_is_drawn(pair: Path) -> None:
    for crop in (pair / "faces").iterdir():
        crop.rename(pair / "dropped" / crop.name)
    with Faceset.open(pair) as store:
        for draw in (lambda: faces_sheet(store, 9), lambda: coverage_sheet(store, None)):
            with pytest.raises(InputError, match="no face is in use"):
                draw()
