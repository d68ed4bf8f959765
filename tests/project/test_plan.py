"""Which steps a project has, and where each of them stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facedouble.errors import SettingsError
from facedouble.project.commands import command
from facedouble.project.disk import Disk, Output, There
from facedouble.project.file import read_project
from facedouble.project.plan import State, inputs_now, plan, recorded
from facedouble.project.records import Record
from facedouble.project.steps import Step, project_steps
from facedouble.run.locks import Writer

CLIPS = {f"clips/{name}.mp4": f"sha of {name}" for name in ("anna-1", "anna-2", "ben")}


@pytest.fixture
def steps(project_folder: Path) -> tuple[Step, ...]:
    return project_steps(read_project(project_folder))


def all_done(steps: tuple[Step, ...]) -> Disk:
    """Everything is there, and was made of what there is."""
    outputs = {step.name: Output(There.WHOLE, fingerprint=f"made by {step.name}") for step in steps}
    outputs["train anna-ben"] = replace(
        outputs["train anna-ben"], progress={"iterations": 100, "minutes": 2.0}
    )
    disk = Disk(outputs, dict(CLIPS), {})
    records = {step.name: Record(inputs_now(step, disk), recorded(step), 0.0) for step in steps}
    return Disk(outputs, dict(CLIPS), records)


def states(steps: tuple[Step, ...], disk: Disk) -> dict[str, State]:
    """The states of those steps that are not done."""
    return {item.step.name: item.state for item in plan(steps, disk) if item.state != State.DONE}


def reasons(steps: tuple[Step, ...], disk: Disk, name: str) -> str:
    return "; ".join(next(item.reasons for item in plan(steps, disk) if item.step.name == name))


def with_output(disk: Disk, name: str, **changes: object) -> Disk:
    changed = replace(disk.outputs[name], **changes)  # type: ignore[arg-type]
    return replace(disk, outputs={**disk.outputs, name: changed})


def changed_by(step: Step, **values: object) -> Step:
    return replace(step, values={**step.values, **values})


def test_steps_come_after_what_they_need(steps: tuple[Step, ...]) -> None:
    names = [step.name for step in steps]
    assert names == [
        "extract anna/anna-1",
        "extract anna/anna-2",
        "extract ben/ben",
        "train anna-ben",
        "convert shot-1",
        "convert other-way",
        "evaluate shot-1",
        "evaluate other-way",
    ]
    for number, step in enumerate(steps):
        assert set(step.needs) <= set(names[:number])


def test_each_step_is_a_command(steps: tuple[Step, ...]) -> None:
    lines = {step.name: " ".join(command(step)) for step in steps}
    assert lines["extract anna/anna-1"] == "extract -i clips/anna-1.mp4 -o faces/anna/anna-1 --skip-existing"
    assert lines["train anna-ben"].startswith(
        "train -A faces/anna/anna-1 -A faces/anna/anna-2 -B faces/ben/ben -m models/anna-ben"
    )
    assert "--swap-model" in lines["convert other-way"]
    assert "--swap-model" not in lines["convert shot-1"]
    assert lines["evaluate shot-1"] == (
        "evaluate -r results/shot-1.mp4 -i clips/anna-1.mp4 -B faces/ben/ben -a faces/anna/anna-1 "
        "-A faces/anna/anna-2 -m models/anna-ben -o results/shot-1.html"
    )


def test_settings_of_a_part_come_on_top(project_folder: Path, text: str) -> None:
    file = project_folder / "project.yaml"
    changed = text.replace(
        "    model: anna-ben\n  other", "    model: anna-ben\n    settings: {render: {label: AI}}\n  other"
    )
    more = "  convert: {keep_going: true, render: {label: fake, mode: side-by-side}}\n"
    file.write_text(changed + more)
    found = {
        step.label: step for step in project_steps(read_project(project_folder)) if step.kind == "convert"
    }
    assert found["shot-1"].values["render"] == {"label": "AI", "mode": "side-by-side"}
    assert found["other-way"].values["render"] == {"label": "fake", "mode": "side-by-side"}
    line = " ".join(command(found["shot-1"]))
    assert "--keep-going" in line
    assert "--label AI" in line


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("train: {limits: {iterations: many}}", "limits.iterations"),
        ("train: {limits: {iterations: 100}, lmits: 3}", "is limits meant?"),
        ("convert: {render: {mode: wild}}", "choose one of"),
        ("extract: {size: 5}", "must be from 64 to 1024"),
    ],
)
def test_settings_that_a_step_cannot_have_are_said(
    project_folder: Path, text: str, settings: str, expected: str
) -> None:
    limits = "" if settings.startswith("train") else "  train: {limits: {iterations: 100}}\n"
    changed = text.replace("  train: {limits: {iterations: 100}}\n", f"{limits}  {settings}\n")
    (project_folder / "project.yaml").write_text(changed)
    with pytest.raises(SettingsError) as caught:
        project_steps(read_project(project_folder))
    assert expected in str(caught.value)
    assert "(for " in str(caught.value)


def test_consent_goes_into_the_marking(project_folder: Path, text: str) -> None:
    record = f"    consent: {{file: consent/ben.pdf, sha256: {'ab' * 32}}}\nmodels:"
    (project_folder / "project.yaml").write_text(text.replace("models:", record, 1))
    lines = {step.name: " ".join(command(step)) for step in project_steps(read_project(project_folder))}
    assert "--consent consent/ben.pdf" in lines["convert shot-1"]
    assert "--consent" not in lines["convert other-way"], "it is not ben's face there"


def test_a_clip_may_be_kept_from_training(project_folder: Path, text: str) -> None:
    file = project_folder / "project.yaml"
    file.write_text(text.replace("- clips/anna-1.mp4", "- {path: clips/anna-1.mp4, train: false}"))
    trained = next(step for step in project_steps(read_project(project_folder)) if step.kind == "train")
    assert [source.path for source in trained.inputs] == ["faces/anna/anna-2", "faces/ben/ben"]
    file.write_text(text.replace("[clips/ben.mp4]", "[{path: clips/ben.mp4, train: false}]"))
    with pytest.raises(SettingsError, match="no clip to train"):
        project_steps(read_project(project_folder))


def test_training_needs_an_end(project_folder: Path, text: str) -> None:
    (project_folder / "project.yaml").write_text(text.replace("limits: {iterations: 100}", "seed: 8"))
    with pytest.raises(SettingsError, match="needs an end"):
        project_steps(read_project(project_folder))


def test_nothing_is_there_and_nothing_is_missing(steps: tuple[Step, ...]) -> None:
    empty = Disk({step.name: Output() for step in steps}, dict(CLIPS), {})
    assert set(states(steps, empty).values()) == {State.MISSING}
    assert states(steps, all_done(steps)) == {}


def test_what_was_made_by_hand_counts_as_done(steps: tuple[Step, ...]) -> None:
    assert states(steps, replace(all_done(steps), records={})) == {}


def test_a_changed_clip_makes_stale_what_was_made_of_it(steps: tuple[Step, ...]) -> None:
    disk = all_done(steps)
    disk = replace(disk, inputs={**disk.inputs, "clips/ben.mp4": "another"})
    assert states(steps, disk) == dict.fromkeys(
        ["extract ben/ben", "convert other-way", "evaluate other-way"], State.STALE
    )
    assert reasons(steps, disk, "extract ben/ben") == "clips/ben.mp4 has changed"
    unknown = with_output(replace(disk, records={}), "extract ben/ben", source="sha of ben")
    assert states(steps, unknown) == {"extract ben/ben": State.STALE}


def test_curated_faces_make_the_model_stale_and_not_the_faceset(steps: tuple[Step, ...]) -> None:
    disk = with_output(all_done(steps), "extract anna/anna-2", fingerprint="two crops deleted")
    found = states(steps, disk)
    assert "extract anna/anna-2" not in found
    assert found["train anna-ben"] == State.STALE
    assert reasons(steps, disk, "train anna-ben") == "faces/anna/anna-2 has changed"


def test_changed_settings_make_stale_and_say_which(steps: tuple[Step, ...]) -> None:
    disk = all_done(steps)
    changed = tuple(
        changed_by(step, render={"label": "AI"}) if step.kind == "convert" else step for step in steps
    )
    assert states(changed, disk) == {"convert shot-1": State.STALE, "convert other-way": State.STALE}
    assert reasons(changed, disk, "convert shot-1") == "render.label was not set, is 'AI'"
    faster = tuple(
        changed_by(step, compute={"threads": 2}, detail={"kind": "sharpen"})
        if step.kind == "convert"
        else step
        for step in steps
    )
    assert states(faster, disk) == {}


def test_a_new_clip_is_missing_and_the_model_was_made_without_it(
    steps: tuple[Step, ...], project_folder: Path, text: str
) -> None:
    disk = all_done(steps)
    file = project_folder / "project.yaml"
    file.write_text(text.replace("[clips/ben.mp4]", "[clips/ben.mp4, clips/ben-2.mp4]"))
    more = project_steps(read_project(project_folder))
    disk = replace(
        disk,
        outputs={**disk.outputs, "extract ben/ben-2": Output()},
        inputs={**disk.inputs, "clips/ben-2.mp4": "sha of ben-2"},
    )
    assert states(more, disk)["extract ben/ben-2"] == State.MISSING
    assert "made without faces/ben/ben-2" in reasons(more, disk, "train anna-ben")


def test_longer_training_is_unfinished_and_not_stale(steps: tuple[Step, ...]) -> None:
    disk = all_done(steps)
    longer = tuple(
        changed_by(step, limits={"iterations": 150}) if step.kind == "train" else step for step in steps
    )
    assert states(longer, disk) == {"train anna-ben": State.UNFINISHED}
    assert reasons(longer, disk, "train anna-ben") == "100 of 150 iterations"
    by_itself = with_output(disk, "train anna-ben", progress={"iterations": 60, "minutes": 1.0})
    assert states(steps, by_itself) == {}, "it ended by itself under these limits"


def test_a_clip_that_is_gone_stops_only_what_is_still_to_be_made_of_it(steps: tuple[Step, ...]) -> None:
    disk = all_done(steps)
    disk = replace(disk, inputs={**disk.inputs, "clips/anna-1.mp4": None})
    assert states(steps, disk) == {}
    assert reasons(steps, disk, "extract anna/anna-1") == "clips/anna-1.mp4 cannot be read"
    disk = with_output(disk, "convert shot-1", there=There.MISSING)
    assert states(steps, disk) == {"convert shot-1": State.BLOCKED}


def test_half_finished_blocked_and_busy_are_told_apart(steps: tuple[Step, ...]) -> None:
    disk = with_output(all_done(steps), "extract ben/ben", there=There.PARTIAL)
    disk = with_output(disk, "convert shot-1", writer=Writer("facedouble convert", 123, "here", "now"))
    disk = with_output(disk, "train anna-ben", problem="model.json: damaged")
    disk = with_output(disk, "extract anna/anna-2", there=There.MISSING)
    disk = replace(disk, inputs={**disk.inputs, "clips/anna-2.mp4": None})
    found = states(steps, disk)
    assert found["extract ben/ben"] == State.UNFINISHED
    assert found["convert shot-1"] == State.WRITING
    assert found["train anna-ben"] == State.BLOCKED
    assert found["extract anna/anna-2"] == State.BLOCKED
    assert reasons(steps, disk, "extract anna/anna-2") == "clips/anna-2.mp4 cannot be read"
    assert "process 123" in reasons(steps, disk, "convert shot-1")
