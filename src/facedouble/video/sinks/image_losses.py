"""What a source has that images cannot hold."""

from __future__ import annotations

from collections import Counter

from facedouble.errors import setting
from facedouble.video.exr_plates import has_openexr
from facedouble.video.frame_extras import has_alpha, is_light
from facedouble.video.image_formats import ImageFormat
from facedouble.video.info import SourceInfo
from facedouble.video.libav import LIBAV_ERRORS, open_clip
from facedouble.video.sinks.other_streams import kind_of

_HDR = {16: "PQ", 18: "HLG"}  # transfer functions of ITU-T H.273
_WIDE = {9: "BT.2020", 11: "DCI P3", 12: "Display P3"}  # primaries of ITU-T H.273


def left_out_of_images(like: SourceInfo, format: ImageFormat, *, alpha: bool) -> tuple[str, ...]:
    """A line on each kind of thing that a source has, and images of it in this ``format`` do not. ``alpha``:
    they have an alpha channel of their own."""
    found = []
    if not alpha and has_alpha(like.pixel_format) and not format.alpha:
        png = setting("encoding.format", "png")
        found.append(f"the source's alpha is left out: {format.suffix} cannot hold it; {png} can")
    if is_light(like.pixel_format) and not format.light:
        exr = setting("encoding.format", "exr")
        found.append(
            f"{format.suffix} holds no light: highlights are clipped at white, and what plates say in their "
            f"headers is left out; {exr} keeps both"
        )
    if like.kind != "clip":
        return tuple(found)
    if streams := _other_streams(like, timecode=format.light and has_openexr()):
        found.append(f"left out, as a folder of images holds none: {', '.join(streams)}")
    colours = [names[value] for names, value in (
        (_HDR, like.colour_transfer), (_WIDE, like.colour_primaries)) if value in names]  # fmt: skip
    if colours:
        found.append(
            f"images do not say that their colours are {' '.join(colours)}: other programs show them as sRGB"
        )
    extras = ["the grading of HDR10"] if like.mastering_display or like.light_level else []
    extras += ["which field of interlaced frames comes first"] if like.field_order else []
    extras += [like.lost_extras] if like.lost_extras else []
    if extras:
        found.append(f"left out, as images cannot say it: {', '.join(extras)}")
    return tuple(found)


def _other_streams(like: SourceInfo, *, timecode: bool) -> list[str]:
    """The streams of a clip besides its picture, and its chapters, in words. ``timecode``: it is kept."""
    with open_clip(like.path) as container:
        picture = container.streams.video[like.video_stream].index
        kinds = Counter(kind_of(stream) for stream in container.streams if stream.index != picture)
        try:
            chapters = len(container.chapters())
        except LIBAV_ERRORS:
            chapters = 0
    if timecode:
        del kinds["timecode"]
    found = [kind if count == 1 else f"{kind} ({count} streams)" for kind, count in kinds.items()]
    return [*found, *(["chapters"] if chapters else [])]
