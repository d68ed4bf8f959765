"""``double``, the flagship, and ``quick``, the size of it that minutes on a processor can train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from facedouble.faces.registry import GEOMETRIES
from facedouble.models.base import Decoded, SwapModel
from facedouble.models.geometry_code import GeometryCode
from facedouble.models.layers import LEAK, Downscale, FoldPixels, Residual, UnfoldPixels, Upscale, initialise
from facedouble.settings.base import Choice, Integers, field, problem
from facedouble.settings.train import Architecture
from facedouble.types import Side

Topology = Literal["df", "liae"]

_CHANNELS = (256, 128, 64, 32)
_GAIN = 2.0  # differences from the mean are small; brought to about the range of a picture


def upscales_of(resolution: int) -> int:
    """How many upscales lead to a picture of this side."""
    return 3 if resolution <= 160 else 4


class Double(SwapModel):
    """A shared encoder and dense bottleneck, then for each person a decoder that draws a picture and
    its mask.

    *Topology.* ``df``: a decoder for each person (the first face-swapping autoencoders, 2017). ``liae``:
    one decoder for both, and what it is given says whom to draw: B from the shared layer's features
    twice, A from its own layer's and the shared one's (DeepFaceLab, Perov et al. 2020). B, the face
    wanted, then speaks only through weights that A's faces have trained as well.

    *For speed.* Pixels are folded into channels before the first convolution and unfolded after the
    last (Shi et al. 2016), so no convolution runs at full resolution; only 3x3 kernels.

    *So that little training is enough.* Each decoder adds what it says to its person's mean picture,
    itself a parameter, so training begins at the person and not at noise.

    *So that A's codes are codes B's decoder knows.* The encoder sees how a face differs from its
    person's mean picture; every element of the code is brought to mean 0 and deviation 1 over the faces
    of its side (batch normalisation by domain, Chang et al. 2019); and until :meth:`part` both sides use
    one decoder, so that an element means the same for both (compare the shared layers of Liu et al.
    2017, "Unsupervised image-to-image translation networks").

    *So that footage nobody trained on keeps its expression.* With ``geometry`` the code is joined by what the
    face does according to its landmarks (:class:`GeometryCode`). For a share of the faces (``code_dropout``)
    training hides the learned code, so that the decoder obeys what it is told.

    *For detail.* ``residuals`` residual blocks (He et al. 2016) follow each upscale but the last.

    ``resolution`` is a multiple of 32 up to 512, sensibly from 96; ``filters`` those of the first
    convolution, doubled by each further one up to eight times; ``bottleneck`` the length of the code,
    ``noise`` the deviation of what is added to it in training (a code near a known one must give a face
    near the known one); ``inner`` the channels before the first upscale and ``channels`` those after each,
    256, 128, 64 and 32 if not given. There are three upscales up to 160 pixels, four above. Raises
    ``ValueError`` for sizes that do not fit.
    """

    decoders_split: Tensor
    min_faces_per_side = 2  # there is no deviation of one code

    def __init__(
        self,
        resolution: int = 256,
        topology: Topology = "df",
        filters: int = 64,
        bottleneck: int = 256,
        noise: float = 0.2,
        inner: int = 512,
        channels: Sequence[int] | None = None,
        residuals: int = 1,
        geometry: str | None = None,
        geometry_noise: float = 0.1,
        code_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        upscales = upscales_of(resolution)
        channels = _CHANNELS[:upscales] if channels is None else channels
        self.resolution, self.topology, self.noise, self.inner = resolution, topology, noise, inner
        self.geometry_noise, self.code_dropout = geometry_noise, code_dropout
        told = 0
        if geometry is not None:
            self.geometry_code = GeometryCode(GEOMETRIES[geometry])
            told = self.geometry_code.count
        self.grid = resolution // 2 ** (upscales + 1)
        widths = [min(filters * 2**step, filters * 8) for step in range(upscales)]
        self.encoder = nn.Sequential(
            FoldPixels(),
            *(Downscale(*pair, 3) for pair in zip([12, *widths[:-1]], widths, strict=True)),
        )
        self.squeeze = nn.Linear(widths[-1] * self.grid**2, bottleneck)
        self.normalise = nn.ModuleDict({side: nn.BatchNorm1d(bottleneck, affine=False) for side in "ab"})
        parts = ("both",) if topology == "df" else ("a", "both")
        self.expand = nn.ModuleDict({part: self._expander(bottleneck + told, inner) for part in parts})
        before = inner * len(parts)
        decoders = ("a", "b") if topology == "df" else ("both",)
        self.decoders = nn.ModuleDict({name: self._decoder(before, channels, residuals) for name in decoders})
        self.mean = nn.ParameterDict(
            {side: nn.Parameter(torch.full((3, resolution, resolution), 0.5)) for side in "ab"}
        )
        for side in "ab":
            self.register_buffer(f"centre_{side}", torch.full((3, resolution, resolution), 0.5))
        self._decoders_split = topology == "liae"
        self.register_buffer("decoders_split", torch.tensor(self._decoders_split))
        initialise(self, even=True)
        for decoder in self.decoders.values():
            # Small, so that the first answer is the mean picture.
            with torch.no_grad():
                next(decoder[-2].parameters()).mul_(0.02)  # type: ignore[index]

    def _expander(self, bottleneck: int, inner: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(bottleneck, inner * self.grid**2), nn.LeakyReLU(LEAK))

    @staticmethod
    def _decoder(before: int, channels: Sequence[int], residuals: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for number, filters in enumerate(channels):
            layers.append(Upscale(before, filters))
            if number < len(channels) - 1:
                layers += [Residual(filters) for _ in range(residuals)]
            before = filters
        return nn.Sequential(*layers, nn.Conv2d(before, 16, 3, padding=1), UnfoldPixels())

    def prepare(self, mean_faces: dict[Side, Tensor]) -> None:
        with torch.no_grad():
            for side, picture in mean_faces.items():
                self.mean[side].copy_(picture)
                self.get_buffer(f"centre_{side}").copy_(picture)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor], side: Side) -> None:
        """The code's mean and deviation over these faces, for use outside training."""
        self._set_statistics(torch.cat([self._squeezed({side: part})[side] for part in batches]), side, 0)

    @torch.no_grad()
    def calibrate_to_clip(self, batches: Iterable[Tensor], side: Side, prior: float) -> None:
        self._set_statistics(torch.cat([self._squeezed({side: part})[side] for part in batches]), side, prior)

    def _set_statistics(self, codes: Tensor, side: Side, prior: float) -> None:
        """Mean and variance of ``codes`` (N, C) together with ``prior`` codes like those known so far."""
        mean, variance = (self.normalise[side].get_buffer(name) for name in ("running_mean", "running_var"))
        share = len(codes) / (len(codes) + prior)
        together = torch.lerp(mean, codes.mean(dim=0), share)
        known, new = (
            own_variance + (own_mean - together).square()
            for own_mean, own_variance in (
                (mean, variance),
                (codes.mean(dim=0), codes.var(dim=0, unbiased=False)),
            )
        )
        variance.copy_(torch.lerp(known, new, share))
        mean.copy_(together)

    def tensors_of_side(self, side: Side) -> dict[str, str]:
        names = {
            "centre": f"centre_{side}",
            "code_mean": f"normalise.{side}.running_mean",
            "code_variance": f"normalise.{side}.running_var",
        }
        return names if self.geometry_code is None else {**names, "rest": f"geometry_code.rest_{side}"}

    def adaptable(self, side: Side) -> list[nn.Parameter]:
        parts: list[nn.Module] = [self.encoder, self.squeeze]
        if self.topology == "df":
            parts.append(self.decoders[side])
        elif side in self.expand:
            parts.append(self.expand[side])
        return [self.mean[side], *(parameter for part in parts for parameter in part.parameters())]

    def split_decoders(self) -> list[tuple[nn.Parameter, nn.Parameter]]:
        if self.topology == "liae":
            return []
        pairs = list(zip(self.decoders["a"].parameters(), self.decoders["b"].parameters(), strict=True))
        with torch.no_grad():
            for old, new in pairs:
                new.copy_(old)
        self.decoders_split.fill_(True)
        self._decoders_split = True
        return pairs

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        # Kept beside the buffer: to read that at every step would be to wait for the device.
        self._decoders_split = bool(self.decoders_split)

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        return self.encode_sides({side: faces})[side]

    def draw_noise(self, count: int, strength: float) -> dict[str, Tensor]:
        drawn: dict[str, Tensor] = {}
        device = self.squeeze.weight.device
        if self.noise:
            code = torch.randn((count, self.squeeze.out_features), device=device)
            drawn["code"] = code * (self.noise * strength)
        if self.geometry_code is not None:
            told = torch.randn((count, self.geometry_code.count), device=device)
            drawn["geometry"] = told * self.geometry_noise
            # Not scaled: that the decoder obeys geometry is no difficulty made on purpose.
            drawn["kept"] = (torch.rand((count, 1), device=device) >= self.code_dropout).float()
        return drawn

    def encode_sides(
        self,
        faces: Mapping[Side, Tensor],
        noise: Mapping[Side, Mapping[str, Tensor]] | None = None,
        geometry: Mapping[Side, Tensor] | None = None,
        target: Side | None = None,
    ) -> dict[Side, Tensor]:
        squeezed = self._squeezed(faces)
        codes = {}
        for side, part in squeezed.items():
            code, drawn = self.normalise[side](part), {} if noise is None else noise[side]
            if "code" in drawn:
                code = code + drawn["code"].to(code.dtype)
            if self.geometry_code is not None:
                described = None if geometry is None else geometry.get(side)
                told = self.geometry_code(described, code, side, target or side)
                if drawn:
                    code = code * drawn["kept"].to(code.dtype)
                    told = told + drawn["geometry"].to(told.dtype)
                code = torch.cat([code, told], dim=1)
            codes[side] = code
        return codes

    def _squeezed(self, faces: Mapping[Side, Tensor]) -> dict[Side, Tensor]:
        """The code of each side before it is normalised; all in one batch, which is faster."""
        differences = [(part - self.get_buffer(f"centre_{side}")) * _GAIN for side, part in faces.items()]
        # Rows before channels in memory, whatever came in, so that the dense layer sees one order.
        together = differences[0] if len(differences) == 1 else torch.cat(differences)
        codes = self.squeeze(self.encoder(together).contiguous().flatten(1))
        if len(faces) == 1:
            return dict.fromkeys(faces, codes)
        return dict(zip(faces, codes.split([len(part) for part in faces.values()]), strict=True))

    def decode(self, code: Tensor, side: Side) -> Decoded:
        drawn = self._drawer(side)(self._features(code, side)).float()
        return Decoded(drawn[:, :3] + self.mean[side], torch.sigmoid(drawn[:, 3:]))

    def _features(self, code: Tensor, side: Side) -> Tensor:
        shared = self._shaped(self.expand["both"](code))
        if self.topology == "df":
            return shared
        own = self._shaped(self.expand["a"](code)) if side == "a" else shared
        return torch.cat([own, shared], dim=1)

    def _shaped(self, features: Tensor) -> Tensor:
        shaped = features.view(-1, self.inner, self.grid, self.grid)
        return shaped.contiguous(memory_format=torch.channels_last)

    def _drawer(self, side: Side) -> nn.Module:
        if self.topology == "liae":
            return self.decoders["both"]
        return self.decoders[side if self._decoders_split else "a"]


class DoubleArchitecture(Architecture):
    """The flagship, for a GPU."""

    kind: Literal["double"] = "double"
    resolution: int = field(256, "side of the picture, a multiple of 32", unit="pixels", min=32, max=512)
    topology: Topology = field("df", "a decoder for each person (df), or one for both (liae)")
    filters: int = field(64, "filters of the first convolution, doubled by each further one", min=1, max=1024)
    bottleneck: int = field(256, "length of the code", min=1, max=8192)
    noise: float = field(0.2, "standard deviation of the noise added to the code in training", min=0, max=10)
    inner: int = field(512, "channels before the first upscale", min=1, max=8192)
    channels: Integers | None = field(None, "channels after each upscale; 256, 128, 64 and 32 if not given")
    residuals: int = field(1, "residual blocks after each upscale but the last", min=0, max=16)
    geometry: Annotated[str, Choice(GEOMETRIES)] | None = field(
        None, "landmark scheme that tells the decoder what the face does; the recipe chooses", hidden=True
    )
    geometry_noise: float = field(
        0.1, "standard deviation of the noise added to it in training", min=0, max=10
    )
    code_dropout: float = field(
        0.3, "share of the faces whose learned code training hides, with geometry", min=0, max=1
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.resolution % 32:
            raise problem("resolution", "must be a multiple of 32", self.resolution)
        wanted = upscales_of(self.resolution)
        if self.channels is not None and len(self.channels) != wanted:
            raise problem("channels", f"must be {wanted} numbers for {self.resolution} pixels", self.channels)
        if self.channels is not None and not all(0 < count <= 8192 for count in self.channels):
            raise problem("channels", "must be from 1 to 8192 each", self.channels)
        return self

    def build(self) -> Double:
        return Double(**self.model_dump(exclude={"kind"}))


class QuickArchitecture(DoubleArchitecture):
    """The size of it that minutes on a processor can train."""

    kind: Literal["quick"] = "quick"  # type: ignore[assignment]
    resolution: int = field(96, "side of the picture, a multiple of 32", unit="pixels", min=32, max=512)
    filters: int = field(32, "filters of the first convolution, doubled by each further one", min=1, max=1024)
    bottleneck: int = field(64, "length of the code", min=1, max=8192)
    inner: int = field(192, "channels before the first upscale", min=1, max=8192)
    channels: Integers | None = field((96, 48, 24), "channels after each upscale")
    residuals: int = field(0, "residual blocks after each upscale but the last", min=0, max=16)
