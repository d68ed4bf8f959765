"""What several tests need: the real clips, and weights that are handed around beside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from facedouble.assets import demo_clips

_SHARED_MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"


@pytest.fixture(scope="session")
def clips() -> dict[str, Path]:
    """The demonstration's clips by name, sample_01 to sample_04; fetched once per machine."""
    found = demo_clips()
    return {path.stem: path for path in (*found.a, *found.b)}


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder ``shared/models`` beside the repository."""
    if not _SHARED_MODELS.is_dir():
        pytest.skip("there is no folder shared/models beside the repository")
    return _SHARED_MODELS
