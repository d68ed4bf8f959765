"""The parts of a picture that are worked on in RGB."""

from __future__ import annotations

from facedouble.types import Box

_MARGIN = 16  # pixels around a box, so that chroma filters see what they would see in the whole
_STEP = 64  # the sides of regions are multiples of this, so that few filters are set up


def padded_regions(boxes: list[Box], size: tuple[int, int]) -> list[Box]:
    """Rectangles around ``boxes`` inside a picture of ``size`` (width, height); those that touch are merged.

    They have a margin where the picture has room for it, and even edges. Boxes outside the picture have none.
    """
    width, height = size
    found: list[Box] = []
    for box in boxes:
        left, right = _padded(box.left, box.right, width)
        top, bottom = _padded(box.top, box.bottom, height)
        if right > left and bottom > top:
            found.append(Box(left, top, right, bottom))
    merged = True
    while merged:
        merged = False
        for one in found:
            other = next((box for box in found if box is not one and one.overlap(box) > 0), None)
            if other is not None:
                joined = Box(
                    min(one.left, other.left),
                    min(one.top, other.top),
                    max(one.right, other.right),
                    max(one.bottom, other.bottom),
                )
                found = [box for box in found if box is not one and box is not other] + [joined]
                merged = True
                break
    return found


def _padded(start: int, end: int, limit: int) -> tuple[int, int]:
    """An even range around ``start`` to ``end`` with a margin, inside 0 to ``limit``; empty outside."""
    start, end = max(start, 0), min(end, limit)
    if end <= start:
        return 0, 0
    length = min(-(-(end - start + 2 * _MARGIN + 2) // _STEP) * _STEP, limit)
    first = max(0, min(start - _MARGIN, limit - length)) & ~1
    return first, min(first + length, limit)
