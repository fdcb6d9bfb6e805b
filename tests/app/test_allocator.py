"""Threads that come and go share the C library's memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CROWD = """
import ctypes, sys, threading
if sys.argv[2] == "shared":
    from app.allocator import share_arenas
    share_arenas()
together = threading.Barrier(12)
def draw():
    kept = bytes(5000)
    together.wait()
threads = [threading.Thread(target=draw) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
file = library.fopen(sys.argv[1].encode(), b"w")
library.malloc_info(0, ctypes.c_void_p(file))
library.fclose(ctypes.c_void_p(file))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's arenas")
def test_many_threads_have_few_arenas(tmp_path: Path) -> None:
    def arenas(how: str) -> int:
        place = tmp_path / how
        command = [sys.executable, "-c", CROWD, str(place), how]
        subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
        return place.read_text().count("<heap nr=")

    assert arenas("shared") <= 2 < arenas("each its own")
