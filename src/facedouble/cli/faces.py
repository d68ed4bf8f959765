"""``facedouble faces``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facedouble.cli.options import with_settings
from facedouble.cli.progress import progress
from facedouble.config import FacesSettings
from facedouble.errors import SettingsError

if TYPE_CHECKING:
    from facedouble.curation.curate import Moved
    from facedouble.faceset.store import Faceset

REVIEW = "review.jpg"
_REVIEWED, _SHOWN, _NAMED = 20, 100, 10


@with_settings
def faces(
    *,
    faceset: Annotated[Path, typer.Argument(metavar="FACESET", help="folder that extract made")],
    settings: FacesSettings,
) -> None:
    """Look through a faceset: what is in it, what looks wrong, what it lacks.

    No crop is ever deleted, and a sorted faceset is the same faceset: a crop is known by the end of
    its name.
    """
    check(settings)
    if settings.rebuild:
        _rebuild(faceset, settings.source)
        return
    from facedouble.faceset.store import Faceset

    with Faceset.open(faceset) as opened:
        if not opened.complete:
            print("its extraction did not finish; go on with it: extract -s")
        _curate(opened, settings)


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


def _curate(faceset: Faceset, settings: FacesSettings) -> None:
    """What is asked for, in this order: moved, sorted, looked at."""
    from facedouble.curation import curate, order, sheets
    from facedouble.curation.overview import describe, overview
    from facedouble.curation.pictures import check_picture_name, write_picture
    from facedouble.faceset.store import Faceset

    if settings == FacesSettings():
        found = overview(faceset.frames(), faceset.every_face(), faceset.source.time_base)
        print("\n".join(describe(found)))
        return
    # What can be wrong is looked at before anything is moved.
    for path in (settings.contact_sheet, settings.coverage):
        if path is not None:
            check_picture_name(path)
    if settings.sort:
        order.check_key(settings.sort)
    if settings.against is not None:
        Faceset.open(settings.against).close()
    if settings.remove:
        _print_moved(curate.remove(faceset, settings.remove))
    if settings.restore:
        _print_moved(curate.restore(faceset, settings.restore))
    if settings.sort:
        done = order.sort_crops(faceset, settings.sort)
        print(f"{done.renamed} crops renamed, in order of {settings.sort}")
        for name in done.left:
            print(f"left as it is, because the name it should get is taken: {name}")
    if settings.review:
        _review(faceset, settings.most or _REVIEWED)
    if settings.contact_sheet is not None:
        write_picture(settings.contact_sheet, sheets.faces_sheet(faceset, settings.most or _SHOWN))
        print(f"written: {settings.contact_sheet}")
    if settings.coverage is not None:
        _coverage(faceset, settings.coverage, settings.against)


def _print_moved(moved: Moved) -> None:
    origins = ", ".join(f"{count} from {folder}/" for folder, count in moved.by_folder.items())
    print(f"{moved.count} crops moved to {moved.target}/" + (f": {origins}" if origins else ""))


def _review(faceset: Faceset, most: int) -> None:
    from facedouble.curation import sheets
    from facedouble.curation.pictures import write_picture
    from facedouble.curation.places import frame_size_of
    from facedouble.curation.review import review
    from facedouble.curation.runs import runs

    used = faceset.faces()
    keys = {face.key for face in used}
    every = review(faceset.every_face(), frame_size_of(faceset))
    found = runs([suspicion for suspicion in every if suspicion.face.key in keys], used)
    if not found:
        print("nothing looks wrong")
        return
    for run in found[:most]:
        print(f"{run.name}  {run.worst.words}")
    if len(found) > most:
        print(f"and {len(found) - most} more (--most {len(found)})")
    picture = faceset.path / REVIEW
    write_picture(picture, sheets.review_sheet(faceset, found[:most]))
    print(f"written: {picture}; take out what is wrong with --remove")


def _coverage(faceset: Faceset, picture: Path, against: Path | None) -> None:
    from facedouble.curation.pictures import write_picture
    from facedouble.curation.sheets import coverage_sheet
    from facedouble.faceset.store import Faceset

    if against is None:
        image, sentences = coverage_sheet(faceset, None)
    else:
        with Faceset.open(against) as other:
            image, sentences = coverage_sheet(faceset, other)
    write_picture(picture, image)
    print("\n".join(sentences))
    print(f"written: {picture}")


def _rebuild(faceset: Path, source: Path | None) -> None:
    from facedouble.extraction.rebuild import rebuild

    with progress() as listener:
        result = rebuild(faceset, source, listener=listener)
    print(f"{result.faces} faces in {result.frames} frames are known again: {faceset}")
    print("faces that were not cut out yet, if extraction had not finished, are not")
    for name in result.without_label[:_NAMED]:
        print(f"left alone, it carries no label that can be used: {name}")
    if len(result.without_label) > _NAMED:
        print(f"and {len(result.without_label) - _NAMED} more crops like that")
