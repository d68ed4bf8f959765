"""Geometry of edits by hand: groups of points, their moves, painted masks, carrying both along a track."""
