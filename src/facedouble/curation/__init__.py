"""Curation: looking through a faceset, putting it in order, throwing out what is wrong."""
