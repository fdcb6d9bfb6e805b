"""Numbers as JSON that any browser reads: it has neither NaN nor infinity."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def finite_or_none(value: float) -> float | None:
    """Return `value`, or None where it is NaN or infinite."""
    return value if math.isfinite(value) else None


def without_nan(value: Any) -> Any:
    """Return plain data with None in place of every NaN and infinity."""
    if isinstance(value, float):
        return finite_or_none(value)
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return value


def strict_json(value: Any) -> str:
    """Return plain data as JSON; null stands for NaN and infinity."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(without_nan(value), separators=(",", ":"), ensure_ascii=False)
