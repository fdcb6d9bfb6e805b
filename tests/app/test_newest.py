"""What was read last of a run is kept, and nothing older."""

from __future__ import annotations

import gc
import weakref

from app.newest import newest


class Points:
    """What is large."""


def test_of_a_live_run_only_the_newest_is_kept() -> None:
    @newest(2)
    def read(run_id: str, step: int) -> Points:
        return Points()

    first = weakref.ref(read("live", 1))
    assert read("live", 1) is first()
    second = read("live", 2)
    gc.collect()
    assert first() is None
    assert read("live", 2) is second


def test_of_many_runs_those_looked_at_last_are_kept() -> None:
    asked = []

    @newest(2)
    def read(run_id: str) -> str:
        asked.append(run_id)
        return run_id

    for run_id in ("a", "b", "a", "c", "a", "b"):
        assert read(run_id) == run_id
    assert asked == ["a", "b", "c", "b"]
