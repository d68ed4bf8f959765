"""``facedouble faces``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facedouble.cli.options import with_settings
from facedouble.cli.running import EventsOption, running
from facedouble.settings.curate import Curate, FacesCommand, Rebuild, Remove, Restore

if TYPE_CHECKING:
    from facedouble.curation.selection import MoveResult
    from facedouble.faceset.store import Faceset

REVIEW = "review.jpg"
_REVIEWED, _SHOWN, _NAMED = 20, 100, 10


@with_settings
def faces(command: FacesCommand, events: EventsOption = None) -> None:
    """Look through a faceset: what is in it, what looks wrong, what it lacks.

    No crop is ever deleted, and a sorted faceset is the same faceset: a crop is known by the end of
    its name.
    """
    task = command.task
    if isinstance(task, Rebuild):
        _rebuild(command.faceset, task.source, events)
        return
    from facedouble.faceset.store import Faceset

    with Faceset.open(command.faceset) as opened:
        if not opened.complete:
            print("its extraction did not finish; the same extract command resumes it")
        _curate(opened, task, events)


def _curate(faceset: Faceset, settings: Curate, events: Path | None) -> None:
    """What is asked for, in this order: moved, sorted, looked at."""
    from facedouble.curation import contact_sheets, selection, sorting
    from facedouble.curation.drawing import validate_picture_path, write_picture
    from facedouble.curation.summary import source_line, summarise, summary_lines
    from facedouble.faceset.store import Faceset

    if settings == Curate():
        found = summarise(faceset.frames(), faceset.all_faces(), faceset.source.time_base)
        print("\n".join([source_line(faceset.source), *summary_lines(found)]))
        return
    # What can be wrong is looked at before anything is moved.
    coverage = settings.coverage
    for path in (settings.contact_sheet, coverage.picture if coverage else None):
        if path is not None:
            validate_picture_path(path)
    if coverage is not None and coverage.against is not None:
        Faceset.open(coverage.against).close()
    match settings.move:
        case Remove(remove=names):
            with running(events, stages=False) as run:
                _print_moved(selection.remove(faceset, names, run=run))
        case Restore(restore=names):
            with running(events, stages=False) as run:
                _print_moved(selection.restore(faceset, names, run=run))
    if settings.sort:
        with running(events, stages=False) as run:
            done = sorting.sort_crops(faceset, settings.sort, run=run)
        print(f"{done.renamed} crops renamed, in order of {settings.sort}")
        for name in done.skipped:
            print(f"skipped, because the name it should get is taken: {name}")
    if settings.review:
        _review(faceset, settings.limit or _REVIEWED)
    if settings.contact_sheet is not None:
        write_picture(settings.contact_sheet, contact_sheets.faces_sheet(faceset, settings.limit or _SHOWN))
        print(f"written: {settings.contact_sheet}")
    if coverage is not None:
        _coverage(faceset, coverage.picture, coverage.against)


def _print_moved(moved: MoveResult) -> None:
    origins = ", ".join(f"{count} from {folder}/" for folder, count in moved.by_folder.items())
    print(f"{moved.count} crops moved to {moved.target}/" + (f": {origins}" if origins else ""))


def _review(faceset: Faceset, limit: int) -> None:
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
    for run in found[:limit]:
        print(f"{run.name}  {run.worst.text}")
    if len(found) > limit:
        print(f"and {len(found) - limit} more (--limit {len(found)})")
    picture = faceset.path / REVIEW
    write_picture(picture, contact_sheets.review_sheet(faceset, found[:limit]))
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
