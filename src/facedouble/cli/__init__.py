"""The command line: one thin file per command over the functions of the Python API."""
