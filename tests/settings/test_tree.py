"""The settings tree: what it refuses, in whose words, and what is known of every field."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facedouble.errors import SettingsError
from facedouble.settings.base import Settings
from facedouble.settings.convert import Adjust, ConvertCommand, ConvertSettings, Masked, NoDetail
from facedouble.settings.curate import FacesCommand
from facedouble.settings.extract import AtRate, ExtractSettings
from facedouble.settings.recipe import Recipe
from facedouble.settings.registry import COMMANDS
from facedouble.settings.train import TrainSettings
from facedouble.settings.tree import Leaf, leaves
from facedouble.settings.video import ClipEncoding, ImageEncoding
from facedouble.training.registry import RECIPES

every_command = pytest.mark.parametrize("command", COMMANDS)


def refusal(kind: type[Settings], values: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        kind.read(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"detail": {"kind": "sharpen", "amount": 9}}, "`detail.amount=9`: must be from 0 to 5"),
        ({"detail": {"kind": "sharpen", "amount": True}}, "`detail.amount=True`: must be a number"),
        ({"detail": {"kind": "sharpen", "amount": "1"}}, "`detail.amount=1`: must be a number"),
        (
            {"detail": {"kind": "sharpen", "amount": float("nan")}},
            "`detail.amount=nan`: must be a finite number",
        ),
        ({"compute": {"batch_size": 0}}, "`compute.batch_size=0`: must be 1 or more"),
        ({"compute": {"batch_size": 1.5}}, "`compute.batch_size=1.5`: must be a whole number"),
        ({"overwrite": 1}, "`overwrite=1`: must be true or false"),
        ({"matte": 3}, "`matte=3`: must be a path"),
        ({"detial": {}}, "`detial`: there is no such setting; is detail meant?"),
        ({"compute": {"cores": 2}}, "`compute.cores`: there is no such setting"),
        ({"compute": 3}, "`compute=3`: must be a group of settings"),
        ({"converter": {"mask": {"kind": "hull"}}}, "`converter.mask.kind=hull`: no such mask"),
        ({"converter": {"kind": "all"}}, "`converter.kind=all`: no such kind; choose one of: masked, adj"),
        (
            {"converter": {"smooth_mask": False}},
            "`converter.smooth_mask`: belongs to `converter.kind=a",
        ),
        (
            {"detail": {"kind": "none", "amount": 1.0}},
            "`detail.amount`: belongs to `detail.kind=sharpen`",
        ),
        ({"encoding": {"format": "png", "crf": 3}}, "`encoding.crf`: excludes `format`"),
        ({"frames": {"discard": True}}, "`frames.ranges`: is missing"),
        ({"marking": {"signer": {"key": "k"}}}, "`marking.signer.certificate`: is missing"),
        ({"marking": {"kind": "none", "consent": "x"}}, "`marking.consent`: belongs to `marking.kind=c2pa`"),
        ({"faces": {"threshold": 0.3}}, "`faces.threshold`: has no effect without"),
        ({"render": {"mode": "mask", "label": "x"}}, "`render.label`: would become part"),
        (
            {"occlusion": "learned", "converter": {"mask": {"kind": "learned"}}},
            "`occlusion`: `conv",
        ),
        ({"frames": {"ranges": "1-2"}}, "`frames.ranges=1-2`: must be a list"),
        ({"faces": {"track": [1, "x"]}}, "`faces.track.1=x`: must be a whole number"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named_with_its_path(values: dict[str, Any], expected: str) -> None:
    assert refusal(ConvertSettings, values).startswith(expected)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (ExtractSettings, {"rotate_images": "400"}, "`rotate_images=400`: must be an angle"),
        (ExtractSettings, {"sampling": {"every": 2, "fps": 3.0}}, "`sampling.fps`: excludes `every`"),
        (FacesCommand, {"faceset": "f", "task": {"source": "x"}}, "`task.source`: belongs to"),
        (FacesCommand, {"faceset": "f", "task": {"limit": 3}}, "`task.limit`: has no effect"),
        (
            FacesCommand,
            {"faceset": "f", "task": {"move": {"remove": ["a"], "restore": ["b"]}}},
            "`task.move.restore`: excludes `remove`",
        ),
        (ConvertCommand, {"source": "a", "model": "b"}, "`output`: is missing"),
    ],
)
def test_other_operations(kind: type[Settings], values: dict[str, Any], expected: str) -> None:
    assert refusal(kind, values).startswith(expected)


def test_alternatives() -> None:
    assert ConvertSettings().converter == Masked()
    assert ConvertSettings.read({"converter": {"kind": "adjust"}}).converter == Adjust()
    assert ConvertSettings.read({"detail": {"kind": "none"}}).detail == NoDetail()
    assert ConvertSettings.read({"encoding": {"crf": 3}}).encoding == ClipEncoding(crf=3)
    assert ConvertSettings.read({"encoding": {"format": "tiff"}}).encoding == ImageEncoding(format="tiff")
    assert ExtractSettings.read({"sampling": {"fps": 2}}).sampling == AtRate(fps=2)


def test_the_name_of_the_output_says_how_it_is_written() -> None:
    values = {"source": "a", "model": "m", "output": "x.mp4"}
    assert ConvertCommand.read({**values, "encoding": {"crf": 3}}).encoding == ClipEncoding(crf=3)
    assert "names a clip" in refusal(ConvertCommand, {**values, "encoding": {"format": "png"}})
    clip, folder = Path("x.mkv"), Path("x")
    assert ConvertSettings().encoding_of(clip) == ClipEncoding()
    assert ConvertSettings().encoding_of(folder) == ImageEncoding()
    with pytest.raises(SettingsError, match="is for clips, but x names a folder of images"):
        ConvertSettings(encoding=ClipEncoding(crf=3)).encoding_of(folder)


def test_replace_changes_single_fields_and_keeps_what_another_kind_shares() -> None:
    settings = ConvertSettings().replace(converter={"mask": {"erosion": 3.0}}, overwrite=True)
    assert isinstance(settings.converter, Masked)
    assert (settings.converter.mask.erosion, settings.converter.mask.kind) == (3.0, "extended")
    other = settings.replace(converter={"mask": {"kind": "rect"}}, detail={"kind": "sharpen", "amount": 0.5})
    assert isinstance(other.converter, Masked)
    assert other.converter.mask.erosion == 3.0
    assert other.replace(detail={"sharpener": "gsharpen"}).detail.model_dump() == {
        "kind": "sharpen",
        "sharpener": "gsharpen",
        "amount": 0.5,
    }
    assert other.replace(detail={"kind": "none"}).detail == NoDetail()
    with pytest.raises(SettingsError, match="batch_size"):
        settings.replace(compute={"batch_size": 0})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(Exception, match="frozen"):
        ConvertSettings().overwrite = True


@every_command
def test_every_field_says_what_it_is(command: str) -> None:
    for leaf in leaves(COMMANDS[command]):
        if leaf.name.endswith("kind") and leaf.hidden:
            continue
        assert leaf.help, leaf.name
        assert not leaf.help.endswith("."), leaf.name
        assert leaf.help.split(",")[0] not in ("", "x")
        assert "--" not in leaf.help, f"{leaf.name}: say the field, not the option"


@every_command
def test_defaults_read_back(command: str) -> None:
    kind = COMMANDS[command]
    settings = kind.read(required(kind))
    assert kind.read(settings.dump()) == settings


def required(kind: type[Settings]) -> dict[str, Any]:
    """Values of what a command needs."""
    return {
        leaf.name: ["x"] if leaf.many else "x"
        for leaf in leaves(kind)
        if leaf.required and len(leaf.path) == 1
    }


def kinds_of(leaf: Leaf) -> set[str]:
    return {name for name, _ in leaf.choices}


def test_alternatives_are_known_to_the_walk() -> None:
    found = {leaf.name: leaf for leaf in leaves(ConvertSettings)}
    assert kinds_of(found["converter.kind"]) == {"masked", "adjust"}
    assert found["converter.smooth_mask"].when == ((("converter",), ("adjust",)),)
    assert kinds_of(found["detail.kind"]) == {"real", "sharpen", "none"}
    assert found["detail.kind"].default == "real"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_reads_back(name: str) -> None:
    recipe = RECIPES[name]
    assert isinstance(recipe, Recipe)
    assert Recipe.read(recipe.dump()) == recipe


@pytest.mark.subprocess
def test_settings_are_light() -> None:
    heavy = "('torch', 'cv2', 'av', 'dlib', 'numpy', 'yaml')"
    code = (
        "import sys; from facedouble.settings.registry import COMMANDS; dict(COMMANDS);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_model_without_a_recipe_is_not_trained_by_that_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: entry for name, entry in RECIPES.entries.items() if name != "double"}
    monkeypatch.setattr(RECIPES, "entries", without)
    with pytest.raises(SettingsError, match="double"):
        TrainSettings.read({"architecture": {"kind": "double"}})
