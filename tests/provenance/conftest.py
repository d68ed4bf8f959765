"""Small real files to be marked, and what is in them."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from facedouble.provenance.c2pa_library import make_builder, make_signer, offline_context
from facedouble.provenance.credentials import Credentials
from facedouble.provenance.signing_identity import SigningIdentity, own_identity

Contents = tuple[list[tuple[int | None, str]], list[tuple[int | None, bytes]]]

_VIDEO = {".webm": "libvpx-vp9"}
_SOUND = {".webm": "libopus"}


@pytest.fixture(scope="session")
def folder_of_identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "identity"


@pytest.fixture(scope="session")
def identity(folder_of_identity: Path) -> SigningIdentity:
    return own_identity(folder_of_identity)


@pytest.fixture(autouse=True)
def _own_config(folder_of_identity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches, or needs, the certificate of whoever runs it."""
    monkeypatch.setenv("FACEDOUBLE_CONFIG", str(folder_of_identity.parent))


@pytest.fixture
def credentials() -> Credentials:
    return Credentials(
        source_name="take 1.mp4",
        source_sha256="ab" * 32,
        consent_sha256="cd" * 32,
        parameters={"model": "anna", "iteration": 1200},
    )


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    return lambda name, **options: make_clip(tmp_path / name, **options)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        pixels = np.random.default_rng(len(name)).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        done, data = cv2.imencode(Path(name).suffix, pixels)
        assert done
        (tmp_path / name).write_bytes(data.tobytes())
        return tmp_path / name

    return make


def make_clip(path: Path, tags: dict[str, str] | None = None, **options: str) -> Path:
    """A clip of 12 frames with a tone, a title and a comment."""
    rng = np.random.default_rng(7)
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(title="a title", comment="a comment", **(tags or {}))
        video = container.add_stream(
            _VIDEO.get(path.suffix, "libx264"), rate=25, time_base=Fraction(1, 50), width=64, height=48
        )
        assert isinstance(video, av.VideoStream)
        video.pix_fmt = "yuv420p"
        sound = container.add_stream(_SOUND.get(path.suffix, "aac"), rate=48000, layout="mono")
        assert isinstance(sound, av.AudioStream)
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(
                rng.integers(0, 255, (48, 64, 3), dtype=np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = index * 2 + index % 2, Fraction(1, 50)  # a rate that varies
            container.mux(video.encode(frame))
            tone = np.sin(np.arange(1920) * 0.05, dtype=np.float32)[None]
            wave = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            wave.sample_rate, wave.pts, wave.time_base = 48000, index * 1920, Fraction(1, 48000)
            container.mux(sound.encode(wave))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    return path


@pytest.fixture
def contents() -> Callable[[Path], Contents]:
    return read_contents


def read_contents(path: Path) -> Contents:
    """Every frame with its time, and every sound packet with its time."""
    with av.open(str(path)) as container:
        frames = [
            (frame.pts, hashlib.sha256(frame.to_ndarray(format="rgb24").tobytes()).hexdigest())
            for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        packets = [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]
    assert len(frames) > 1
    assert len(packets) > 1
    return frames, packets


def sign(
    path: Path,
    identity: SigningIdentity,
    definition: dict[str, object],
    *,
    kind: str = "image/png",
    url: str | None = None,
    parents: Sequence[tuple[dict[str, str], Path]] = (),
) -> None:
    """Give a file credentials as another program would write them.

    ``url`` names a place on the network instead of embedding them. ``parents`` are ingredients and their
    files.
    """
    signer = make_signer(identity.algorithm, identity.chain, identity.key)
    data, out = path.read_bytes(), io.BytesIO()
    with make_builder(definition, offline_context()) as builder:
        if url is not None:
            builder.set_no_embed()
            builder.set_remote_url(url)
        for ingredient, file in parents:
            builder.add_ingredient(json.dumps(ingredient), kind, io.BytesIO(file.read_bytes()))
        builder.sign(signer, kind, io.BytesIO(data), out)
    path.write_bytes(out.getvalue())


def provenance_packet(address: str) -> bytes:
    """An XMP packet that names an address for the credentials."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
        f'dcterms:provenance="{address}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def with_packet(clip: bytes, packet: bytes) -> bytes:
    """The bytes of an MP4 or MOV clip with an XMP packet at its end."""
    body = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet
    return clip + struct.pack(">I4s", 8 + len(body), b"uuid") + body
