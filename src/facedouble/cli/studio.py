"""``facedouble studio``."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from facedouble.cli.paths import some_path
from facedouble.errors import InputError, SettingsError


def studio(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[PROJECT]",
            help="folder of the project; it may be made in the browser",
            parser=some_path,
        ),
    ] = Path(),
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="where clips may be chosen from, repeatable; if not given, your home folder and the "
            "project's",
            parser=some_path,
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="port on 127.0.0.1, 0 for any", min=0, max=65535)
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open a browser")] = True,
) -> None:
    """Work on a project in a browser on this machine.

    It prints the address, which opens the studio once. It is served to this machine alone, until Ctrl-C. Jobs
    go on without it.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError("the studio is not installed: pip install 'facedouble[studio]'") from error
    from facedouble.project.file import find_project
    from facedouble.project.model import FILE
    from facedouble.studio.access import running_studio
    from facedouble.studio.server import StudioServer

    folder = folder.resolve()
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if any((above / FILE).exists() for above in (folder, *folder.parents)):
        folder = find_project(folder)
    for one in allow or ():
        if not one.is_dir():
            raise SettingsError(f"{one}: there is no such folder to allow")
    link = running_studio(folder)
    if link is not None:
        print(f"this project's studio is running already: {link}")
        return
    homes = allow if allow is not None else [Path.home()]

    def started() -> None:
        print(f"studio: {server.key.link}", flush=True)
        print("Ctrl-C ends it; jobs go on", flush=True)
        if browser:
            webbrowser.open(server.key.page().as_uri())

    server = StudioServer(folder, [folder, *homes], port, started)
    server.serve_studio()
