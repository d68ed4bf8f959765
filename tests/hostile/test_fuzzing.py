"""Every reader gets valid files that were changed at random: it takes or refuses them, and nothing else."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.hostile.fuzzing import CORPUS, READERS, mutate, try_one

SECONDS = 5.0
"""For each reader; on a slow machine it gets fewer files."""
KEPT = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*.bin"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_the_seed_is_valid(name: str, place: Path) -> None:
    reader = READERS[name]
    path = place / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(reader.seed(place / "seed"))
    reader.read(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_changed_files(name: str, place: Path) -> None:
    reader = READERS[name]
    seed = reader.seed(place / "seed")
    path = place / name
    path.parent.mkdir(exist_ok=True)
    end = time.monotonic() + SECONDS

    @settings(
        max_examples=300,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64))
    def one(number: int) -> None:
        if time.monotonic() < end:
            try_one(reader, path, mutate(seed, random.Random(number), texts=reader.texts))

    one()


@pytest.mark.parametrize("kept", KEPT)
def test_files_that_made_a_reader_fail(kept: str, place: Path) -> None:
    name = Path(kept).parent.as_posix()
    path = place / name
    path.parent.mkdir(exist_ok=True)
    READERS[name].seed(place / "seed")
    try_one(READERS[name], path, (CORPUS / kept).read_bytes())
