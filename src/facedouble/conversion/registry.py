"""The choices of a conversion, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from facedouble.registry import Entry, Registry

if TYPE_CHECKING:
    from facedouble.conversion.colour_transfer import ColourMap, Samples
    from facedouble.conversion.face_layer import FaceLayer
    from facedouble.conversion.face_network import LoadNetwork
    from facedouble.conversion.face_step import FaceStep
    from facedouble.conversion.output_modes import OutputMode
    from facedouble.types import FloatArray, Mask

_HERE = "facedouble.conversion"

FACE_STEPS: Registry[type[FaceStep]] = Registry(
    "step",
    {
        "lips": Entry(f"{_HERE}.retarget_step:RetargetLips", "lips as the performer has them"),
        "detail": Entry(f"{_HERE}.detail.step:CarryDetail", "real detail, from pictures of the person"),
        "expression": Entry(
            f"{_HERE}.retarget_step:RetargetExpression",
            "lids, gaze and brows as the performer has them",
        ),
        "tones": Entry(f"{_HERE}.tone_transfer:ToneTransfer", "from the standard colouring to the frame's"),
        "sharpen": Entry(f"{_HERE}.sharpen:Sharpen", "restore fine detail that the model softens"),
        "mask": Entry(f"{_HERE}.mask_step:FaceMask", "draw the mask and feather its edge"),
        "occlusion": Entry(
            f"{_HERE}.occlusion_step:FindOcclusion", "leave out what is known or found in front of the face"
        ),
        "learned_occlusion": Entry(
            f"{_HERE}.mask_step:LearnedOcclusion", "leave out what the model's own mask leaves out"
        ),
    },
)
"""The face pipeline, in the order in which a drawn face goes through it (see ``face_step``)."""

MASKS: Registry[Callable[[FaceLayer], Mask]] = Registry(
    "mask",
    {
        "rect": Entry(f"{_HERE}.masks:rect", "a rectangle around brows, eyes, nose and mouth"),
        "facehull": Entry(f"{_HERE}.masks:facehull", "the convex hull of the landmarks"),
        "facehullandrect": Entry(f"{_HERE}.masks:facehullandrect", "the intersection of both"),
        "extended": Entry(f"{_HERE}.masks:extended", "the hull and part of the forehead"),
        "learned": Entry(f"{_HERE}.masks:learned_mask", "the model's own mask"),
    },
)
"""The part of the face that is replaced: (S, S) float32 0..1 for a layer."""

COLOUR_TRANSFERS: Registry[Callable[[Samples, Samples], ColourMap]] = Registry(
    "colour transfer",
    {
        "none": Entry(f"{_HERE}.colour_transfer:fit_nothing", "colours as the model draws them"),
        "reinhard": Entry(f"{_HERE}.colour_transfer:fit_reinhard", "mean and deviation of each channel"),
        "linear": Entry(f"{_HERE}.colour_transfer:fit_linear", "mean and covariance, by matrix square roots"),
        "mkl": Entry(f"{_HERE}.colour_transfer:fit_mkl", "mean and covariance, with the least change"),
        "histogram": Entry(f"{_HERE}.colour_transfer:fit_histogram", "the histogram of each channel"),
    },
)
"""Each fits a map from colours of drawn faces to colours of the frame's faces."""

COLOUR_SPACES: Registry[tuple[int, ...]] = Registry(
    "colour space",
    {
        "rgb": Entry(f"{_HERE}.colour_transfer:RGB", "as pixels are coded"),
        "lab": Entry(f"{_HERE}.colour_transfer:LAB", "lightness and two opponent colours (CIELAB, D65)"),
    },
)

SHARPENERS: Registry[Callable[[FloatArray, float], FloatArray]] = Registry(
    "sharpener",
    {
        "bsharpen": Entry(f"{_HERE}.sharpen:bsharpen", "detail against a box blur"),
        "gsharpen": Entry(f"{_HERE}.sharpen:gsharpen", "detail against a Gaussian blur"),
        "unsharp": Entry(f"{_HERE}.sharpen:unsharp", "detail against a Gaussian blur, except faint detail"),
    },
)
"""Each maps a picture (R, R, 3) float32 and an amount to a picture."""

BLENDS: Registry[Callable[[FloatArray, FloatArray, Mask], tuple[FloatArray, Mask]]] = Registry(
    "blend",
    {
        "alpha": Entry(f"{_HERE}.blends:alpha", "by the mask alone"),
        "multiband": Entry(f"{_HERE}.blends:multiband", "coarse detail over a wide edge, fine over a narrow"),
        "seamless": Entry(f"{_HERE}.blends:seamless", "the face's gradients, the frame's colours (Poisson)"),
    },
)
"""Each maps a region of the frame, the new picture and its mask to picture and alpha (see ``blends``)."""

OUTPUT_MODES: Registry[OutputMode] = Registry(
    "output mode",
    {
        "composite": Entry(f"{_HERE}.output_modes:COMPOSITE", "the frame with the new face"),
        "face": Entry(f"{_HERE}.output_modes:FACE", "the new face over black"),
        "mask": Entry(f"{_HERE}.output_modes:MASK", "the alpha of the new face, as grey"),
        "side-by-side": Entry(f"{_HERE}.output_modes:SIDE_BY_SIDE", "source and result next to each other"),
        "rgba": Entry(f"{_HERE}.output_modes:RGBA", "the new face with straight alpha, for compositors"),
        "layers": Entry(
            f"{_HERE}.output_modes:LAYERS",
            "OpenEXR images of the composite, with the face, its mask and what is in front of it as layers",
        ),
    },
)

RUNTIMES: Registry[LoadNetwork] = Registry(
    "runtime",
    {
        "torch": Entry(f"{_HERE}.torch_network:load", "PyTorch, from a model's folder"),
        "onnx": Entry(f"{_HERE}.onnx_network:load", "ONNX Runtime, from an exported file; without PyTorch"),
    },
)
"""What runs the network: each loads a model to draw a side's person."""
