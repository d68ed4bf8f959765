"""Settings: one typed tree for each operation, from which everything else is derived.

A class here is what the Python API takes, what the command line, ``--config`` files and web forms are
made of, and what a model or a faceset records. Settings are passed in, never read from globals.
"""
