"""Which layers' step had grown when a run diverged, in one sentence true to the records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Record = Mapping[str, float]  # a point of the table "layers", with its step


def growth_sentence(
    records: Sequence[Record], layers: Sequence[str], implicit: Sequence[str], every: int
) -> str:
    """Return whose step was the largest in the end, and how it had grown.

    A step's size is ‖ΔΘ‖ / ‖Θ‖ of its layer. The last record is compared with the last that is
    `every` steps before it, or else with the first.

    Args:
        records: Points of the table "layers", oldest first; those with an update that is no number
            say nothing.
        layers: Names of all layers, first to last.
        implicit: Which of them take implicit steps.
        every: Steps between two regular records.

    Returns:
        A sentence; empty where no two steps with an update of every layer were measured.
    """
    known = [r for r in records if all(_positive(r.get(f"update/{name}")) for name in layers)]
    if len(known) < 2 or not layers:
        return ""
    last = known[-1]
    calm = [record for record in known if record["step"] <= last["step"] - every]
    first = (calm or known[:1])[-1]
    kinds = {name: "implicit" if name in implicit else "explicit" for name in layers}
    ends = {name: last[f"update/{name}"] for name in layers}
    most = max(layers, key=ends.__getitem__)
    begun = {name: first[f"update/{name}"] for name in layers}
    grew = "had grown largest" if ends[most] > begun[most] else "was the largest"
    place = " last" if most == layers[-1] else ""
    words = (
        f"The step of the {kinds[most]}{place} layer {most} {grew}: {_share(begun[most])} of its "
        f"weights at step {first['step']:.0f}, {_share(ends[most])} at step {last['step']:.0f}"
    )
    others = [name for name in layers if kinds[name] != kinds[most]]
    if others:
        other = max(others, key=ends.__getitem__)
        words += f"; that of the {kinds[other]} ones was at most {_share(ends[other])} ({other})"
    return f"{words}."


def _positive(value: float | None) -> bool:
    return value is not None and 0 < value < math.inf


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"
