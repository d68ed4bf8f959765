"""Facesets of other programs: read safely, and written so that they open them."""
