"""How runs stand, live; the page reruns once when a run starts, pauses or ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.live.component import mount
from app.services import get_store

ROW_HEIGHT = 62


SHOWN = ("status", "outcome", "words", "stale")
DELETED = {"status": "deleted", "outcome": None, "words": "", "stale": False}


def live_status(
    run_ids: str | Sequence[str],
    *,
    key: str,
    labels: Sequence[str] | None = None,
    series: str = "0/steps/loss",
    lecture: bool = False,
) -> dict[str, dict[str, Any]]:
    """Show status, progress with time left, step, epoch, seconds and the current loss.

    The page reruns once whenever the status, the outcome or the sign of life of a run changes, so
    that buttons follow.

    Args:
        run_ids: One run or several.
        key: Identity on the page.
        labels: Names shown before each row; none for a single run.
        series: What "loss" reads.
        lecture: Larger type.

    Returns:
        Run id → `status`, `outcome`, `words`, `stale` as they stand at this rerun.
    """
    ids = [run_ids] if isinstance(run_ids, str) else list(run_ids)
    known = get_store().get(ids)
    states = {
        run_id: {name: getattr(known[run_id], name) for name in SHOWN}
        if run_id in known
        else dict(DELETED)
        for run_id in ids
    }
    data = {"runs": ids, "labels": list(labels or []), "states": states}
    height = (ROW_HEIGHT + (18 if lecture else 0)) * max(1, len(ids))
    look = {"series": series, "lecture": lecture}
    mount("status", {**data, **look}, key=key, height=height, on_changed_change=lambda: None)
    return states
