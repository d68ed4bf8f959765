"""The network of a conversion run by ONNX Runtime, from an exported file: no PyTorch is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from facedouble.conversion.face_network import PRIOR_FACES, ClipFaces, check_adaptation, joined_statistics
from facedouble.conversion.plan import Adaptation
from facedouble.errors import ConversionError, InputError, ModelError, SettingsError
from facedouble.faceset.reference_set import ReferenceSet, read_references
from facedouble.models import onnx_file
from facedouble.models.onnx_file import CODE, CODE_MEAN, CODE_VARIANCE, FACE, GEOMETRY, MASK, OWN, PICTURE
from facedouble.run.run import Run
from facedouble.settings.compute import ConvertCompute
from facedouble.settings.convert import ClipAdaptation
from facedouble.types import SIDES, FloatArray, Mask, Side

if TYPE_CHECKING:
    import onnxruntime

_ROW = {False: 0, True: 1}  # of the statistics: pictures of the other person, and of the one drawn
_EPSILON = 1e-5  # that normalising adds to the variance
_ERRORS_ONLY = 3


class OnnxNetwork:
    """A :class:`~.face_network.FaceNetwork` in ONNX Runtime."""

    device = "cpu"  # where landmarks are found, without PyTorch

    def __init__(self, session: onnxruntime.InferenceSession, file: onnx_file.OnnxFile) -> None:
        self.record, self._statistics = file.record, file.statistics
        record, self.fingerprint = file.record, hashlib.sha256(file.data).hexdigest()
        self.card = record.card(self.fingerprint)
        self.resolution, self.geometry = record.resolution, record.known_geometry()
        self.numerics = f"onnx {' '.join(session.get_providers())} {record.numbers}"
        self._session = session
        self._outputs = [PICTURE, *([MASK] if record.learned_mask else [])]
        self._adaptation: dict[str, FloatArray] = {}

    def draw(
        self, faces: FloatArray, told: FloatArray | None, source: Side, target: Side, *, adapted: bool
    ) -> tuple[FloatArray, Mask | None]:
        if target != self.record.side:
            raise ModelError(f"this file draws {self.record.side.upper()} only; export the other person too")
        found = self._run(
            faces, told, self._outputs, own=source == target, others=self._adaptation if adapted else {}
        )
        return found[0], found[1][:, 0] if len(found) > 1 else None

    def _run(
        self,
        faces: FloatArray,
        told: FloatArray | None,
        outputs: list[str],
        *,
        own: bool,
        others: Mapping[str, FloatArray],
    ) -> list[npt.NDArray[np.float32]]:
        given: dict[str, Any] = {FACE: np.ascontiguousarray(faces, np.float32), **others}
        if self.geometry is not None:
            described = np.zeros((len(faces), self.geometry.count)) if told is None else told
            given[GEOMETRY] = np.ascontiguousarray(described, np.float32)
        if self.record.code is not None:
            given[OWN] = np.array([_ROW[own]], np.int64)
        try:
            return list(self._session.run(outputs, given))
        except Exception as error:  # ONNX Runtime's errors have no common class
            reason = " ".join(str(error).split())[:300]
            raise ConversionError(f"ONNX Runtime cannot run the model ({reason})") from error

    def adopt(self, adaptation: Adaptation) -> None:
        count = self.record.code or 0
        wrong = check_adaptation(adaptation, {CODE_MEAN: (2, count), CODE_VARIANCE: (2, count)})
        if wrong:
            raise InputError(f"what was adapted to the clip does not fit the model ({wrong:.80})")
        self._adaptation = {name: np.asarray(array) for name, array in adaptation.items()}

    def adapt(
        self, clip: ClipFaces, side: Side, settings: ClipAdaptation, progress: Path, run: Run
    ) -> Adaptation:
        if settings.iterations:
            raise SettingsError(
                "adaptation.iterations",
                settings.iterations,
                "training needs PyTorch; convert with its runtime",
            )
        if not settings.statistics or self._statistics is None:
            return {}
        row = _ROW[side == self.record.side]
        mean, variance = (part.copy() for part in self._statistics)
        # Brought to mean 0 and deviation 1 by these, codes are what they were.
        plain = {CODE_MEAN: np.zeros_like(mean), CODE_VARIANCE: np.full_like(mean, 1 - _EPSILON)}
        codes = [self._run(batch, None, [CODE], own=bool(row), others=plain)[0] for batch in clip.inputs(run)]
        mean[row], variance[row] = joined_statistics(
            np.concatenate(codes), mean[row], variance[row], PRIOR_FACES
        )
        return {CODE_MEAN: mean, CODE_VARIANCE: variance}


def load(
    model: Path, side: Side, compute: ConvertCompute, run: Run
) -> tuple[OnnxNetwork, Mapping[Side, ReferenceSet]]:
    """The ONNX file ``model``, which draws ``side``, and the pictures of people that lie beside it. Raises
    ``ModelError`` and ``SettingsError``."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError as error:
        raise SettingsError(
            "compute.runtime", "onnx", 'is not installed: pip install "facedouble[onnx]"'
        ) from error
    if model.is_dir():
        raise ModelError(f"{model} is a folder; this runtime takes an ONNX file that export wrote of a model")
    if compute.precision != "auto":
        raise SettingsError("compute.precision", compute.precision, "an ONNX file has its own")
    file = onnx_file.read_onnx(model)
    record = file.record
    if record.side != side:
        raise ModelError(f"{model} draws {record.side.upper()}, not {side.upper()}; export it for the other")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(file.data, options, providers=_providers(compute.device))
    except Exception as error:  # ONNX Runtime's errors have no common class
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{model}: ONNX Runtime cannot load it ({reason})") from error
    files: dict[Side, Path] = {side: onnx_file.references_file(model, side) for side in SIDES}
    references = {side: read_references(path) for side, path in files.items() if path.exists()}
    return OnnxNetwork(session, file), references


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    """ONNX Runtime's names of what runs on ``device``. Raises ``SettingsError``."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    kind, _, number = device.partition(":")
    if kind == "cpu" and not number:
        return ["CPUExecutionProvider"]
    cuda: tuple[str, dict[str, str]] = ("CUDAExecutionProvider", {"device_id": number or "0"})
    if kind == "auto" and not number:
        return [*([cuda] if cuda[0] in there else []), "CPUExecutionProvider"]
    if kind == "cuda" and cuda[0] in there and (number or "0").isdecimal():
        return [cuda, "CPUExecutionProvider"]
    raise SettingsError(
        "compute.device",
        device,
        "this ONNX Runtime has no such device; there are: auto, cpu, and with onnxruntime-gpu cuda",
    )
