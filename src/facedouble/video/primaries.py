"""From one set of primaries to another (SMPTE RP 177), adapted to the white by Bradford's method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = tuple[tuple[float, float, float], ...]
_Array = npt.NDArray[np.float64]

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
REC2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
"""x and y of red, green, blue and white (ITU-R BT.709 and BT.2020)."""

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SAME = 1e-4


def to_rec709(chromaticities: Sequence[float]) -> Matrix | None:
    """The matrix from linear light with these primaries and white (eight numbers) to Rec. 709; ``None`` for
    those of Rec. 709. Raises ``ValueError`` for chromaticities that no colours have."""
    values = np.array(chromaticities, dtype=np.float64)
    if values.shape != (8,) or not np.isfinite(values).all() or np.abs(values).max() > 2:
        raise ValueError("its chromaticities are not those of colours")
    if np.abs(values - REC709).max() < _SAME:
        return None
    try:
        own = _to_xyz(values)
        whole = np.linalg.inv(_to_xyz(np.array(REC709))) @ _adapted(values) @ own
    except np.linalg.LinAlgError as error:
        raise ValueError("its chromaticities are not those of colours") from error
    if not np.isfinite(whole).all() or abs(np.linalg.det(whole)) < _SAME:
        raise ValueError("its chromaticities are not those of colours")
    rows = whole.tolist()
    return tuple((float(r), float(g), float(b)) for r, g, b in rows)


def _to_xyz(values: _Array) -> _Array:
    points = values.reshape(4, 2)
    if (np.abs(points[:, 1]) < _SAME).any():
        raise ValueError("its chromaticities are not those of colours")
    columns = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(axis=1)) / points[:, 1]])
    shares = np.linalg.solve(columns[:, :3], columns[:, 3])
    return np.asarray(columns[:, :3] * shares)


def _adapted(values: _Array) -> _Array:
    """From the white of ``values`` to that of Rec. 709, in XYZ."""
    cones = [_BRADFORD @ np.array([x / y, 1, (1 - x - y) / y]) for x, y in (values[6:], REC709[6:])]
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(cones[1] / cones[0]) @ _BRADFORD)
