"""What a step of the face pipeline is.

A face goes through the steps of :data:`~facedouble.conversion.registry.FACE_STEPS`, in the order of that
registry. To add one, write a class in a file of its own, enter it into the registry where it belongs, and
give it its settings. A step depends on nothing but its settings, the layer, and what it fitted to the track
before the first frame, so frames can be made in any order, anywhere, with the same result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from facedouble.conversion.face_layer import FaceLayer
from facedouble.conversion.plan import ConversionPlan, FitRecord, TrackFit

if TYPE_CHECKING:
    from facedouble.conversion.swapper import Swapper
    from facedouble.conversion.track_fits import DrawnTrack, Track
    from facedouble.settings.convert import ConvertSettings


class FaceStep(ABC):
    """One step from a drawn face to one that can be composited; a pure function of the layer."""

    name: str
    """Its name in the registry; with ``@`` and a number behind it for one that an override fits otherwise."""
    min_mask_size: float = 0.0
    """Side of the mask in pixels that it needs, as far as the frame can show it."""
    needs_mask: str = ""
    """The setting that requires the model to draw a mask, if one does."""
    hides: bool = False
    """Whether it takes from the mask what is in front of the face."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: ConvertSettings, swapper: Swapper) -> Self | None:
        """The step as the settings want it; ``None`` if they leave it out, or the model cannot serve it."""

    def prepare(self, plan: ConversionPlan) -> None:  # noqa: B027  (most steps need nothing)
        """Load what the faces of a fitted plan need, before the first frame: called in one thread, more than
        once."""

    @abstractmethod
    def __call__(self, layer: FaceLayer) -> FaceLayer:
        """The layer with this step applied."""


class FittedStep(FaceStep):
    """A step that is fitted to each track before the first frame, so that its result is steady in time."""

    near: bool = False
    """Whether faces around a face are enough for a fit to it that is much like that to the whole track."""
    as_drawn: bool = False
    """Whether it is fitted to faces as the model itself draws them, whatever other steps make of them."""
    redraws: bool = False
    """Whether later steps are fitted to what it makes of the drawn faces, see :meth:`redrawn`."""
    after: Sequence[FittedStep] = ()
    """The earlier steps of the same face that redraw it."""

    @property
    def key(self) -> str:
        """All that :meth:`fit` depends on besides the track."""
        return " ".join([*(step.fit_key() for step in self.after), self.fit_key()])

    @abstractmethod
    def fit(self, track: Track) -> TrackFit:
        """Fit the step to a track; the layer has the result as ``layer.planned.fits[name]``."""

    def redrawn(self, drawn: DrawnTrack, fit: TrackFit) -> DrawnTrack:
        """The drawn faces of a track as the steps after this one find them."""
        return drawn

    @abstractmethod
    def fit_key(self) -> str:
        """The settings that :meth:`fit` depends on: a saved fit is valid while this text stays the same, and
        that of the steps :attr:`after` which it comes."""

    @classmethod
    @abstractmethod
    def load_fit(cls, record: FitRecord) -> TrackFit:
        """The fit that a record was made of. Raises ``InputError`` for one that is damaged."""
