"""Real frames and faces for the tests of conversion, and a network whose output is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from facedouble.conversion.colour_transfer import ToneFit
from facedouble.conversion.compositor import Compositor
from facedouble.conversion.face_pipeline import make_steps
from facedouble.conversion.plan import ConversionPlan, PlannedFace, plan_faces
from facedouble.conversion.swapper import DrawnFace, Swapper
from facedouble.conversion.torch_network import TorchNetwork
from facedouble.conversion.track_fits import fit_plan
from facedouble.faceset.reference_set import ReferenceSet
from facedouble.faceset.store import Faceset
from facedouble.models.base import Decoded, SwapModel
from facedouble.models.card import ModelCard, Save
from facedouble.run.run import Run
from facedouble.settings.convert import ConvertSettings
from facedouble.settings.options import from_options
from facedouble.training.preprocess import FaceCrop
from facedouble.training.reference_selection import choose_references, make_reference_set
from facedouble.types import SIDES, Side
from facedouble.video.source import open_source

COVERAGE = 0.7
OWN_COLOUR = [[0.30, 0.35, 0.55], [0.08, 0.10, 0.12]]


class Mirror(SwapModel):
    """Draws the face it is given as in a mirror, softer and in a cast of its own. ``learns_mask``: with a
    disc as its mask."""

    def __init__(self, resolution: int = 96, *, learns_mask: bool = False) -> None:
        super().__init__()
        self.resolution = resolution
        self.learns_mask = learns_mask

    def encode(self, faces: Tensor, side: Side) -> Tensor:
        return faces

    def decode(self, code: Tensor, side: Side) -> Decoded:
        soft = torch.nn.functional.avg_pool2d(code, 3, 1, 1, count_include_pad=False).flip(3)
        cast = torch.tensor([0.9, 1.0, 1.1]).view(1, 3, 1, 1)
        picture = (soft - 0.5) * cast + torch.tensor([0.45, 0.5, 0.58]).view(1, 3, 1, 1)
        if not self.learns_mask:
            return Decoded(picture)
        y, x = torch.meshgrid(*[torch.linspace(-1, 1, self.resolution)] * 2, indexing="ij")
        disc = ((x**2 + y**2).sqrt() < 0.8).float()
        return Decoded(picture, disc.expand(len(code), 1, -1, -1))


@dataclass(frozen=True)
class Scene:
    """Frames of two people side by side, the left one's faces planned, and where they come from."""

    frames: list[np.ndarray]
    plan: dict[int, list[PlannedFace]]
    faceset: Path
    references: ReferenceSet
    fitted: dict[tuple[object, ...], ConversionPlan] = field(default_factory=dict)

    def swapper(
        self, resolution: int = 96, *, learns_mask: bool = False, references: bool = False
    ) -> Swapper:
        """The mirror as a loaded model; with ``references`` of whom it draws."""
        card = ModelCard(
            architecture={"kind": "mirror"},
            resolution=resolution,
            coverage=COVERAGE,
            facesets={"a": [], "b": []},
            colour={"a": OWN_COLOUR, "b": OWN_COLOUR},
            saves=[Save(0, "", f"mirror {resolution}", "", "")],
        )
        network = Mirror(resolution, learns_mask=learns_mask).eval()
        sets: dict[Side, ReferenceSet] = dict.fromkeys(SIDES, self.references) if references else {}
        return Swapper(TorchNetwork(network, card, torch.device("cpu"), torch.float32), "b", sets)

    def composed(
        self,
        index: int = 5,
        *,
        learns_mask: bool = False,
        bits: int = 8,
        matte: np.ndarray | None = None,
        **settings: Any,
    ) -> np.ndarray:
        """Frame ``index`` converted by these settings."""
        how = from_options(ConvertSettings, **settings)
        swapper = self.swapper(learns_mask=learns_mask, references=settings.get("detail") == "real")
        key = (how.converter, how.occlusion, settings.get("detail"), learns_mask)
        if key not in self.fitted:
            self.fitted[key] = self.fit(swapper, how)
        plan = self.fitted[key].faces
        frame = self.frames[index]
        if bits == 16:
            frame = frame.astype(np.uint16) * np.uint16(257)
        drawn = self.drawn(swapper, frame, plan[index])
        faces = list(zip(plan[index], drawn, strict=True))
        return Compositor(how, swapper).compose(frame, faces, matte)

    def fit(
        self,
        swapper: Swapper,
        how: ConvertSettings,
        faces: dict[int, list[PlannedFace]] | None = None,
        **others: Any,
    ) -> ConversionPlan:
        plan = ConversionPlan("", self.plan if faces is None else faces, 0, 0)
        return fit_plan(plan, self.faceset, swapper, make_steps(how, swapper), **others)

    @staticmethod
    def drawn(swapper: Swapper, frame: np.ndarray, items: Sequence[PlannedFace]) -> list[DrawnFace]:
        return swapper.draw([swapper.crop(frame, item) for item in items])


@pytest.fixture(scope="session")
def scene(pair_frames: Path, extracted_pair: Path) -> Scene:
    with Faceset.open(extracted_pair) as faceset:
        planned = plan_faces([face for face in faceset.all_faces() if face.cropped])
    # Until a test fits them, faces take on the colours of their surroundings.
    items = [replace(item, fits={"tones": ToneFit(item.statistics)}) for item in planned]
    plan: dict[int, list[PlannedFace]] = {}
    for item in items:
        if item.face.box.centre[0] < 640:
            plan.setdefault(item.face.frame_index, []).append(item)
    frames = [frame.rgb() for frame in open_source(pair_frames).frames()]
    with Faceset.open(extracted_pair) as faceset:
        crops = [
            FaceCrop(item.face, extracted_pair, faceset.crop_path(item.face), item.statistics)
            for item in planned
            if item.face.box.centre[0] < 640  # whom the mirror draws
        ]
    references, _ = make_reference_set(choose_references(crops), Run())
    return Scene(frames, plan, extracted_pair, references)
