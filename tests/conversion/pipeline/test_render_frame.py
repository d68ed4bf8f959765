"""A single frame is rendered exactly as the conversion writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.frame_ranges import FrameRanges
from facedouble.conversion.pipeline import convert
from facedouble.conversion.plan import ConversionPlan, FaceSelection, make_plan
from facedouble.conversion.render import FrameRenderer, render_frame
from facedouble.conversion.swapper import Swapper
from facedouble.conversion.track_fits import fit_plan
from facedouble.errors import ConversionError, InputError
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.settings.video import ClipEncoding
from facedouble.video.frame import Frame
from facedouble.video.images import write_png
from facedouble.video.planes import YuvPlanes
from facedouble.video.source import open_source


def settings(**changes: Any) -> ConvertSettings:
    plain = {"device": "cpu", "precision": "fp32", "credentials": False}
    return from_options(ConvertSettings, encoding=ClipEncoding(codec="ffv1"), **{**plain, **changes})


@pytest.fixture(scope="module")
def swapper(stand_in: Path) -> Swapper:
    return Swapper.load(stand_in, settings())


@pytest.fixture(scope="module")
def plan(rich: Path, faces: Path, swapper: Swapper) -> ConversionPlan:
    plan = make_plan(rich, faces, FaceSelection(FrameRanges()))
    return fit_plan(plan, faces, swapper, make_steps(settings(), swapper))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "mask_type": "facehull",
            "blur_size": 0.02,
            "erosion": 4.0,
            "detail": "sharpen",
            "sharpener": "gsharpen",
        },
        {"blend": "seamless", "label": "AI generated"},
    ],
    ids=["defaults", "mask", "blend"],
)
def test_a_frame_is_the_one_that_the_conversion_writes(
    rich: Path,
    faces: Path,
    stand_in: Path,
    swapper: Swapper,
    plan: ConversionPlan,
    tmp_path: Path,
    changes: Any,
) -> None:
    """None of these settings is fitted, so one plan serves them all."""
    how = settings(**changes)
    output = tmp_path / "out.mkv"
    convert(rich, stand_in, output, how, faceset=faces)
    source, renderer = open_source(rich), FrameRenderer.from_settings(swapper, how)
    written = {frame.index: frame.content for frame in open_source(output).frames()}
    originals = {frame.index: frame.content for frame in source.frames()}
    for index in (39, 0, 17):
        contents = (render_frame(source, index, plan, renderer).content, written[index], originals[index])
        planes = [content.planes for content in contents if isinstance(content, YuvPlanes)]
        assert len(planes) == 3
        for rendered, final, original in zip(*planes, strict=True):
            assert np.array_equal(rendered, final)
            assert not np.array_equal(rendered, original)


def test_settings_that_are_fitted_need_a_fit(
    rich: Path, faces: Path, swapper: Swapper, plan: ConversionPlan
) -> None:
    source, how = open_source(rich), settings(colour="reinhard")
    renderer = FrameRenderer.from_settings(swapper, how)
    with pytest.raises(ConversionError, match="fit it again"):
        render_frame(source, 3, plan, renderer)
    with pytest.raises(ConversionError, match="fit it again"):
        renderer.render(next(source.frames(3, 4)), plan)
    again = fit_plan(plan, faces, swapper, make_steps(how, swapper))
    assert isinstance(render_frame(source, 3, again, renderer).content, YuvPlanes)
    assert fit_plan(again, faces, swapper, make_steps(how, swapper)) is again, "nothing to fit"


def test_a_frame_that_is_not_there(rich: Path, swapper: Swapper, plan: ConversionPlan) -> None:
    renderer = FrameRenderer.from_settings(swapper, settings())
    with pytest.raises(InputError, match="no frame 40"):
        render_frame(open_source(rich), 40, plan, renderer)


def luma(frame: Frame) -> np.ndarray:
    assert isinstance(frame.content, YuvPlanes)
    return frame.content.planes[0]


def test_ranges_and_mattes_give_the_frames_of_the_whole(
    rich: Path, faces: Path, stand_in: Path, swapper: Swapper, tmp_path: Path
) -> None:
    """Only what is asked for is decoded, of the source and of the matte; each frame stays what it was."""
    source = open_source(rich)
    mattes = tmp_path / "mattes"
    mattes.mkdir()
    for index in range(source.index.count):
        matte = np.zeros((source.info.height, source.info.width, 3), np.uint8)
        matte[: 9 * index] = 255
        write_png(mattes / f"{index:04d}.png", matte)
    how = settings(matte=mattes, frame_ranges=("31-33", "12"), discard_frames=True, checkpoint_frames=8)
    output = tmp_path / "out.mkv"
    result = convert(rich, stand_in, output, how, faceset=faces)
    assert (result.frames, result.frames_swapped) == (4, 4)
    ranges = FrameRanges.parse(("31-33", "12"))
    plan = fit_plan(make_plan(rich, faces, FaceSelection(ranges)), faces, swapper, make_steps(how, swapper))
    renderer = FrameRenderer.from_settings(swapper, how)
    for written, index in zip(open_source(output).frames(), (12, 31, 32, 33), strict=True):
        rendered = render_frame(source, index, plan, renderer, open_source(mattes))
        original = next(source.frames(index, index + 1))
        assert np.array_equal(luma(rendered), luma(written))
        assert np.array_equal(luma(original)[9 * index :], luma(written)[9 * index :])
        assert not np.array_equal(luma(original), luma(written))


def test_a_matte_of_another_length_is_refused(
    rich: Path, faces: Path, stand_in: Path, tmp_path: Path
) -> None:
    mattes = tmp_path / "mattes"
    mattes.mkdir()
    write_png(mattes / "0.png", np.zeros((360, 640, 3), np.uint8))
    with pytest.raises(InputError, match="the matte has 1 frames, the source 40"):
        convert(rich, stand_in, tmp_path / "out.mkv", settings(matte=mattes), faceset=faces)
