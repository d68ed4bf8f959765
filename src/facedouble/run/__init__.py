"""Runs: what an operation reports while it works, how it is cancelled, and what it locks."""
