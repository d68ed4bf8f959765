"""What a person looks at: the sheet, the curves, the window."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from facedouble.models.base import Decoded, SwapModel
from facedouble.training import preview_window
from facedouble.training.curves import Panel, plot
from facedouble.training.preview import preview
from facedouble.types import Side


class Paint(SwapModel):
    """Draws everything in one colour: 0.25 for A, 0.75 for B."""

    resolution = 32

    def encode(self, faces: torch.Tensor, side: Side) -> torch.Tensor:
        return faces

    def decode(self, code: torch.Tensor, side: Side) -> Decoded:
        return Decoded(torch.full_like(code, 0.25 if side == "a" else 0.75))


def test_the_sheet_has_faces_own_and_other_in_rows() -> None:
    faces: dict[Side, torch.Tensor] = {"a": torch.full((14, 3, 32, 32), 0.1), "b": torch.ones(14, 3, 32, 32)}
    sheet = preview(Paint(), faces)
    assert sheet.shape == (6 * 32, 40 + 14 * 32, 3)
    rows = [round(float(sheet[16 + 32 * row, 40:].mean() / 255), 2) for row in range(6)]
    assert rows == [0.1, 0.25, 0.75, 1.0, 0.75, 0.25]


def test_large_pictures_are_reduced_and_uneven_sides_filled_up() -> None:
    faces: dict[Side, torch.Tensor] = {"a": torch.zeros(3, 3, 256, 256), "b": torch.zeros(5, 3, 256, 256)}
    sheet = preview(Paint(), faces)
    assert sheet.shape == (6 * 128, 40 + 5 * 128, 3)
    assert (sheet[:128, 40 + 3 * 128 :] == 255).all()


def test_a_curve_that_falls_falls_on_the_picture() -> None:
    falling = [(float(i), 1.0 / i) for i in range(1, 101)]
    image = plot([Panel("loss", {"A": falling}, logarithmic=True)])
    blue = (image[40:, :, 2].astype(int) - image[40:, :, 0]) > 60
    heights = [float(np.nonzero(blue[:, x])[0].mean()) for x in (120, 400, 900)]
    assert heights[0] < heights[1] < heights[2], "down is larger"
    # The logarithm of 1/i at 34 of 100 is three quarters of the way down.
    assert (heights[1] - heights[0]) > 2 * (heights[2] - heights[1])


def test_panels_without_anything_to_show_are_left_out_and_odd_numbers_do_no_harm() -> None:
    one = Panel("loss", {"A": [(1.0, 0.5), (2.0, float("nan")), (3.0, 0.5)]}, logarithmic=True)
    assert plot([one, Panel("nothing", {"x": []})]).shape == plot([one]).shape
    assert plot([]).shape[2] == 3
    assert plot([Panel("one", {"x": [(0.0, 0.0)]})]).std() > 0


def test_without_a_display_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform.startswith("linux"):
        assert "display" in preview_window.show(tmp_path / "preview.png")
