"""The settings of each command, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.settings.base import Settings

COMMANDS: Registry[type[Settings]] = Registry(
    "command",
    {
        "extract": Entry("facedouble.settings.extract:ExtractCommand", "find the faces of a clip"),
        "import": Entry("facedouble.settings.interchange:ImportCommand", "take the faces of another program"),
        "export": Entry(
            "facedouble.settings.interchange:ExportCommand",
            "write a faceset for another program, or a model as ONNX",
        ),
        "faces": Entry("facedouble.settings.curate:FacesCommand", "look through a faceset"),
        "train": Entry("facedouble.settings.train:TrainCommand", "train a model"),
        "convert": Entry("facedouble.settings.convert:ConvertCommand", "put the face into a clip"),
        "occlusion-train": Entry(
            "facedouble.settings.occlusion:OcclusionTrainCommand", "teach the occlusion network"
        ),
        "occlusion-apply": Entry(
            "facedouble.settings.occlusion:OcclusionApplyCommand", "write masks into a faceset"
        ),
        "occlusion-review": Entry(
            "facedouble.settings.occlusion:OcclusionReviewCommand", "look at doubtful masks"
        ),
        "evaluate": Entry("facedouble.settings.evaluate:EvaluateCommand", "measure a result"),
        "sweep": Entry("facedouble.settings.sweep:SweepCommand", "train variants and compare them"),
        "frames": Entry("facedouble.settings.video:FramesCommand", "write a clip's frames as images"),
        "video": Entry("facedouble.settings.video:VideoCommand", "make a clip of images"),
        "demo": Entry("facedouble.settings.demo:DemoSettings", "the demonstration"),
    },
)
