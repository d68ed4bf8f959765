"""HDR clips: what is not the face is the clip to the bit, its tags stay, and the face has its light."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facedouble.conversion.pipeline import convert
from facedouble.extraction.extract import extract
from facedouble.faceset.store import Faceset
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.extract import ExtractSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.display_coding import Coding
from facedouble.video.exr import linear
from facedouble.video.hdr import HlgCoding, PqCoding
from facedouble.video.planes import YuvPlanes
from facedouble.video.primaries import REC2020, to_rec709

pytestmark = [pytest.mark.subprocess, pytest.mark.slow]

CODINGS: dict[int, Coding] = {16: PqCoding(to_rec709(REC2020)), 18: HlgCoding(to_rec709(REC2020))}


@pytest.mark.parametrize("transfer", CODINGS)
def test_a_face_in_an_hdr_clip(
    pictures: list[np.ndarray],
    make_clip: Callable[..., None],
    stand_in: Path,
    tmp_path: Path,
    transfer: int,
) -> None:
    coded = [CODINGS[transfer].from_light(linear(picture) * 1.5) for picture in pictures[:3]]
    deep = [np.rint(np.clip(picture, 0, 1) * 65535).astype(np.uint16) for picture in coded]
    clip, out = tmp_path / "hdr.mkv", tmp_path / "out.mkv"
    make_clip(clip, deep, [], codec="ffv1", pixel_format="yuv420p10le", tags=(1, 9, 9, transfer))
    extract(clip, tmp_path / "faces", ExtractSettings(processes=1))
    how = from_options(
        ConvertSettings,
        encoding=ClipEncoding(codec="ffv1"),
        device="cpu",
        precision="fp32",
        credentials=False,
        colour_contrast=1,  # codes are no light: their mean depends on the contrast
    )
    convert(clip, stand_in, out, how, faceset=tmp_path / "faces")
    source, result = ClipSource(clip), ClipSource(out)
    info = result.info
    assert (info.pixel_format, info.colour_range) == ("yuv420p10le", 1)
    assert (info.colour_matrix, info.colour_primaries, info.colour_transfer) == (9, 9, transfer)
    with Faceset.open(tmp_path / "faces") as store:
        faces = {face.frame_index: face for face in store.all_faces()}
    assert len(faces) == 3
    for before, after in zip(source.frames(), result.frames(), strict=True):
        old, new = before.content, after.content
        assert isinstance(old, YuvPlanes)
        assert isinstance(new, YuvPlanes)
        box = faces[before.index].box
        luma, drawn = (planes.planes[0].astype(int) for planes in (old, new))
        changed = luma != drawn
        assert changed[box.top : box.bottom, box.left : box.right].mean() > 0.3
        far = np.ones_like(changed)
        margin = (box.right - box.left) // 2
        rows = slice(max(0, box.top - 2 * margin), box.bottom + margin)
        far[rows, max(0, box.left - margin) : box.right + margin] = False
        assert not changed[far].any()
        # Colours were matched as they are shown, so its light is that of the face it replaces.
        inside = changed[box.top : box.bottom, box.left : box.right]
        levels = [plane[box.top : box.bottom, box.left : box.right][inside].mean() for plane in (luma, drawn)]
        assert abs(levels[0] - levels[1]) < 25  # of 1023
        # The mask fades out: where it ends, the step is no larger than steps of the clip itself.
        edge = changed[:, 1:] != changed[:, :-1]
        steps = np.abs(np.diff(drawn, axis=1))[edge]
        own = np.abs(np.diff(luma, axis=1))[edge]
        assert steps.mean() < own.mean() + 4
