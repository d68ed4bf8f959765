"""Cutting the crop of one face anew, after a person has set its landmarks or its alignment."""

from __future__ import annotations

from facedouble.extraction.cropping import NEVER_CROPPED, render_crop, target_folder
from facedouble.faceset.database import output_errors
from facedouble.faceset.layout import crop_name
from facedouble.faceset.record import encode_record
from facedouble.faceset.store import Faceset
from facedouble.settings.extract import read_recorded
from facedouble.types import Face
from facedouble.video.frame import Frame
from facedouble.video.images import write_png


def recut(faceset: Faceset, face: Face, frame: Frame, place: str | None) -> Face:
    """Write the crop of ``face`` anew from its ``frame``, and commit; returns the face with what the crop
    says of it. ``place`` is where its crop was (:attr:`.Face.crop`), ``None`` if it had none.

    A face that extraction cuts no crop of stays without one.
    """
    if face.status in NEVER_CROPPED:
        return face
    source = faceset.source
    image, cut = render_crop(frame, face, read_recorded(source.settings))
    where = place or f"{target_folder(cut)}/{crop_name(*face.key)}"
    with output_errors(faceset.path):
        (faceset.path / where).parent.mkdir(exist_ok=True)
        write_png(faceset.path / where, image, encode_record(cut, faceset.frame(face.frame_index), source))
        faceset.put_crop_facts([cut])
        faceset.commit()
    return cut.with_(crop=where)
