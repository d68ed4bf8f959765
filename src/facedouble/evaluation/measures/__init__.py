"""The measures of a swap, by the question they answer.

Each docstring is the explanation that the report shows: what is computed, its unit, which direction is
better, where it comes from, and what is good. What is good was set by looking: at the demonstration's swap,
at the source compared with itself (re-encoded), and at results made worse on purpose; see
docs/evaluation.md.
"""
