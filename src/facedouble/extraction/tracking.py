"""Second pass of extraction: link tracklets to tracks, smooth landmarks, decide which faces are kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from facedouble.faces.align import align
from facedouble.faces.references import References
from facedouble.faces.schemes.scheme import scheme_of
from facedouble.faces.smoothing import crop_enlargements, smooth_track
from facedouble.faces.tracks import Handover, link_tracklets
from facedouble.faceset.codec import FrameRecord
from facedouble.faceset.store import SMOOTHED, Faceset
from facedouble.run.run import Run
from facedouble.settings.extract import ExtractSettings
from facedouble.types import Face
from facedouble.video.source import Source


def track_and_smooth(
    source: Source,
    faceset: Faceset,
    settings: ExtractSettings,
    references: References | None,
    run: Run,
) -> float:
    """Run the second pass on all faces of a faceset. Returns the seconds it took."""
    stage = run.stage("track", None, "faces")
    is_film = source.info.is_film
    if not is_film:
        run.notice(
            "source.not_film",
            "file numbers do not follow each other: the images are taken as single pictures, not as a film",
        )
    tracks = tracks_of(faceset.frames(), faceset.all_faces(), faceset.handovers(), is_film=is_film)
    smoothed = [face for track in run.each(tracks) for face in smoothed_track(track, settings, references)]
    faces = numbered(smoothed, settings)
    faceset.replace_faces(faces)
    faceset.set_meta(SMOOTHED, "1")
    faceset.commit()
    stage.finish(faces=len(faces), tracks=len(tracks))
    return time.perf_counter() - stage.start


def tracks_of(
    frames: Sequence[FrameRecord], faces: Sequence[Face], handovers: Sequence[Handover], *, is_film: bool
) -> list[list[Face]]:
    """The faces of all segments of a source as tracks.

    In a film, tracks end where a shot does; images that are no film have no neighbours in time, so each is a
    shot of its own.
    """
    records = [frame for frame in frames if frame.problem is None]
    indices = [frame.index for frame in records]
    if is_film:
        shots = {after for frame, after in zip(records, indices[1:], strict=False) if frame.ends_shot}
    else:
        shots = set(indices)
    return link_tracklets(faces, handovers, indices, shots)


def smoothed_track(
    track: Sequence[Face], settings: ExtractSettings, references: References | None
) -> list[Face]:
    """The faces of a track with their statuses by reference pictures, smoothed landmarks and alignments."""
    faces = smooth_track(references.classify(track) if references else track, settings.smoothing)
    enlarged = crop_enlargements(faces) if settings.align_turned else np.ones(len(faces))
    return [
        face.with_(
            alignment=align(
                face.smoothed,
                settings.size,
                scheme_of(face),
                level_eyes=settings.align_eyes,
                enlarge=enlarge,
            )
        )
        for face, enlarge in zip(faces, enlarged.tolist(), strict=True)
    ]


def numbered(faces: Sequence[Face], settings: ExtractSettings) -> list[Face]:
    """Faces with their number in their frame, the largest first; those that are too small or beyond the
    maximum get that status."""
    result: list[Face] = []
    numbers: Counter[int] = Counter()
    for face in sorted(faces, key=lambda face: (face.frame_index, -face.box.width, face.track)):
        number = numbers[face.frame_index]
        numbers[face.frame_index] += 1
        status = face.status
        if face.box.width < settings.min_face_size:
            status = "small"
        elif settings.max_faces and number >= settings.max_faces:
            status = "surplus"
        result.append(face.with_(face_index=number, status=status))
    return result
