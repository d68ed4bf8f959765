"""Facesets: the faces of one clip on disk, and the extraction that makes them."""

from facedouble.faceset.store import Faceset

__all__ = ["Faceset"]
