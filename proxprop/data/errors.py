"""What goes wrong with data, in words a person can act on."""

from __future__ import annotations


class DataError(ValueError):
    """Data cannot be used; the message says which, why, and what to do."""


class DataWarning(UserWarning):
    """Data were used, but something in them was decided or left out; the message says what."""
