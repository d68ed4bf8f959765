"""Everything about a card in one go: ``python -m benchmarks.gpu --minutes M --out DIR``.

For a card that is there for minutes only. Tasks are done in the order of their importance (``tasks.py``),
each within a limit of time; ``DIR/results.json`` is written after each, so that what is done is kept whatever
happens. A task that fails is recorded with its trace, and the others follow. A second process watches: it
ends a task that hangs, and starts anew after a crash. The same command resumes a run that was cut off.

``docs/gpu.md`` says what is measured, and how to get everything onto a bare machine (``make gpu-bundle``).
With ``--device cpu --tiny`` it is a test of itself.
"""
