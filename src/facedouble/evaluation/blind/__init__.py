"""Blind comparison: a page on which a person picks the better of two unlabelled clips, several times."""
