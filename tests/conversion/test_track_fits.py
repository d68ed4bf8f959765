from dataclasses import replace

import numpy as np

from facedouble.conversion.plan import count_upscaled, smooth_outlines
from facedouble.faces.align import map_points, scale_of
from facedouble.faces.colour import apply_statistics
from facedouble.faces.network_input import InputCrop
from facedouble.faceset.store import Faceset
from facedouble.settings.convert import ConvertSettings


def test_one_fit_per_track(scene) -> None:
    how, swapper = ConvertSettings(), scene.swapper()
    plan = scene.fit(swapper, how).faces
    assert plan.keys() == scene.plan.keys()
    fits = {id(item.fits["tones"]) for items in plan.values() for item in items}
    assert len(fits) == len({item.face.track for items in plan.values() for item in items}) == 1
    again = scene.fit(scene.swapper(), how).faces
    for index, items in plan.items():
        for one, other in zip(items, again[index], strict=True):
            assert one.face is other.face
            assert np.array_equal(one.fits["tones"].maps[0].matrix, other.fits["tones"].maps[0].matrix)


def test_tracks_do_not_share_fits(scene) -> None:
    how, swapper = ConvertSettings(), scene.swapper()
    from facedouble.conversion.plan import plan_faces

    with Faceset.open(scene.faceset) as faceset:
        items = plan_faces(faceset.faces())
    both: dict[int, list] = {}
    for item in items:
        both.setdefault(item.face.frame_index, []).append(item)
    plan = scene.fit(swapper, how, both).faces
    assert all(len(found) == 2 for found in plan.values())
    left, right = plan[5]
    assert not np.allclose(left.fits["tones"].light, right.fits["tones"].light, atol=0.02)
    picture = np.full((4, 4, 3), 0.5, np.float32)
    assert not np.allclose(
        left.fits["tones"](picture, left.statistics),
        right.fits["tones"](picture, right.statistics),
        atol=0.02,
    )


def test_the_models_colour_cast_is_corrected(scene) -> None:
    """The stand-in draws darker, with a cast; the matching fitted to what it draws knows that."""
    swapper, item = scene.swapper(), scene.plan[5][0]
    plan = scene.fit(swapper, ConvertSettings()).faces
    drawn = scene.drawn(swapper, scene.frames[5], [item])[0].picture
    middle = np.s_[30:70, 30:70]
    right = plan[5][0].fits["tones"](drawn, item.statistics)[middle].mean(axis=(0, 1))
    wrong = apply_statistics(drawn, item.statistics)[middle].mean(axis=(0, 1))
    from facedouble.faces.align import extract_crop

    alignment = swapper.view.alignment(item.face.alignment, item.face.crop_size)
    real = extract_crop(scene.frames[5], alignment, 96)[middle].mean(axis=(0, 1)) / 255
    assert np.abs(right - real).max() < 0.6 * np.abs(wrong - real).max()


def test_faces_larger_than_the_model_are_counted(scene) -> None:
    face = scene.plan[5][0].face
    small = count_upscaled(scene.plan, InputCrop(32, 0.7))
    on_screen = 0.7 * face.crop_size / scale_of(face.alignment)
    assert small.faces == small.total == sum(map(len, scene.plan.values()))
    assert small.largest >= on_screen / 32 * 0.99
    assert count_upscaled(scene.plan, InputCrop(1024, 0.7)).faces == 0
    assert count_upscaled({}, InputCrop(96, 0.7)).largest == 0


def test_the_outline_is_steadier_than_landmarks_and_follows_the_face(scene) -> None:
    faces = [items[0].face for _, items in sorted(scene.plan.items())]
    random = np.random.default_rng(0)
    noise = [random.normal(0, 1.5, face.smoothed.shape).astype(np.float32) for face in faces]
    shaken = [face.with_(smoothed=face.smoothed + by) for face, by in zip(faces, noise, strict=True)]
    smooth = smooth_outlines(shaken)

    def tremble(points: list[np.ndarray]) -> float:
        inside = np.stack([map_points(face.alignment, p) for face, p in zip(faces, points, strict=True)])
        return float(np.abs(np.diff(inside, n=2, axis=0)).mean())

    assert tremble(smooth) < 0.5 * tremble([face.smoothed for face in shaken])
    moved = np.stack([points.mean(axis=0) for points in smooth])
    assert np.abs(moved - np.stack([face.smoothed.mean(axis=0) for face in faces])).max() < 2


def test_an_outline_does_not_reach_into_another_track(scene) -> None:
    face = scene.plan[5][0].face
    far = face.with_(frame_index=6, track=99, smoothed=face.smoothed + np.float32(40))
    assert np.allclose(smooth_outlines([face, far])[0], face.smoothed, atol=0.01)


def test_a_track_with_hardly_any_face_pixels_takes_the_frames_light(scene) -> None:
    """Landmarks of a full profile lie almost on a line."""
    item = scene.plan[5][0]
    narrow = item.face.smoothed.copy()
    narrow[:, 0] = narrow[:, 0].mean() + 0.01 * (narrow[:, 0] - narrow[:, 0].mean())
    there = replace(item, face=item.face.with_(smoothed=narrow))
    plan = scene.fit(scene.swapper(), ConvertSettings(), {5: [there]}).faces
    tones = plan[5][0].fits["tones"]
    assert np.allclose(tones.base, item.statistics)
    assert np.isfinite(tones(np.full((4, 4, 3), 0.5, np.float32), item.statistics)).all()
