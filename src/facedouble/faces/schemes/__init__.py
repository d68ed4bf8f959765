"""Landmark schemes: what each landmark of a set is. No other package knows a landmark by its number."""
