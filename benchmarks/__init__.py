"""Benchmarks: ``make bench`` runs all of them, ``python -m benchmarks.NAME`` one by itself.

Each is a module with

- ``measure() -> list[Table]``: measures and returns tables (``benchmarks/table.py``). Nothing is
  printed, every file goes into a temporary folder, progress goes to stderr if anywhere. It needs no
  arguments and no editing on another machine: clips are ``facedouble.assets.demo_clips()``, what is
  not there (a GPU, an encoder) has no row or an em dash, never an error. Arguments with defaults are
  welcome (``measure(clips=...)``).
- ``main()``: parses its own options, if any, and prints the tables: ``print_tables(measure(...))``,
  under ``if __name__ == "__main__":``.
- a docstring that says what is measured and what the baseline is.

It is registered in ``benchmarks/run.py``. ``python -m benchmarks.run [NAME ...]`` runs each in a process
of its own and keeps what it returns in ``results/MACHINE.json`` with machine, versions, date and command.
``benchmarks/documents.py`` writes every table into the document that has a place for it, between
``<!-- table NAME -->`` and ``<!-- end -->``: a new table needs these two lines, once. What a table says
beside its numbers is prose of the document.
"""
