"""What the server asks of its C library: few arenas for all threads, and freed memory back."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
ARENAS = 2
_ANOTHER = (AttributeError, OSError, TypeError)  # C library than glibc, with ways of its own


def share_arenas() -> None:
    """Let all threads draw from few arenas; call it before there are many threads.

    glibc gives threads up to eight arenas a core. Each page is drawn in a thread of its own, which
    leaves holes in whichever arena it met: after fifty minutes of thirty viewers 16 arenas held
    156 MB beside a heap of 39, and 70 of all that were in use (`benchmarks.drills.soak`).
    """
    with suppress(*_ANOTHER):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return freed memory to the system."""
    with suppress(*_ANOTHER):
        ctypes.CDLL(None).malloc_trim(0)
