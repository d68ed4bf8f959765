"""A model adapted to the clip that is converted, before the first frame.

Codes of footage that nobody trained on lie elsewhere than those of training. Taken anew over the clip's
faces, their mean and deviation bring them back (adaptive batch normalisation, Li et al. 2016): seconds, and
no training. Alone that would lose what all faces of the clip have in common, such as a shout; a model that
is told what faces do keeps it. What was adapted is part of the plan, so that frames may be made anywhere with
the same result; the model's folder stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facedouble.conversion.face_network import ClipFaces
from facedouble.conversion.plan import Adaptation, PlannedFace
from facedouble.conversion.swapper import Swapper
from facedouble.faceset.store import Faceset
from facedouble.run.run import Run
from facedouble.settings.convert import ClipAdaptation as AdaptationSettings
from facedouble.types import OTHER_SIDE


def adapt_to_clip(
    faces: Sequence[PlannedFace],
    faceset: Path,
    swapper: Swapper,
    settings: AdaptationSettings,
    progress: Path,
    run: Run | None = None,
) -> Adaptation:
    """What the model has in place of its own tensors for a clip in which these ``faces`` are replaced;
    nothing for a model that is not told what faces do.

    ``progress`` is a file in which unfinished training is kept, and from which it resumes. Raises
    ``SettingsError`` for training of a model that cannot be adapted.
    """
    run = run or Run()
    if swapper.network.geometry is None or not faces:
        if settings.iterations:
            run.warn(
                "convert.not_adapted", "the model is not told what faces do, so it is not adapted to the clip"
            )
        return {}
    with Faceset.open(faceset) as store:
        clip = ClipFaces(faces, faceset, store, swapper.view)
        return swapper.network.adapt(clip, OTHER_SIDE[swapper.side], settings, progress, run)
