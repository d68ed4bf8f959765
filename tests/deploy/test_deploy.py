"""What lies in deploy/: its versions are those of the package, and its commands are the program's."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from facedouble.distributed.operations import join, plan
from facedouble.distributed.plan_folder import PlanFolder
from facedouble.settings.convert import ConvertCommand
from scripts.install_torch import CPU_BUILD
from tests.conversion.pipeline.conftest import faces as faces
from tests.conversion.pipeline.conftest import pictures as pictures
from tests.conversion.pipeline.conftest import rich as rich
from tests.conversion.pipeline.conftest import stand_in as stand_in
from tests.distributed.test_operations import WRITING, fit
from tests.docs.test_commands import options

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEMPLATES = sorted((DEPLOY / "openjd").glob("*.yaml"))
_CALL = re.compile(r"facedouble (?:plan|work|join|distribute|doctor) [^\n;|&]*")


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def pins() -> dict[str, str]:
    lines = [line for line in read("requirements.txt").splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


# -- versions --------------------------------------------------------------------------------------------


def test_every_dependency_is_pinned_to_a_version_that_the_package_allows() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = package["project"]["optional-dependencies"]
    needed = [*package["project"]["dependencies"], *extras["ray"], *extras["plates"], *extras["stores"]]
    needed += package["build-system"]["requires"]
    known = pins()
    for text in needed:
        wanted = Requirement(text)
        if wanted.name != "torch":
            assert wanted.specifier.contains(known[re.sub(r"[-_.]+", "-", wanted.name).lower()]), text
    torch = re.search(r"^ARG TORCH=(\S+)$", read("Dockerfile"), re.MULTILINE)
    assert torch is not None
    assert f"torch=={torch[1]}+cpu" == CPU_BUILD
    assert f"torch=={torch[1]} " in read("gcp/convert.sky.yaml")
    assert f"ray[default]=={known['ray']}" in (ROOT / "docs/google-cloud.md").read_text(encoding="utf-8")


def test_the_container_runs_as_a_user_without_rights_and_examines_itself() -> None:
    lines = read("Dockerfile").splitlines()
    user = lines.index("USER facedouble")
    assert not any(line.startswith("USER") for line in lines[user + 1 :])
    assert any("pip install" in line for line in lines[user:])
    assert not any("pip install" in line for line in lines[:user])
    assert any("facedouble doctor" in line for line in lines[user:])
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[2:-1]]
    assert all((ROOT / name).exists() for name in copied)
    let_in = {line[1:] for line in read("Dockerfile.dockerignore").splitlines() if line.startswith("!")}
    assert let_in == set(copied), "what is copied is what the builder gets to see"


# -- commands --------------------------------------------------------------------------------------------


def calls() -> Iterator[tuple[str, str]]:
    """Each call of the program in deploy/, with its file."""
    for file in sorted(DEPLOY.rglob("*")):
        if file.is_file() and "Dockerfile" not in file.name:
            text = file.read_text(encoding="utf-8").replace("\\\n", " ").replace('\\"', '"')
            for found in _CALL.findall(text):
                yield file.name, found


@pytest.mark.parametrize(("file", "call"), sorted(set(calls())))
def test_commands_are_there(file: str, call: str) -> None:
    words = re.sub(r"\{\{.*?\}\}|\$\(\(.*?\)\)|[\"'()]", "x", call).split()
    known = options(words[1])
    assert {word for word in words[2:] if re.fullmatch(r"--?[a-z][a-z-]*", word)} <= known


def test_there_is_something_to_look_at() -> None:
    assert {file for file, _ in calls()} >= {"work.sbatch", "convert.sky.yaml", "batch.json", "extract.yaml"}


# -- Open Job Description --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_has_all_stages_in_their_order(path: Path) -> None:
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert template["extensions"] == ["TASK_CHUNKING"]
    parameters = {one["name"] for one in template["parameterDefinitions"]}
    steps = template["steps"]
    assert [step.get("dependencies") for step in steps] == [
        None,
        *([{"dependsOn": before["name"]}] for before in steps[:-1]),
    ]
    assert set(re.findall(r"\{\{Param\.(\w+)\}\}", path.read_text(encoding="utf-8"))) <= parameters
    done = []
    for step in steps[1:]:
        action = step["script"]["actions"]["onRun"]
        command, _, _, stage, *rest = action["args"]
        assert action["command"] == "facedouble"
        assert {word for word in action["args"] if word.startswith("--")} <= options(command)
        done.append((command, stage))
        if command == "work":
            (share,) = step["parameterSpace"]["taskParameterDefinitions"]
            assert (share["name"], share["type"]) == ("Share", "CHUNK[INT]")
            assert share["range"] == "1-{{Param.Shares}}"
            assert share["chunks"]["rangeConstraint"] == "CONTIGUOUS"
            assert rest[:2] == ["--share", "{{Task.Param.Share}}/{{Param.Shares}}"]
    stages = {"extract": ["detect", "crop"], "convert": ["fit", "convert"]}[path.stem]
    assert done == [(command, stage) for stage in stages for command in ("work", "join")]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_is_one_by_the_specification(path: Path) -> None:
    model = pytest.importorskip("openjd.model", reason="openjd-model checks templates")
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert model.decode_job_template(template=template, supported_extensions=["TASK_CHUNKING"]).name


# -- Google ----------------------------------------------------------------------------------------------


def test_the_cluster_is_one_by_rays_schema() -> None:
    ray = pytest.importorskip("ray")
    schema = json.loads(
        (Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8")
    )
    cluster = yaml.safe_load(read("gcp/cluster.yaml"))
    pytest.importorskip("jsonschema").validate(cluster, schema)
    types = cluster["available_node_types"]
    assert types[cluster["head_node_type"]]["resources"]["CPU"] == 0
    assert types["worker"]["resources"]["GPU"] == 1
    assert types["worker"]["min_workers"] == 0
    assert types["worker"]["node_config"]["scheduling"]["provisioningModel"] == "SPOT"
    assert cluster["idle_timeout_minutes"] <= 10
    assert "--env=RAY_AUTH_MODE=token" in cluster["docker"]["run_options"]


def test_the_batch_job_gives_each_task_its_share() -> None:
    job: dict[str, Any] = json.loads(read("gcp/batch.json"))
    (group,) = job["taskGroups"]
    (runnable,) = group["taskSpec"]["runnables"]
    shell, script = runnable["container"]["commands"]
    assert (runnable["container"]["entrypoint"], shell) == ("/bin/bash", "-c")
    variables = {"BATCH_TASK_INDEX": "15", "BATCH_TASK_COUNT": group["taskCount"]}
    assert {"PLAN", "STAGE"} <= group["taskSpec"]["environment"]["variables"].keys()
    assert "$((BATCH_TASK_INDEX + 1))/$BATCH_TASK_COUNT" in script
    assert shlex.split(script.replace("$((BATCH_TASK_INDEX + 1))", "16"))[-1] == "16/$BATCH_TASK_COUNT"
    assert variables["BATCH_TASK_COUNT"] == "16"


# -- Slurm -----------------------------------------------------------------------------------------------


@pytest.mark.subprocess
@pytest.mark.slow
def test_an_array_of_slurm_does_all_parts(rich: Path, faces: Path, stand_in: Path, tmp_path: Path) -> None:
    script = DEPLOY / "slurm" / "work.sbatch"
    places = {"source": str(rich), "model": str(stand_in), "faceset": str(faces)}
    writing = {**WRITING, "checkpoint_frames": 14}
    command = ConvertCommand.read({**writing, **places, "output": str(tmp_path / "out.mov")})
    plan("convert", command, tmp_path / "plan", 1)
    fit(tmp_path / "plan")
    count = len(PlanFolder(tmp_path / "plan").read().parts["convert"])
    assert count == 3
    program = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    array = {"SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_MAX": "5", "SLURM_CPUS_PER_TASK": "1"}
    for task in ("4", "5"):
        environment = {**os.environ, **array, "PATH": program, "SLURM_ARRAY_TASK_ID": task}
        subprocess.run(["bash", script, tmp_path / "plan", "convert"], check=True, env=environment)
    assert PlanFolder(tmp_path / "plan").missing("convert", count) == []
    assert join(tmp_path / "plan", "convert").frames == 40
    alone = subprocess.run(["bash", script, "plan", "convert"], capture_output=True, text=True, check=False)
    assert alone.returncode != 0
    assert "sbatch --array" in alone.stderr
