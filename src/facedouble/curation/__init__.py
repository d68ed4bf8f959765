"""Curation: review a faceset, sort it, remove what is wrong."""
