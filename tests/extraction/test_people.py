"""Who is who across cuts, with the default landmarks."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from facedouble.extraction.extract import extract
from facedouble.faces.clustering import assign_people
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import ExtractSettings
from facedouble.video.images import write_png
from facedouble.video.source import open_source

SHOT = 6  # frames


@pytest.mark.slow
def test_two_people_who_take_turns_in_one_place_are_told_apart(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    """Both actors sit in the same place in front of white: the pictures change so little at a cut that it is
    not seen as one. Each comes back, after fewer frames than a gap may have that is filled."""
    folder = tmp_path / "film"
    folder.mkdir()
    shots = (("sample_02", 0), ("sample_03", 0), ("sample_02", 60), ("sample_03", 40))
    for shot, (name, start) in enumerate(shots):
        frames = islice(open_source(clips[name]).frames(), start, start + SHOT)
        for number, frame in enumerate(frames, shot * SHOT):
            small = cv2.resize(frame.rgb(), (640, 360), interpolation=cv2.INTER_AREA)
            write_png(folder / f"{number:04d}.png", np.asarray(small, dtype=np.uint8))
    extract(folder, tmp_path / "faces", ExtractSettings(processes=1))
    with Faceset.open(tmp_path / "faces") as faceset:
        faces = faceset.faces()
        assert not any(frame.ends_shot for frame in faceset.frames())
    assert [face.frame_index for face in faces] == list(range(len(shots) * SHOT))
    assert [face.track for face in faces] == [number // SHOT for number in range(len(faces))]
    people = assign_people(faces)
    assert [people[face.key] for face in faces] == [number // SHOT % 2 for number in range(len(faces))]
