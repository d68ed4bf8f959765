"""Measuring results."""
