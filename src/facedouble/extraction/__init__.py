"""Extraction: a clip or a folder of images becomes a faceset."""
