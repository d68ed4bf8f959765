"""What a source holds beside its picture is kept, converted, or left out with a line: the table in
docs/writing.md says which, and every cell of it is tried here."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facedouble.settings.video import ClipEncoding
from facedouble.video.clip_source import ClipSource
from facedouble.video.exr_plates import plate_header
from facedouble.video.images import image_header
from facedouble.video.registry import CLIP_FORMATS
from facedouble.video.sinks import open_sink
from tests.video.odd_clips import picture

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
CODECS = {"webm": "libvpx-vp9"}
UNEVEN = [0, 1, 3, 4, 9, 10]


def _table() -> tuple[list[str], dict[str, list[str]]]:
    """The table: the kinds of output, and the cells of each row."""
    text = (ROOT / "docs" / "writing.md").read_text()
    lines = text[text.index("<!-- kept -->") :].split("\n\n")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[0][1:], {row[0]: row[1:] for row in cells[2:]}


OUTPUTS, ROWS = _table()


def clip(
    path: Path,
    *,
    sound: str = "",
    chapters: bool = False,
    films: int = 1,
    title: str = "",
    timecode: str = "",
    times: list[int] | None = None,
    codec: str = "libx264",
    format: str = "yuv420p",
    aspect: Fraction | None = None,
    turn: float = 0,
) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for _ in range(films):
            stream = container.add_stream(codec, rate=25, time_base=Fraction(1, 25))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 96, 64, format
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if turn:
                stream.set_display_rotation(turn)
            streams.append(stream)
        if title:
            container.metadata["title"] = title
        if timecode:
            streams[0].metadata["timecode"] = timecode
        voice = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        assert voice is None or isinstance(voice, av.AudioStream)
        if chapters:
            milli = Fraction(1, 1000)
            one = {"id": 1, "start": 0, "end": 200, "time_base": milli, "metadata": {"title": "one"}}
            container.set_chapters([one])  # type: ignore[list-item]
        for number, pts in enumerate(times or range(6)):
            for place, stream in enumerate(streams):
                frame = picture(number + 50 * place, format)
                frame.pts, frame.time_base = pts, Fraction(1, 25)
                container.mux(stream.encode(frame))
            if voice is not None:
                part = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), format="s16", layout="mono")
                part.sample_rate, part.pts, part.time_base = 48_000, number * 1920, Fraction(1, 48_000)
                container.mux(voice.encode(part))
        for stream in streams:
            container.mux(stream.encode(None))
        if voice is not None:
            container.mux(voice.encode(None))
    return path


def with_cover(path: Path) -> Path:
    """A clip whose second stream is a cover picture."""
    plain = clip(path.with_name("plain.mp4"))
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        film = new.add_stream_from_template(old.streams.video[0], opaque=True)
        cover = new.add_stream("mjpeg", rate=1)
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = picture(3, "yuvj420p")
        frame.pts = 0
        pictures = [*cover.encode(frame), *cover.encode(None)]
        for packet in [*old.demux(old.streams.video[0])]:
            if packet.dts is not None:
                packet.stream = film
                new.mux(packet)
        new.mux(pictures)
    return path


def _kinds(path: Path, kind: str) -> int:
    with av.open(str(path)) as found:
        return sum(stream.type == kind for stream in found.streams)


def _chapters(path: Path) -> bool:
    with av.open(str(path)) as found:
        return bool(found.chapters())


def _title(path: Path) -> bool:
    with av.open(str(path)) as found:
        return found.metadata.get("title") == "take 4"


def _timecode(path: Path) -> bool:
    if path.is_dir():
        values = [plate_header(file).value("timeCode", "timecode") for file in sorted(path.iterdir())]
        return [value[0] for value in values if value is not None] == list(range(4, 10))
    with av.open(str(path)) as found:
        tags = [found.metadata, *(stream.metadata for stream in found.streams)]
        return any(t.get("timecode", t.get("TIMECODE", "")).startswith("01:02:03") for t in tags)


def _times(path: Path) -> bool:
    frames = list(ClipSource(path).frames())
    return [round(25 * frame.seconds) for frame in frames] == UNEVEN


def _aspect(path: Path) -> bool:
    if path.is_dir():
        return all(image_header(file).upright_aspect == Fraction(2) for file in path.iterdir())
    return ClipSource(path).info.shown_size == (192, 64)


def _upright(path: Path) -> bool:
    if path.is_dir():
        return all((h := image_header(file)).width == 64 and h.height == 96 for file in path.iterdir())
    info = ClipSource(path).info
    return (info.width, info.height) == (64, 96)


def _fields(path: Path) -> bool:
    return ClipSource(path).info.field_order != ""


def _alpha(path: Path) -> bool:
    if path.is_dir():
        return all(image_header(file).alpha for file in path.iterdir())
    return "a" in ClipSource(path).info.pixel_format.removeprefix("yuv")[:1]


Row = tuple[Callable[[Path], Path], Callable[[Path], bool]]
THINGS: dict[str, Row] = {
    "sound (AAC)": (lambda p: clip(p / "a.mkv", sound="aac"), lambda p: _kinds(p, "audio") == 1),
    "sound (PCM)": (lambda p: clip(p / "a.mov", sound="pcm_s16le"), lambda p: _kinds(p, "audio") == 1),
    "subtitles (SubRip)": (lambda p: CASES / "sub.mkv", lambda p: _kinds(p, "subtitle") >= 1),
    "chapters": (lambda p: clip(p / "a.mkv", chapters=True), _chapters),
    "a second film": (lambda p: clip(p / "a.mkv", films=2), lambda p: _kinds(p, "video") == 2),
    "a cover picture": (lambda p: with_cover(p / "a.mp4"), lambda p: _kinds(p, "video") == 2),
    "timecode": (lambda p: clip(p / "a.mov", timecode="01:02:03:04"), _timecode),
    "title": (lambda p: clip(p / "a.mkv", title="take 4"), _title),
    "uneven times": (lambda p: clip(p / "a.mkv", times=UNEVEN), _times),
    "pixels that are not square": (lambda p: clip(p / "a.mkv", aspect=Fraction(2)), _aspect),
    "rotation": (lambda p: clip(p / "a.mp4", turn=90), _upright),
    "fields (interlaced)": (lambda p: CASES / "dvd.mpg", _fields),
    "alpha": (lambda p: clip(p / "a.mov", codec="prores_ks", format="yuva444p10le"), _alpha),
}


def test_the_table_has_every_thing_and_every_output() -> None:
    assert list(ROWS) == list(THINGS)
    assert OUTPUTS == ["images", "exr", *(suffix.removeprefix(".") for suffix in CLIP_FORMATS)]
    for thing, cells in ROWS.items():
        for cell in cells:
            assert re.fullmatch(r"kept|converted|applied|line|not kept", cell), (thing, cell)
    assert [(thing, cells[0]) for thing, cells in ROWS.items() if "not kept" in cells] == [
        ("title", "not kept"),
        ("uneven times", "not kept"),
    ], "what is dropped without a line is named under the table"


@pytest.mark.subprocess
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("thing", THINGS)
def test_a_cell(thing: str, output: str, tmp_path: Path) -> None:
    make, there = THINGS[thing]
    said = ROWS[thing][OUTPUTS.index(output)]
    opened = ClipSource(make(tmp_path))
    folder = output in ("images", "exr")
    target = tmp_path / ("images" if folder else f"out.{output}")
    how = ClipEncoding(codec=CODECS.get(output, "libx264"))
    audio = None if folder else opened.path
    images = "exr" if output == "exr" else "png"
    with open_sink(target, opened.info, how, audio_from=audio, overwrite=False, images=images) as sink:
        for frame in opened.frames():
            sink.write(frame)
        lines = [*sink.remarks, *opened.remarks]
        if "subtitles" in thing:  # the sound of that clip has a row of its own
            lines = [line for line in lines if folder or "sound" not in line]
    gone = [line for line in lines if "left out" in line or "is read, not" in line or "does not say" in line]
    carried = {"rotation", "alpha", "pixels that are not square", *(["timecode"] if output == "exr" else [])}
    if folder and thing not in carried:
        assert said in ("line", "not kept")
    elif said in ("line", "not kept"):
        assert not there(target)
    else:
        assert there(target)
    assert bool(gone) == (said == "line"), lines
    assert (said == "converted") == any("subtitles" in line and "is written as" in line for line in lines)


def test_alpha_beside_the_packets_of_webm_is_said_to_be_unread(tmp_path: Path) -> None:
    plain = clip(tmp_path / "plain.mkv")
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for number in range(3):
            frame = picture(number, "yuva420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert ClipSource(path).remarks == ["a.webm: its alpha is left out: it cannot be read from WebM"]
    assert ClipSource(plain).remarks == []
