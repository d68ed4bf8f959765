"""``facedouble init``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.paths import some_path


def init(
    *,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[FOLDER]", help="folder of the project, made if need be; name it first", parser=some_path
        ),
    ] = Path(),
    a: Annotated[
        list[Path],
        typer.Option(
            "-A", metavar="CLIP", help="clips of A, who is seen: -A one.mp4 two.mp4", parser=some_path
        ),
    ],
    b: Annotated[
        list[Path],
        typer.Option("-B", metavar="CLIP", help="clips of B, whose face is wanted", parser=some_path),
    ],
    name_a: Annotated[str, typer.Option(metavar="NAME", help="what A is called in the project")] = "a",
    name_b: Annotated[str, typer.Option(metavar="NAME", help="what B is called in the project")] = "b",
    consent_a: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="release that A has signed; its hash is recorded", parser=some_path
        ),
    ] = None,
    consent_b: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="release that B has signed; its hash is recorded", parser=some_path
        ),
    ] = None,
) -> None:
    """Make a project: a folder with a project.yaml that names people, clips and results.

    Every clip of A is to get the face of B. The clips stay where they are.
    """
    from facedouble.project.make import MINUTES, NewPerson, make_project
    from facedouble.project.model import FILE
    from facedouble.project.steps import project_steps

    project = make_project(folder, NewPerson(name_a, a, consent_a), NewPerson(name_b, b, consent_b))
    count = len(project.results)
    print(f"written: {folder / FILE}")
    print(f"{name_b}'s face goes into {count} {'clip' if count == 1 else 'clips'} of {name_a}")
    for name, person in project.people.items():
        if person.consent is None:
            print(f"no consent of {name} is recorded; add people.{name}.consent once it is signed")
    print(f"training will take {MINUTES} minutes; for more or less, change settings.train.limits in {FILE}")
    steps = len(project_steps(project))
    where = "" if folder.resolve() == Path.cwd() else f" {folder}"
    print(f"\nnext: facedouble run{where}    (all {steps} steps; --dry-run shows them)")


def spread(arguments: Sequence[str]) -> list[str]:
    """``init FOLDER -A one.mp4 two.mp4`` as Typer has it: the option again before each of its values."""
    if not arguments or arguments[0] != "init":
        return list(arguments)
    result: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in ("-A", "-B") else ""
        elif option and result[-1] != option:
            result.append(option)
        result.append(argument)
    return result
