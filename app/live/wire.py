"""The JSON of the live stream, written number by number: six digits are all a screen can show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from app.live.series import Delta, Floats
from proxprop.spec.plain import strict_json


def numbers(values: Floats, form: str = "%.6g") -> str:
    """Return a JSON list; null stands for NaN and infinity."""
    if not len(values):
        return "[]"
    plain = np.where(np.isfinite(values), values, np.nan).tolist()
    text = ",".join([form] * len(plain)) % tuple(plain)
    return f"[{text.replace('nan', 'null')}]"


def series_json(delta: Delta) -> str:
    """Return the JSON object of one series' change."""
    step = ",".join(["%d"] * len(delta.step)) % tuple(delta.step.tolist())
    return (
        f'{{"from":{delta.start},"step":[{step}],"epoch":{numbers(delta.epoch)},'
        f'"seconds":{numbers(delta.seconds, "%.7g")},"y":{numbers(delta.y)}}}'
    )


def run_json(head: Mapping[str, Any], series: Iterable[tuple[str, Delta]]) -> str:
    """Return the JSON object of one run: plain fields, then series."""
    parts = [f"{json.dumps(name)}:{strict_json(value)}" for name, value in head.items()]
    inner = ",".join(f"{json.dumps(key)}:{series_json(delta)}" for key, delta in series)
    if inner:
        parts.append(f'"series":{{{inner}}}')
    return f"{{{','.join(parts)}}}"


def event(data: str, event_id: str) -> bytes:
    """Return one server-sent `update` event."""
    return f"event: update\nid: {event_id}\ndata: {data}\n\n".encode()
