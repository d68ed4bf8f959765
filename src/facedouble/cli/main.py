"""The program ``facedouble``: its commands, and how it ends when something is wrong."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from facedouble._version import __version__
from facedouble.cli import init
from facedouble.cli.streams import prepare_streams
from facedouble.errors import FacedoubleError
from facedouble.printable import MAX_LINE, printable
from facedouble.run.cancel import Cancelled

FAILED = 1
UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
STOPPED = 130  # 128 + SIGINT, as shells have it
RANGES = "--frame-ranges"

_WITHOUT_TORCH = (
    "this needs PyTorch, which is not installed (pip install torch); without it facedouble extracts and "
    "reviews faces, imports, exports facesets, verifies, and converts with --runtime onnx"
)

_RANGE = re.compile(r"\d+(-\d*)?(,\d+(-\d*)?)*")

COMMANDS = {
    "extract": ("extract:extract", "Find the faces of a clip and cut them out into a faceset."),
    "import": ("import_faces:import_faces", "Make a faceset of faces that another program has found."),
    "export": ("export:export", "Write a faceset as another program reads it, or a model as ONNX."),
    "faces": ("faces:faces", "Look through a faceset: what looks wrong, what it lacks."),
    "train": ("train:train", "Train a model on the faces of two people, or resume it."),
    "convert": ("convert:convert", "Put the trained person's face into a clip."),
    "occlusion": ("occlusion:app", "Find what is in front of faces; teach it; look at it."),
    "evaluate": ("evaluate:evaluate", "Measure how good a swap is, and write a report."),
    "frames": ("frames:frames", "Write the frames of a clip as images."),
    "video": ("video:video", "Make a clip of a folder of images."),
    "verify": ("verify:verify", "Say how files were made, and whether they were changed."),
    "init": ("init:init", "Make a project of two people's clips."),
    "status": ("status:status", "Say what a project has and what comes next."),
    "run": ("run_project:run", "Do what is missing in a project."),
    "jobs": ("jobs:app", "List a project's jobs; add, stop, resume, move them."),
    "plan": ("plan:app", "Plan an extraction or conversion for several machines."),
    "work": ("plan:work", "Do parts of a plan."),
    "join": ("plan:join", "Put together the parts of a plan."),
    "distribute": ("plan:distribute", "Do all of a plan, on the machines there are."),
    "studio": ("studio:studio", "Work on a project in a browser."),
    "demo": ("demo:demo", "From two people's clips to a swapped clip, in one go."),
    "schema": ("schema:schema", "Print the JSON Schema of a command's settings."),
    "doctor": ("doctor:doctor", "Say what this machine has and what is missing."),
}
"""Each command's function, below this package, and what it does. A module is imported when its command runs,
so that no command waits for the settings of the others."""


class _UnknownCommand(TyperException):
    exit_code = 2


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            found = getattr(import_module(f"facedouble.cli.{module}"), name)
            if not isinstance(found, typer.Typer):
                function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
                found.command(name=cmd_name)(function)
            found.pretty_exceptions_enable = False
            found.info.context_settings = {"help_option_names": ["-h", "--help"]}
            self.commands[cmd_name] = typer.main.get_command(found)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and (near := get_close_matches(args[0], COMMANDS)):
            raise _UnknownCommand(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="facedouble",
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    (``convert --keep-going``), 4 marked, but by a signer unknown here (``verify``), 70 a fault of the
    program, 130 stopped by Ctrl-C (128 plus the signal's number where another signal did it).
    """
    debug, rest = _take_debug(arguments)
    rest = init.spread(_spread(rest))
    try:
        code = app(rest or ["--help"], prog_name="facedouble", standalone_mode=False)
    except Cancelled as cancelled:
        code = STOPPED if cancelled.signal is None else 128 + cancelled.signal
        print("stopped; the same command resumes", file=sys.stderr)
        return code
    except KeyboardInterrupt:
        code = STOPPED
    except typer.Abort:
        code = STOPPED
    except TyperException as error:
        return _wrong_arguments(error, rest)
    except FacedoubleError as error:
        _explain(str(error), debug)
        return FAILED
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "torch":
            return _unexpected(error, debug)
        _explain(_WITHOUT_TORCH, debug)
        return FAILED
    except OSError as error:
        if not isinstance(error.filename, str):  # nothing that a user could act on
            return _unexpected(error, debug)
        _explain(f"{error.filename}: {error.strerror}", debug)
        return FAILED
    except Exception as error:  # noqa: BLE001  (the last stop: it is told, and the exit code says so)
        return _unexpected(error, debug)
    if code == STOPPED:  # Typer turns Ctrl-C into this code by itself
        print("stopped", file=sys.stderr)
    return code if isinstance(code, int) else 0


def run() -> None:
    """Entry point of the installed program."""
    prepare_streams()
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


def _wrong_arguments(error: TyperException, arguments: Sequence[str]) -> int:
    known = arguments and arguments[0] in COMMANDS
    path = f"facedouble {arguments[0]}" if known else "facedouble"
    _explain(f"{error.format_message()} (see: {path} --help)", debug=False)
    return error.exit_code


def _unexpected(error: Exception, debug: bool) -> int:
    hint = "" if debug else " (run again with --debug to see where)"
    _explain(f"{type(error).__name__}: {printable(error, MAX_LINE // 2)}{hint}", debug)
    return UNEXPECTED


def _explain(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print("error:", printable(" ".join(text.split()), MAX_LINE), file=sys.stderr)
