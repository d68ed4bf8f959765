import cv2
import numpy as np
import pytest

from facedouble.conversion.registry import SHARPENERS


@pytest.fixture(scope="module")
def soft(scene) -> np.ndarray:
    box = scene.plan[5][0].face.box
    face = scene.frames[5][box.top : box.bottom, box.left : box.right]
    return cv2.GaussianBlur(cv2.resize(face, (96, 96)) / np.float32(255), (0, 0), 1.0)


def detail(picture: np.ndarray) -> float:
    return float(((picture - cv2.GaussianBlur(picture, (0, 0), 1.0)) ** 2).mean())


@pytest.mark.parametrize("name", SHARPENERS)
def test_more_is_sharper_none_is_nothing_and_the_mean_stays(soft, name: str) -> None:
    sharpener = SHARPENERS[name]
    assert np.allclose(sharpener(soft, 0.0), soft, atol=1e-6)
    some, more = sharpener(soft, 0.5), sharpener(soft, 1.5)
    assert more.dtype == np.float32
    assert detail(more) > 1.5 * detail(some) > 1.8 * detail(soft)
    assert more.mean() == pytest.approx(soft.mean(), abs=2e-3)


def test_unsharp_leaves_noise_alone_and_sharpens_edges_like_gsharpen() -> None:
    random = np.random.default_rng(0)
    noise = (0.5 + 0.002 * random.normal(size=(96, 96, 3))).astype(np.float32)
    edge = np.full((96, 96, 3), 0.2, np.float32)
    edge[:, 48:] = 0.8
    edge = np.asarray(cv2.GaussianBlur(edge, (0, 0), 1.5), np.float32)
    gain = {name: SHARPENERS[name](noise, 1.4).std() / noise.std() for name in ("unsharp", "gsharpen")}
    assert gain["unsharp"] < 1.5 < 1.9 < gain["gsharpen"]
    assert np.abs(SHARPENERS["unsharp"](edge, 1.4) - SHARPENERS["gsharpen"](edge, 1.4)).max() < 0.02
