"""``facedouble faces``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.dataclass_options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.config import FacesSettings
from facedouble.curation.registry import ORDERS
from facedouble.errors import SettingsError

if TYPE_CHECKING:
    from facedouble.curation.selection import MoveResult
    from facedouble.faceset.store import Faceset

REVIEW = "review.jpg"
_REVIEWED, _SHOWN, _NAMED = 20, 100, 10


@with_settings
def faces(
    *,
    faceset: Annotated[Path, typer.Argument(metavar="FACESET", help="folder that extract made")],
    settings: FacesSettings,
    events: EventsOption = None,
) -> None:
    """Look through a faceset: what is in it, what looks wrong, what it lacks.

    No crop is ever deleted, and a sorted faceset is the same faceset: a crop is known by the end of
    its name.
    """
    check(settings)
    if settings.rebuild:
        _rebuild(faceset, settings.source, events)
        return
    from facedouble.faceset.store import Faceset

    with Faceset.open(faceset) as opened:
        if not opened.complete:
            print("its extraction did not finish; the same extract command resumes it")
        _curate(opened, settings, events)


def check(settings: FacesSettings) -> None:
    """Raises ``SettingsError`` for options that exclude each other or need another one."""
    if settings.remove and settings.restore:
        raise SettingsError("--remove and --restore exclude each other; use one after the other")
    acting = ("sort", "remove", "restore", "review", "contact_sheet", "coverage")
    for name in acting:
        if settings.rebuild and getattr(settings, name):
            raise SettingsError(f"--rebuild and --{name.replace('_', '-')} exclude each other")
    if settings.against is not None and settings.coverage is None:
        raise SettingsError("--against needs --coverage")
    if settings.source is not None and not settings.rebuild:
        raise SettingsError("--source needs --rebuild")
    if settings.most is not None and not (settings.review or settings.contact_sheet):
        raise SettingsError("--most needs --review or --contact-sheet")


def _curate(faceset: Faceset, settings: FacesSettings, events: Path | None) -> None:
    """What is asked for, in this order: moved, sorted, looked at."""
    from facedouble.curation import contact_sheets, selection, sorting
    from facedouble.curation.drawing import validate_picture_path, write_picture
    from facedouble.curation.summary import source_line, summarise, summary_lines
    from facedouble.faceset.store import Faceset

    if settings == FacesSettings():
        found = summarise(faceset.frames(), faceset.all_faces(), faceset.source.time_base)
        print("\n".join([source_line(faceset.source), *summary_lines(found)]))
        return
    # What can be wrong is looked at before anything is moved.
    for path in (settings.contact_sheet, settings.coverage):
        if path is not None:
            validate_picture_path(path)
    if settings.sort:
        ORDERS.check(settings.sort)
    if settings.against is not None:
        Faceset.open(settings.against).close()
    if settings.remove:
        with running(events, stages=False) as run:
            moved = selection.remove(faceset, settings.remove, run=run)
        _print_moved(moved)
    if settings.restore:
        with running(events, stages=False) as run:
            moved = selection.restore(faceset, settings.restore, run=run)
        _print_moved(moved)
    if settings.sort:
        with running(events, stages=False) as run:
            done = sorting.sort_crops(faceset, settings.sort, run=run)
        print(f"{done.renamed} crops renamed, in order of {settings.sort}")
        for name in done.skipped:
            print(f"skipped, because the name it should get is taken: {name}")
    if settings.review:
        _review(faceset, settings.most or _REVIEWED)
    if settings.contact_sheet is not None:
        write_picture(settings.contact_sheet, contact_sheets.faces_sheet(faceset, settings.most or _SHOWN))
        print(f"written: {settings.contact_sheet}")
    if settings.coverage is not None:
        _coverage(faceset, settings.coverage, settings.against)


def _print_moved(moved: MoveResult) -> None:
    origins = ", ".join(f"{count} from {folder}/" for folder, count in moved.by_folder.items())
    print(f"{moved.count} crops moved to {moved.target}/" + (f": {origins}" if origins else ""))


def _review(faceset: Faceset, most: int) -> None:
    from facedouble.curation import contact_sheets
    from facedouble.curation.crop_order import frame_size_of
    from facedouble.curation.drawing import write_picture
    from facedouble.curation.review import review
    from facedouble.curation.suspect_spans import suspect_spans

    used = faceset.faces()
    keys = {face.key for face in used}
    every = review(faceset.all_faces(), frame_size_of(faceset))
    found = suspect_spans([suspect for suspect in every if suspect.face.key in keys], used)
    if not found:
        print("nothing looks wrong")
        return
    for run in found[:most]:
        print(f"{run.name}  {run.worst.text}")
    if len(found) > most:
        print(f"and {len(found) - most} more (--most {len(found)})")
    picture = faceset.path / REVIEW
    write_picture(picture, contact_sheets.review_sheet(faceset, found[:most]))
    print(f"written: {picture}; take out what is wrong with --remove")


def _coverage(faceset: Faceset, picture: Path, against: Path | None) -> None:
    from facedouble.curation.contact_sheets import coverage_sheet
    from facedouble.curation.drawing import write_picture
    from facedouble.faceset.store import Faceset

    if against is None:
        image, sentences = coverage_sheet(faceset, None)
    else:
        with Faceset.open(against) as other:
            image, sentences = coverage_sheet(faceset, other)
    write_picture(picture, image)
    print("\n".join(sentences))
    print(f"written: {picture}")


def _rebuild(faceset: Path, source: Path | None, events: Path | None) -> None:
    from facedouble.extraction.rebuild import rebuild

    with running(events) as run:
        result = rebuild(faceset, source, run=run)
    print(f"{result.faces} faces in {result.frames} frames are known again: {faceset}")
    print("faces that were not cut out yet, if extraction had not finished, are not")
    for name in result.without_record[:_NAMED]:
        print(f"left alone, it has no usable record: {name}")
    if len(result.without_record) > _NAMED:
        print(f"and {len(result.without_record) - _NAMED} more crops like that")
