"""``facedouble jobs``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.paths import some_path
from facedouble.cli.progress import clock
from facedouble.cli.status import table
from facedouble.errors import SettingsError

if TYPE_CHECKING:
    from facedouble.project.jobs import Job, Queue

Folder = Annotated[
    Path,
    typer.Option(
        "--project", "-p", metavar="FOLDER", help="folder of the project, or one inside it", parser=some_path
    ),
]
Numbers = Annotated[list[int], typer.Argument(metavar="JOB", help="its number; several if wanted")]

app = typer.Typer(rich_markup_mode=None, add_completion=False)
_chosen = Path()


@app.callback(invoke_without_command=True)
def jobs(context: typer.Context, project: Folder = Path()) -> None:
    """List the jobs of a project: commands that run in the background and outlive this terminal.

    facedouble run --queue makes jobs of what is missing; the commands below add others, stop and resume them.
    """
    global _chosen
    _chosen = project
    if context.invoked_subcommand is not None:
        return
    from facedouble.project.dispatch import up_to_date
    from facedouble.project.foreground import at_work

    with _opened(project) as (folder, queue):
        found = [up_to_date(folder, queue, job) for job in queue.all()]
        if not found:
            print("no jobs; to queue what is missing: facedouble run --queue")
        for line in describe(found):
            print(line)
        if any(job.state == "queued" for job in found) and at_work(folder) is None:
            print("nobody is working on the queue; to start it: facedouble jobs resume")


def describe(found: Sequence[Job]) -> Iterator[str]:
    """A line for each job, and below it the command that does the same."""
    rows = [(str(job.id), job.state.value, job.title, _about(job, found)) for job in found]
    for job, line in zip(found, table(rows), strict=True):
        yield line
        yield f"{'':{max(len(row[0]) for row in rows)}}  {job.line}"


@app.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "allow_interspersed_args": False,
    }
)
def add(context: typer.Context, project: Folder = Path()) -> None:
    """Queue a command, written as it would be without "jobs add": jobs add convert -i clip.mp4 ..."""
    from facedouble.project.dispatch import JOB_COMMANDS, submit
    from facedouble.project.jobs import NewJob

    arguments = context.args
    if not arguments or arguments[0] not in JOB_COMMANDS:
        raise SettingsError(f"write a command after jobs add: one of {', '.join(JOB_COMMANDS)}")
    if any(argument.partition("=")[0] == "--events" for argument in arguments):
        raise SettingsError("a job writes its events to a file of its own; leave --events out")
    arguments, config = _take_config(arguments)
    with _opened(project) as (folder, queue):
        here = Path.cwd()
        inside = str(here.relative_to(folder)) if here.is_relative_to(folder) else str(here)
        new = NewJob(arguments[0], tuple(arguments), inside, config=config, executor=_executor_name(folder))
        [job] = queue.add([new])
        submit(folder, [job])
        print(f"job {job.id} is queued: {job.line}")


def _take_config(arguments: list[str]) -> tuple[list[str], str]:
    """The arguments without ``--config FILE``, and what that file holds now, as it may change."""
    from facedouble.settings import files

    if "--config" not in arguments[:-1]:
        return arguments, ""
    place = arguments.index("--config")
    file = Path(arguments[place + 1])
    files.load(file)  # or it says what is wrong with it
    return [*arguments[:place], *arguments[place + 2 :]], file.read_text(encoding="utf-8")


@app.command()
def stop(numbers: Numbers, project: Folder = Path()) -> None:
    """Stop jobs in a way that they can be resumed, or take them out of the queue."""
    from facedouble.project.registry import EXECUTORS

    with _opened(project) as (folder, queue):
        for number in numbers:
            job = queue.get(number)
            EXECUTORS[job.executor](folder).stop(job)
            state = queue.get(number).state
            print(f"job {number} {'is being stopped' if state == 'running' else f'is {state}'}")


@app.command()
def resume(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[JOB]", help="its number; all that can be if none is named")
    ] = None,
    project: Folder = Path(),
) -> None:
    """Queue jobs again that were stopped, failed or got lost; they resume where they were."""
    from facedouble.project.dispatch import submit, up_to_date
    from facedouble.project.jobs import RESUMABLE, JobState

    with _opened(project) as (folder, queue):
        found = [up_to_date(folder, queue, job) for job in queue.all()]
        chosen = numbers or [job.id for job in found if job.state in RESUMABLE]
        for number in chosen:
            queue.resume(number)
            print(f"job {number} is queued")
        waiting = [job for job in queue.all() if job.state == JobState.QUEUED]
        if not waiting:
            print("nothing to resume")
        submit(folder, waiting)


@app.command()
def log(
    number: Annotated[int, typer.Argument(metavar="JOB", help="its number")],
    project: Folder = Path(),
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until the job ends")] = False,
) -> None:
    """Show what a job has printed."""
    from facedouble.project.dispatch import up_to_date
    from facedouble.project.jobs import ENDED

    with _opened(project) as (folder, queue):
        file = queue.get(number).file(folder, "log")
        position = 0
        while True:
            job = up_to_date(folder, queue, queue.get(number))
            if file.exists():
                with file.open("rb") as stream:
                    stream.seek(position)
                    text = stream.read()
                position += len(text)
                print(text.decode("utf-8", "replace"), end="", flush=True)
            if not follow or job.state in ENDED:
                return
            time.sleep(0.5)


@app.command()
def move(
    number: Annotated[int, typer.Argument(metavar="JOB", help="its number")],
    before: Annotated[int | None, typer.Option(metavar="JOB", help="put it before this one")] = None,
    last: Annotated[bool, typer.Option("--last", help="put it at the end")] = False,
    project: Folder = Path(),
) -> None:
    """Change the order of queued jobs; without an option to the front."""
    with _opened(project) as (_, queue):
        others = [job.id for job in queue.all() if job.id != number]
        queue.move(number, before=None if last or not others else before or others[0])
        for line in describe(queue.all()):
            print(line)


@app.command()
def clear(project: Folder = Path()) -> None:
    """Forget the jobs that have ended, with their logs."""
    from facedouble.project.dispatch import forget_ended

    with _opened(project) as (folder, queue):
        gone, kept = forget_ended(folder, queue)
        print(f"{len(gone)} jobs forgotten")
        for job in kept:
            print(f"job {job.id} is kept: another waits for it")


@contextmanager
def _opened(start: Path) -> Iterator[tuple[Path, Queue]]:
    from facedouble.project.database import open_database
    from facedouble.project.file import find_project
    from facedouble.project.jobs import Queue

    folder = find_project(_chosen if start == Path() else start)
    with closing(open_database(folder)) as database:
        yield folder, Queue(database)


def _executor_name(folder: Path) -> str:
    from facedouble.project.file import read_project
    from facedouble.project.registry import EXECUTORS

    name = read_project(folder).executor
    EXECUTORS.check(name)  # before a job is queued that nothing could run or stop
    return name


def _about(job: Job, jobs: Sequence[Job]) -> str:
    """What a person wants to know of a job, in a few words."""
    from facedouble.project.jobs import RESUMABLE

    if job.state == "queued":
        others = {other.id: other for other in jobs}
        waits = [others[n] for n in job.after if n in others and others[n].state != "done"]
        names = [f"{other.id}{f' ({other.state})' if other.state in RESUMABLE else ''}" for other in waits]
        return f"waits for {', '.join(names)}" if names else ""
    took = f"{clock((job.ended or time.time()) - job.started)}" if job.started else ""
    if job.state != "running":
        return ", ".join(part for part in (took, job.error) if part)
    parts = ["stopping" if job.stop_asked else "", *_progress(job), took and f"for {took}"]
    return ", ".join(part for part in parts if part)


def _progress(job: Job) -> Iterator[str]:
    found = job.progress
    if found is None:
        return
    total = f"/{found.total:,.6g}" if found.total is not None else ""
    yield f"{found.stage} {found.done:,.6g}{total} {found.unit}"
    if found.left is not None:
        left = found.left - (time.time() - found.at)
        yield f"{clock(max(0.0, left))} left of {found.stage}"
