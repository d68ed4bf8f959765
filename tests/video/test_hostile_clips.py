"""Clips that would read elsewhere, wait for ever or fill the memory, and harmless ones that look odd."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import av
import pytest

import facedouble
from facedouble.errors import InputError
from facedouble.settings.reading import Reading
from facedouble.video.clip_source import ClipSource
from facedouble.video.libav import open_clip, side_data
from facedouble.video.mp4_tables import check_tables
from facedouble.video.source import open_source
from tests.video.hostile import box, patched
from tests.video.odd_clips import MAKERS, picture, write
from tests.video.sources import make_clip, reading

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("plain") / "plain.mp4", "mpeg4", count=6)


def test_a_playlist_plays_nothing(plain: Path, tmp_path: Path) -> None:
    private = tmp_path / "private.ts"
    write(private, "mpeg2video", count=6)
    texts = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:{private}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{private}\n#EXT-X-ENDLIST\n",
        "endless.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n",
        "script.txt": f"ffconcat version 1.0\nfile {private}\n",
        "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        assert "cannot be opened as a clip" in reading(path)


def test_a_name_is_no_pattern_and_no_address(tmp_path: Path) -> None:
    """FFmpeg takes such names for a sequence of images, and for a protocol."""
    for name in ("shot%03d.ppm", "take:1.ppm", "concat:a|b.ppm"):
        path = tmp_path / name
        path.write_bytes(b"P6 8 4 255\n" + bytes(96))
        (tmp_path / "shot000.ppm").write_bytes(b"P6 2 2 255\n" + bytes(12))
        with open_clip(path) as container:
            assert container.streams.video[0].codec_context.width == 8


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders")
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    link = tmp_path / "link.mp4"
    link.symlink_to("/dev/zero")
    for path, kind in ((pipe, "a pipe"), (Path("/dev/zero"), "a device"), (link, "a device")):
        assert f"it is {kind}, not a file" in reading(path)


def test_a_link_to_a_clip_is_followed(plain: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(plain)
    assert len(list(open_source(link).frames())) == 6


def test_frames_of_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    for name in ("large.mkv", "large.mp4", "large.avi"):
        path = write(tmp_path / name, "mpeg4", count=2)
        with pytest.raises(
            InputError, match=r"96x64 pixels are more than 0.006 megapixels.*reading.max_pixels"
        ):
            open_source(path, Reading(max_pixels=0.006))
        assert open_source(path, Reading(max_pixels=0.0062)).info.width == 96


def test_a_limit_holds_for_clips_whose_index_is_kept(plain: Path) -> None:
    assert ClipSource(plain).index.count == 6
    with pytest.raises(InputError, match="megapixels"):
        ClipSource(plain, Reading(max_pixels=0.001))


def test_a_clip_that_claims_a_giant_picture(tmp_path: Path) -> None:
    """Its container tells of a small one; 16,448 pixels a side stand in the picture alone."""
    data = write(tmp_path / "small.mkv", "mjpeg", format="yuvj420p", count=2).read_bytes()
    hidden = tmp_path / "hidden.mkv"
    start = data.index(b"\xff\xc0")
    hidden.write_bytes(data[: start + 5] + struct.pack(">HH", 16_448, 16_448) + data[start + 9 :])
    found = list(open_source(hidden).frames())
    assert [(frame.size, frame.problem is not None) for frame in found] == [
        ((96, 64), True),
        ((96, 64), False),
    ]


@pytest.mark.parametrize(
    ("kind", "at", "value", "text"),
    [
        (b"stsz", 8, struct.pack(">I", 60_000_000), "claims 60000000 samples"),
        (b"stsz", 4, struct.pack(">II", 1000, 60_000_000), "claims 60000000000 bytes"),
        (b"stsz", 8, struct.pack(">I", 100_000), "room for fewer"),
        (b"elst", 4, struct.pack(">I", 1 << 31), "edits"),
        (b"stts", 4, struct.pack(">I", 1 << 31), "runs of durations"),
    ],
)
def test_tables_that_a_file_cannot_have(
    plain: Path, tmp_path: Path, kind: bytes, at: int, value: bytes, text: str
) -> None:
    check_tables(plain)
    assert text in reading(patched(plain, tmp_path / "claims.mp4", kind, at, value))


def test_fragments_that_claim_samples_without_end(tmp_path: Path) -> None:
    run = box(b"trun", bytes(4), struct.pack(">I", 1 << 24))
    path = tmp_path / "fragments.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + box(b"moof", box(b"traf", run, run)))
    assert "fragments claim more" in reading(path)


def test_more_tracks_than_anybody_has(tmp_path: Path) -> None:
    path = tmp_path / "tracks.mp4"
    path.write_bytes(box(b"ftyp", b"isom") + box(b"moov", *[box(b"trak", bytes(16))] * 20_000))
    assert "more than 256 tracks" in reading(path)


def test_side_data_that_pyav_does_not_know_stops_nothing() -> None:
    """The first picture of an action camera has Exif, which turns it: 31 is no type that PyAV knows."""
    with open_clip(CASES / "photo.jpg") as container:
        (frame,) = container.decode(video=0)
        with pytest.raises(ValueError, match="31"):
            assert frame.side_data
        assert list(side_data(frame)) == ["DISPLAYMATRIX"]
    assert len(list(open_source(CASES / "camera.avi").frames())) == 15


def test_a_photo_is_read_as_an_image(tmp_path: Path) -> None:
    source = open_source(CASES / "photo.jpg")
    (frame,) = source.frames()
    with open_clip(CASES / "photo.jpg") as container:
        (stored,) = container.decode(video=0)
    assert (source.info.kind, source.info.is_film) == ("folder", False)
    assert frame.size in ((stored.width, stored.height), (stored.height, stored.width))


def test_tags_in_another_encoding_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "latin.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Gr__n"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.mux(stream.encode(picture(0)))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"Gr__n", b"Gr\xfc\xdfn"))
    assert len(list(open_source(path).frames())) == 1


def test_every_demuxer_of_a_common_container_is_let_in(tmp_path: Path) -> None:
    for name, codec in {"clip.nut": "ffv1", "clip.mxf": "mpeg2video", "clip.asf": "msmpeg4v3"}.items():
        assert len(list(open_source(write(tmp_path / name, codec, count=3)).frames())) == 3
    for name in ("moving.gif", "capture.ts", "mpeg1.mpg", "untimed.h264", "video.flv", "video.wmv"):
        with open_clip(MAKERS[name](tmp_path / name)) as container:
            assert container.streams.video
    with pytest.raises(InputError):
        open_clip(tmp_path / "nothing.mp4")


def test_pixels_that_cannot_be_converted_are_told_in_one_line(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "grey.mkv", [picture(0, "gray")], codec="ffv1", options={})
    (frame,) = open_source(path).frames()
    assert frame.rgb().shape == (64, 96, 3)


def test_clips_and_images_are_opened_in_one_place_each() -> None:
    """Whatever PyAV and OpenCV raise is turned into errors of one line there."""
    allowed = {"av.open(": "libav.py", "av.error": "libav.py", "cv2.im": "opencv_codec.py"}
    source = Path(facedouble.__file__).parent
    for path in source.rglob("*.py"):
        text = path.read_text("utf-8")
        for call, home in allowed.items():
            found = [line for line in text.splitlines() if call in line and "cv2.IM" not in line]
            assert path.name == home or not found, f"{path}: {found}"
