"""What the tests of video share."""

from __future__ import annotations

from pathlib import Path

import av
import pytest


@pytest.fixture
def song(clips: dict[str, Path], tmp_path: Path) -> Path:
    """The sound of sample_02 as a file of its own, its packets as they were."""
    path = tmp_path / "song.m4a"
    with av.open(str(clips["sample_02"])) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(old.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return path
