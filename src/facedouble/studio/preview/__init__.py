"""Frames of a conversion as it would write them, while its settings are being chosen."""
