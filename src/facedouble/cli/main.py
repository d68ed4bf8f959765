"""The program ``facedouble``: its commands, and how it ends when something is wrong."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from facedouble._version import __version__
from facedouble.cli import (
    convert,
    demo,
    doctor,
    evaluate,
    extract,
    faces,
    frames,
    init,
    run_project,
    status,
    train,
    verify,
    video,
)
from facedouble.errors import FacedoubleError

FAILED = 1
UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
STOPPED = 130  # 128 + SIGINT, as shells have it
RANGES = "--frame-ranges"

_RANGE = re.compile(r"\d+(-\d*)?(,\d+(-\d*)?)*")

app = typer.Typer(
    name="facedouble",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(extract.extract)
app.command()(faces.faces)
app.command()(train.train)
app.command()(convert.convert)
app.command()(evaluate.evaluate)
app.command()(frames.frames)
app.command()(video.video)
app.command()(verify.verify)
app.command()(init.init)
app.command()(status.status)
app.command()(run_project.run)
app.command()(demo.demo)
app.command()(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facedouble {__version__}")
        raise typer.Exit


@app.callback()
def facedouble(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="print the version")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="show where an error came from (may stand anywhere)")
    ] = False,
) -> None:
    """Put a consenting performer's face on a stand-in's in video.

    The usual way: extract the faces of both people, train a model on them, convert the clip. See it
    all at work with: facedouble demo
    """
    # --debug is taken out by main(), which needs it where no command is running any more.


def main(arguments: Sequence[str]) -> int:
    """Run the program with these arguments and return its exit code.

    0 done, 1 an error that the user can act on, 2 wrong arguments, 3 written but with frames that failed
    (``convert --keep-going``), 70 a fault of the program, 130 stopped by Ctrl-C.
    """
    debug, rest = _take_debug(arguments)
    rest = init.spread(_spread(rest))
    try:
        code = app(rest or ["--help"], prog_name="facedouble", standalone_mode=False)
    except KeyboardInterrupt:
        code = STOPPED
    except typer.Abort:
        code = STOPPED
    except TyperException as error:
        return _wrong_arguments(error)
    except FacedoubleError as error:
        _explain(str(error), debug)
        return FAILED
    except Exception as error:  # noqa: BLE001  (the last stop: it is told, and the exit code says so)
        hint = "" if debug else " (run again with --debug to see where)"
        _explain(f"{type(error).__name__}: {error}{hint}", debug)
        return UNEXPECTED
    if code == STOPPED:  # Typer turns Ctrl-C into this code by itself
        print("stopped", file=sys.stderr)
    return code if isinstance(code, int) else 0


def run() -> None:
    """Entry point of the installed program."""
    sys.exit(main(sys.argv[1:]))


def _take_debug(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether ``--debug`` was asked for anywhere before ``--``, and the other arguments.

    People add it at the end of the line that failed, where Typer would not look for it.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    return len(options) < end, [*options, *arguments[end:]]


def _spread(arguments: Sequence[str]) -> list[str]:
    """``--frame-ranges 10-50 90-100`` as Typer has it: the option again before each of its values."""
    result: list[str] = []
    inside = False
    for argument in arguments:
        further = inside and _RANGE.fullmatch(argument) is not None and result[-1] != RANGES
        result.extend([RANGES, argument] if further else [argument])
        inside = argument == RANGES or (inside and _RANGE.fullmatch(argument) is not None)
    return result


def _wrong_arguments(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "facedouble"
    _explain(f"{error.format_message()} (see: {path} --help)", debug=False)
    return error.exit_code


def _explain(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print("error:", " ".join(text.split()), file=sys.stderr)
