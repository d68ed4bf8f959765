"""``python -m facedouble``."""

from facedouble.cli.main import run

run()
