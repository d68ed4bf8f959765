"""Conversion: from decoded faces to finished frames."""
