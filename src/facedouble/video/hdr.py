"""HDR video: from coded values to light and back, by the transfer functions of ITU-R BT.2100."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from facedouble.types import FloatArray
from facedouble.video.display_coding import Coding, multiplied
from facedouble.video.info import SourceInfo
from facedouble.video.primaries import REC2020, Matrix, to_rec709

PQ, HLG = 16, 18
"""Numbers of the transfer functions in ITU-T H.273."""

_BT2020 = 9  # primaries, in H.273
_WHITE = 203.0  # cd/m² of diffuse white in PQ (ITU-R BT.2408)
_HLG_WHITE = 0.75  # the signal of diffuse white in HLG (ITU-R BT.2408)
_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_CODES = np.linspace(0, 1, 1 << 16)
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073


@dataclass(frozen=True, slots=True)
class PqCoding:
    """Perceptual quantiser (SMPTE ST 2084), 0..1 for 0 to 10,000 cd/m²."""

    matrix: Matrix | None

    def to_light(self, coded: FloatArray) -> FloatArray:
        return _through(_looked_up(coded, _pq_table()), self.matrix)

    def from_light(self, light: FloatArray) -> FloatArray:
        share = np.clip(_back(light, self.matrix) * (_WHITE / 10_000), 0, 1) ** _M1
        return np.asarray(((_C1 + _C2 * share) / (1 + _C3 * share)) ** _M2, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class HlgCoding:
    """Hybrid log-gamma, 0..1, as light in the scene: the display's own gamma is left to the display."""

    matrix: Matrix | None

    def to_light(self, coded: FloatArray) -> FloatArray:
        return _through(_looked_up(coded, _hlg_table()), self.matrix)

    def from_light(self, light: FloatArray) -> FloatArray:
        values = np.clip(_back(light, self.matrix) * _hlg_light(np.array(_HLG_WHITE)), 0, 1)
        bright = _A * np.log(np.maximum(12 * values - _B, 1e-6)) + _C
        return np.asarray(np.where(values <= 1 / 12, np.sqrt(3 * values), bright), dtype=np.float32)


def hdr_coding(info: SourceInfo) -> Coding | None:
    """The coding of a clip that says it is HDR; ``None`` for another."""
    matrix = to_rec709(REC2020) if info.colour_primaries == _BT2020 else None
    if info.colour_transfer == PQ:
        return PqCoding(matrix)
    return HlgCoding(matrix) if info.colour_transfer == HLG else None


@lru_cache(maxsize=1)
def _pq_table() -> FloatArray:
    root = _CODES ** (1 / _M2)
    ratio = np.maximum(root - _C1, 0) / (_C2 - _C3 * root)
    return np.asarray(ratio ** (1 / _M1) * (10_000 / _WHITE), dtype=np.float32)


@lru_cache(maxsize=1)
def _hlg_table() -> FloatArray:
    return np.asarray(_hlg_light(_CODES) / _hlg_light(np.array(_HLG_WHITE)), dtype=np.float32)


def _looked_up(coded: FloatArray, table: FloatArray) -> FloatArray:
    """The light of coded values, which have 16 bits at most: several times faster than powers."""
    codes = np.rint(np.clip(coded, 0, 1) * np.float32(len(table) - 1)).astype(np.uint16)
    return np.asarray(table[codes])


def _hlg_light(coded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - _C) / _A) + _B) / 12))


def _through(light: FloatArray, matrix: Matrix | None) -> FloatArray:
    light = np.asarray(light, dtype=np.float32)
    return light if matrix is None else multiplied(light, np.array(matrix))


def _back(light: FloatArray, matrix: Matrix | None) -> FloatArray:
    return light if matrix is None else multiplied(light, np.linalg.inv(np.array(matrix)))
