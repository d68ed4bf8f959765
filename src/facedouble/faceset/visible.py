"""What of a face is visible: its mask and its outlines together.

A face may have an ``occlusion`` mask (a network's, an imported one, or a person's) and ``polygons`` (a
person's or imported). The polygons lie over the mask, later ones over earlier ones: an excluding one hides,
an including one shows. Without a mask they lie over a face that is visible everywhere, unless the first of
them includes: then nothing outside is visible. That is how DeepFaceLab's users draw them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import cv2
import numpy as np

from facedouble.faces.align import recrop
from facedouble.faceset.layer_kinds import Polygon
from facedouble.faceset.layers import layer_file
from facedouble.faceset.reader import FacesetReader
from facedouble.types import Alignment, Face, Grey

MASK, OUTLINES = "occlusion", "polygons"
"""The layers that say what is visible."""

VISIBLE, HIDDEN = 255, 0
_SHIFT = 3  # edges lie at an eighth of a pixel
_FAR = 1e5  # pixels, within what OpenCV's fixed-point numbers hold


def visible_part(
    mask: Grey | None, polygons: Sequence[Polygon], alignment: Alignment, crop_size: int, side: int
) -> Grey:
    """What is visible in the crop of a face, (side, side) uint8: 0 hidden, 255 visible.

    ``mask`` (S, S) covers the same crop at any side ``S``; ``polygons`` are in frame pixels, ``alignment``
    and ``crop_size`` are the face's.
    """
    if mask is not None:
        shrinking = mask.shape[0] > side
        how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        base = mask if mask.shape[0] == side else cv2.resize(mask, (side, side), interpolation=how)
        result = np.array(base, dtype=np.uint8)
    else:
        outside = HIDDEN if polygons and polygons[0].include else VISIBLE
        result = np.full((side, side), outside, dtype=np.uint8)
    fill_polygons(result, polygons, recrop(alignment, crop_size, 1.0, side))
    return result


def fill_polygons(picture: Grey, polygons: Sequence[Polygon], matrix: Alignment) -> None:
    """Fill polygons in ``picture`` (H, W), one after the other; ``matrix`` (2, 3) takes their points to its
    pixels."""
    for polygon in polygons:
        points = polygon.points @ matrix[:, :2].T + matrix[:, 2]
        fixed = np.rint(np.clip(points, -_FAR, _FAR) * (1 << _SHIFT)).astype(np.int32)
        value = VISIBLE if polygon.include else HIDDEN
        cv2.fillPoly(picture, [fixed], (value,), cv2.LINE_AA, _SHIFT)


def masked_faces(
    faceset: FacesetReader, makers: Collection[str] = ("hand", "import", "network")
) -> set[tuple[int, int]]:
    """Keys of the faces that have a mask or outlines by one of ``makers``."""
    return {
        layer.key for layer in faceset.layers() if layer.kind in (MASK, OUTLINES) and layer.maker in makers
    }


def read_visible(faceset: FacesetReader, face: Face, side: int) -> Grey:
    """What is visible of a face by its mask and its outlines, (side, side): 0 hidden, 255 visible. Raises
    ``InputError`` for layers that cannot be read."""
    kinds = {layer.kind for layer in faceset.layers(face)}
    mask = faceset.read_layer(face, MASK) if MASK in kinds else None
    polygons = faceset.read_layer(face, OUTLINES) if OUTLINES in kinds else ()
    return visible_part(mask, polygons, face.alignment, face.crop_size, side)


def masks_digest(faceset: FacesetReader) -> str:
    """A text that is another one after any mask or outline of the faceset has changed; empty for none."""
    digest = hashlib.sha256()
    layers = [layer for layer in faceset.layers() if layer.kind in (MASK, OUTLINES)]
    for layer in layers:
        file = layer_file(faceset.path, layer.key, layer.kind)
        changed = file.stat().st_mtime_ns if file.is_file() else 0
        digest.update(repr((layer.key, layer.kind, layer.maker, layer.created, changed)).encode())
    return digest.hexdigest() if layers else ""
