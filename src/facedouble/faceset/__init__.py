"""Facesets: the faces of one clip on disk."""
