"""How a process that trains waits for its own threads."""

from __future__ import annotations

from collections.abc import MutableMapping


def wait_politely(environment: MutableMapping[str, str]) -> None:
    """Make OpenMP's threads sleep at a barrier rather than spin; a value already set stays.

    Must happen before torch is loaded. Spinning threads take turns on a busy machine: with as many
    other busy processes as cores, small steps were measured to take over fifty times as long;
    asleep they lose nothing measurable on an idle one.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
