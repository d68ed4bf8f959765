"""Loading VGG-19's weights, from small files of the same layout."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from facedouble import assets
from facedouble.errors import AssetError
from facedouble.networks.vgg import Vgg19

# Channels of VGG-19's layers by their number, a sixteenth of the real ones.
WIDTHS = {0: 4, 2: 4, 5: 8, 7: 8, 10: 16, 12: 16, 14: 16, 16: 16, 19: 32, 21: 32, 23: 32, 25: 32, 28: 32}


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    tensors, channels = {"classifier.0.weight": torch.zeros(3, 3)}, 3
    for number, width in WIDTHS.items():
        tensors[f"features.{number}.weight"] = torch.randn(width, channels, 3, 3) * 0.2
        tensors[f"features.{number}.bias"] = torch.zeros(width)
        channels = width
    return tensors


def saved(folder: Path) -> Path:
    """A .pth whose name says its own hash, as PyTorch's do."""
    torch.save(weights(), folder / "draft")
    digest = hashlib.sha256((folder / "draft").read_bytes()).hexdigest()
    return (folder / "draft").rename(folder / f"vgg19-{digest[:8]}.pth")


def test_features_are_what_the_layers_say(tmp_path: Path) -> None:
    network, tensors = Vgg19(saved(tmp_path)), weights()
    picture = torch.rand(1, 3, 32, 32)
    features = network.features(picture)
    assert [tuple(f.shape[1:]) for f in features] == [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4)]
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (picture - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    for number in (0, 2):
        weight, bias = tensors[f"features.{number}.weight"], tensors[f"features.{number}.bias"]
        x = torch.conv2d(x, weight, bias, padding=1).relu()
    assert torch.allclose(features[0], x, atol=1e-5)


def test_both_kinds_of_file_give_the_same(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "vgg.safetensors")
    picture = torch.rand(1, 3, 32, 32)
    pairs = zip(
        Vgg19(saved(tmp_path)).features(picture),
        Vgg19(tmp_path / "vgg.safetensors").features(picture),
        strict=True,
    )
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_file_that_does_not_match_its_name_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(AssetError, match="download it again"):
        Vgg19(file)


def test_a_file_that_would_run_code_is_not_opened(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.mkdir, (tmp_path / "ran",))  # type: ignore[return-value]

    torch.save({"features.0.weight": Harmful()}, tmp_path / "vgg.pth")
    with pytest.raises(AssetError):
        Vgg19(tmp_path / "vgg.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"junk" * 50])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_one_clear_error(tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"vgg{suffix}"
    file.write_bytes(content)
    with pytest.raises(AssetError, match="vgg"):
        Vgg19(file)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"layer1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(AssetError, match="not the weights of VGG-19"):
        Vgg19(tmp_path / "other.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(AssetError, match="state dict"):
        Vgg19(tmp_path / "list.pth")


def test_where_the_file_is_looked_for_and_what_is_said_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACEDOUBLE_MODELS", raising=False)
    cache = tmp_path / "cache"
    with pytest.raises(AssetError) as missing:
        assets.vgg19_weights(cache)
    for part in ("https://", str(cache), "FACEDOUBLE_MODELS", "dlib"):
        assert part in str(missing.value)
    cache.mkdir()
    (cache / "vgg19-dcbb9e9d.pth").write_bytes(b"kept")
    assert assets.vgg19_weights(cache).read_bytes() == b"kept"
    named = tmp_path / "named"
    named.mkdir()
    (named / "vgg19-dcbb9e9d.pth").write_bytes(b"named")
    monkeypatch.setenv("FACEDOUBLE_MODELS", str(named))
    assert assets.vgg19_weights(cache).read_bytes() == b"named"
