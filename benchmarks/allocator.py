"""What the C library does with freed memory: a lottery that a ratio should not take part in.

Torch's CPU allocator is ``malloc``. glibc's gives large blocks back to the system when they are
freed and takes them anew, page by page, at their next use. Whether it does so for a given
activation depends on everything that was allocated before. On the paper's ConvNet between none and
56 of 100 ms of a *plain* step were spent on that, by the order in which contenders took turns.
"""

from __future__ import annotations

import ctypes

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> str:
    """Let the process keep what it frees, if its C library can; return what holds from now on."""
    try:
        library = ctypes.CDLL(None)
        kept = library.mallopt(_M_MMAP_MAX, 0) and library.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    except (AttributeError, OSError, TypeError):
        kept = False
    return "kept by the process" if kept else "up to the C library"
