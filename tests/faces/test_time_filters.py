"""Filters along time, against SciPy's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d

from facedouble.faces.time_filters import gaussian, solve_banded


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("count", "deviation"), [(1, 0.45), (3, 0.45), (40, 2.5), (5, 8.0)])
def test_a_gaussian_is_scipys(count: int, deviation: float, dtype: type) -> None:
    series: np.ndarray = np.random.default_rng(0).normal(size=(count, 7, 2)).astype(dtype)
    smooth = gaussian(series, deviation)
    assert smooth.dtype == dtype
    expected = gaussian_filter1d(series.astype(np.float64), deviation, axis=0, mode="nearest")
    assert smooth == pytest.approx(expected, abs=1e-6 if dtype is np.float32 else 1e-12)


def test_what_is_missing_stays_near_its_place() -> None:
    series = np.zeros((30, 1))
    series[4] = np.nan
    assert np.isnan(gaussian(series, 1.0)[:, 0]).nonzero()[0].tolist() == list(range(9))


@pytest.mark.parametrize("count", [1, 2, 3, 100, 300])
def test_a_banded_system_is_solved_as_by_scipy(count: int) -> None:
    rng = np.random.default_rng(1)
    band = rng.normal(size=(3, count))
    band[0] = np.abs(band).sum(axis=0) * 3 + 1
    right = rng.normal(size=(count, 4))
    assert solve_banded(band, right) == pytest.approx(solveh_banded(band, right, lower=True), abs=1e-12)


@pytest.mark.subprocess
def test_extraction_starts_without_scipy() -> None:
    script = (
        "import sys; import facedouble.cli.main, facedouble.extraction.extract;"
        "from facedouble.faces.analyser import FaceAnalyser; FaceAnalyser().detector;"
        "assert not {'scipy', 'torch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
