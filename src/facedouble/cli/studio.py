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
        int | None, typer.Option(metavar="NUMBER", help="port, 0 for any", min=0, max=65535)
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="address or name at which other machines reach this one; needs the next three",
        ),
    ] = "127.0.0.1",
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="certificate for that address (PEM)", parser=some_path)
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="private key of the certificate (PEM)", parser=some_path),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="file with the password for other machines", parser=some_path),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open a browser")] = True,
) -> None:
    """Work on a project in a browser on this machine.

    It prints the address, which opens the studio once. It is served until Ctrl-C, to this machine alone
    unless another address is given. Jobs go on without it.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise InputError("the studio is not installed: pip install 'facedouble[studio]'") from error
    from facedouble.project.file import find_project
    from facedouble.project.model import FILE
    from facedouble.studio.access import running_studio
    from facedouble.studio.remote import Remote, is_own
    from facedouble.studio.server import StudioServer

    folder = folder.resolve()
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if any((above / FILE).exists() for above in (folder, *folder.parents)):
        folder = find_project(folder)
    for one in allow or ():
        if not one.is_dir():
            raise SettingsError(f"{one}: there is no such folder to allow")
    remote = None if is_own(host) else Remote.read(host, certificate, key, password_file)
    if remote is None and (certificate or key or password_file):
        raise SettingsError("certificate, key and password file are for other machines; give --host as well")
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

    server = StudioServer(folder, [folder, *homes], port, started, remote)
    server.serve_studio()
