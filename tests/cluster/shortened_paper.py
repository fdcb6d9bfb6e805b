"""`proxprop paper` with the laptop's plan shortened to seconds: every part, small networks."""

from __future__ import annotations

from typing import Any

import pytest

from proxprop.cli import app
from proxprop.paper import plan

SMALL = {"name": "mlp", "widths": (24, 16)}


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Leave contenders and parts as they are, take networks and numbers of steps down."""
    field = plan._field

    def with_small_network(scale: Any, place: str, data: Any, model: Any, *rest: Any) -> Any:
        return field(scale, place, data, SMALL, *rest)

    patch.setattr(plan, "_field", with_small_network)
    patch.setattr(plan, "STUDIED_BATCHES", (125, 500))
    patch.setitem(plan._SWEPT, "laptop", {"model": SMALL, "steps": 4, "seeds": 1})
    patch.setitem(plan._SEARCHES, "laptop", {"trials": 2, "epochs": 1, "seeds": 1})


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        app(prog_name="proxprop")
