"""facedouble: put a consenting performer's face on a stand-in's in video.

The stages are functions: :func:`extract` finds the faces of a clip, :func:`train` learns two people
from their facesets, :func:`convert` puts the face in, :func:`evaluate` measures how good that is. Each
takes typed settings and returns a typed result; errors that a user can act on are subclasses of
:class:`FacedoubleError`.

Nothing heavy is imported before it is used: the names below are loaded at first touch.

Importing it sets ``OMP_WAIT_POLICY=PASSIVE`` in the environment, unless that or another setting of how
OpenMP's threads wait is there. PyTorch's threads otherwise wait for each other without giving up their cores,
and beside anything else that runs, training is up to twenty times slower. PyTorch reads it when imported.
It also sets ``OPENBLAS_NUM_THREADS=1`` unless that is there: NumPy's and SciPy's threads would share out
equations that take microseconds, and get in the way of the threads that share out faces.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from facedouble._version import __version__

if TYPE_CHECKING:
    from facedouble.conversion.pipeline import ConvertResult, convert
    from facedouble.errors import FacedoubleError
    from facedouble.evaluation.evaluate import evaluate
    from facedouble.evaluation.report.page import write_report
    from facedouble.evaluation.result import Evaluation
    from facedouble.extraction.extract import ExtractResult, extract
    from facedouble.faceset.store import Faceset
    from facedouble.run.cancel import Cancelled
    from facedouble.run.events import (
        Event,
        Failed,
        Finished,
        Metrics,
        Notice,
        Preview,
        Progress,
        StageFinished,
        StageStarted,
        Started,
        Stopped,
    )
    from facedouble.run.jsonl import EventLog
    from facedouble.run.run import Run
    from facedouble.settings.convert import ConvertSettings
    from facedouble.settings.evaluate import EvaluateSettings
    from facedouble.settings.extract import ExtractSettings
    from facedouble.settings.people import FaceChoice
    from facedouble.settings.schema import json_schema
    from facedouble.settings.train import Limits, TrainSettings
    from facedouble.settings.video import ClipEncoding
    from facedouble.training.loop import TrainResult, train

__all__ = [
    "Cancelled",
    "ClipEncoding",
    "ConvertResult",
    "ConvertSettings",
    "EvaluateSettings",
    "Evaluation",
    "Event",
    "EventLog",
    "ExtractResult",
    "ExtractSettings",
    "FaceChoice",
    "FacedoubleError",
    "Faceset",
    "Failed",
    "Finished",
    "Limits",
    "Metrics",
    "Notice",
    "Preview",
    "Progress",
    "Run",
    "StageFinished",
    "StageStarted",
    "Started",
    "Stopped",
    "TrainResult",
    "TrainSettings",
    "__version__",
    "convert",
    "evaluate",
    "extract",
    "json_schema",
    "train",
    "write_report",
]

if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY"} & os.environ.keys():
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# No module or folder of the package may have one of these names: the import system would put it in
# the function's place. So the stages live in training/, conversion/ and evaluation/.
_WHERE = {
    "ConvertResult": "facedouble.conversion.pipeline",
    "Cancelled": "facedouble.run.cancel",
    "ConvertSettings": "facedouble.settings.convert",
    "EvaluateSettings": "facedouble.settings.evaluate",
    "Evaluation": "facedouble.evaluation.result",
    "Event": "facedouble.run.events",
    "EventLog": "facedouble.run.jsonl",
    "Failed": "facedouble.run.events",
    "Finished": "facedouble.run.events",
    "Metrics": "facedouble.run.events",
    "Notice": "facedouble.run.events",
    "Preview": "facedouble.run.events",
    "Progress": "facedouble.run.events",
    "StageFinished": "facedouble.run.events",
    "StageStarted": "facedouble.run.events",
    "Started": "facedouble.run.events",
    "Stopped": "facedouble.run.events",
    "ExtractResult": "facedouble.extraction.extract",
    "ExtractSettings": "facedouble.settings.extract",
    "FaceChoice": "facedouble.settings.people",
    "FacedoubleError": "facedouble.errors",
    "Faceset": "facedouble.faceset.store",
    "Run": "facedouble.run.run",
    "TrainResult": "facedouble.training.loop",
    "Limits": "facedouble.settings.train",
    "TrainSettings": "facedouble.settings.train",
    "ClipEncoding": "facedouble.settings.video",
    "convert": "facedouble.conversion.pipeline",
    "evaluate": "facedouble.evaluation.evaluate",
    "extract": "facedouble.extraction.extract",
    "train": "facedouble.training.loop",
    "json_schema": "facedouble.settings.schema",
    "write_report": "facedouble.evaluation.report.page",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'facedouble' has no attribute {name!r}")
    value: object = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value  # so that it is looked up once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
