"""Facesets: the faces of one clip on disk."""

from facedouble.faceset.store import Faceset

__all__ = ["Faceset"]
