"""What has to be said of a clip when it is read, a line each."""

from __future__ import annotations

from collections.abc import Sequence

import av

from facedouble.errors import setting
from facedouble.settings.reading import Reading
from facedouble.video.clock_reader import clock_of, jumps_in_words
from facedouble.video.demux import video_candidates
from facedouble.video.frame_extras import has_alpha
from facedouble.video.info import SourceInfo
from facedouble.video.libav import open_clip
from facedouble.video.main_stream import Candidate

_INTERLACED = (
    "it is interlaced: faces that move are torn, and the colours of its two fields are read as those of one "
    "picture; deinterlace it first (ffmpeg -vf bwdif)"
)


def clip_remarks(info: SourceInfo, resized: str | None, reading: Reading | None) -> list[str]:
    """The remarks on the clip at ``info.path``; ``resized`` is what is said of frames of another size."""
    with open_clip(info.path, reading) as container:
        chosen = _chosen_in_words(video_candidates(container), info.video_stream)
        unread = _unread_alpha(container.streams.video[info.video_stream], info)
    fields = _INTERLACED if info.field_order else None
    jumps = jumps_in_words(clock_of(info.path, reading))
    return [f"{info.path.name}: {said}" for said in (chosen, jumps, unread, fields, resized) if said]


def _chosen_in_words(known: Sequence[Candidate], number: int) -> str | None:
    """What is said of a clip with several films, in one line; ``None`` where there is nothing to choose."""
    others = [str(one) for one in known if one.number != number and one.is_film]
    if not others:
        return None
    choice = setting("reading.video_stream")
    return f"video stream {known[number]} is read, not {', '.join(others)}; {choice} chooses"


def _unread_alpha(stream: av.VideoStream, info: SourceInfo) -> str | None:
    """What is said of alpha that lies beside the packets of VP8 and VP9, where decoders do not look."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    if tags.get("alpha_mode") != "1" or has_alpha(info.pixel_format):
        return None
    return "its alpha is left out: it cannot be read from WebM"
