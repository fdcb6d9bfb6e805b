"""Curves from files that other tools, or we ourselves, have exported; nothing was trained for them.

A file is read as bytes with a name; nothing in it is ever executed or unpickled.
"""

from proxprop.imported.curves import Curve, ExportError, ImportedRun
from proxprop.imported.meaning import Reading, guess, reading
from proxprop.imported.read import MAX_MEGABYTES, read_export

__all__ = [
    "MAX_MEGABYTES",
    "Curve",
    "ExportError",
    "ImportedRun",
    "Reading",
    "guess",
    "read_export",
    "reading",
]
