"""Windows on one run, driven at random: the marks are what was changed, in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.drills.windows import drive
from tests.asynchronous import run


@pytest.mark.slow
@pytest.mark.browser
def test_three_windows_send_what_was_changed_and_nothing_else(tmp_path: Path) -> None:
    words = run(asyncio.to_thread(drive, tmp_path, seconds=60, seed=1, windows=3))
    assert "0 tracebacks" in words
