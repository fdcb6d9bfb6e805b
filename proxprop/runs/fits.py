"""What this machine cannot carry out is refused before it starts: memory, or a package, missing."""

from __future__ import annotations

import os
from pathlib import Path

from proxprop.runs.errors import RunError
from proxprop.runs.trackers import check_tracker
from proxprop.spec.config import AnyConfig, SweepConfig
from proxprop.spec.memory import least_memory

VARIABLE = "PROXPROP_MEMORY"  # gigabytes that a run may take; 0 lets everything start
_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_fits(config: AnyConfig) -> None:
    """Refuse a config that needs more memory than there is, or a tracker that is not installed.

    Raises:
        RunError: With both amounts and how to insist, or how to install it.
    """
    if not isinstance(config, SweepConfig):
        check_tracker(config.log)
    try:
        needed = least_memory(config)
    except ValueError:  # a network that does not fit its data, which is told where it is built
        return
    allowed = allowed_memory()
    if needed is not None and allowed and needed > allowed:
        raise RunError(
            f"This needs at least {_gigabytes(needed)} of memory, and this machine has "
            f"{_gigabytes(allowed)}: choose fewer or narrower layers, or a smaller batch. To start "
            f"it all the same, set {VARIABLE}=0 where ProxProp is started."
        )


def allowed_memory() -> float:
    """Return the bytes that a run may take; 0 for any number."""
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        try:
            return float(given) * 1e9
        except ValueError:
            raise RunError(f"{VARIABLE} must be a number of gigabytes, got {given!r}") from None
    return machine_memory()


def machine_memory() -> float:
    """Return the bytes of memory of this machine or container; 0 where they are unknown."""
    try:
        most = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return 0.0
    for group in _GROUPS:
        try:
            most = min(most, float(Path(group).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return most


def _gigabytes(amount: float) -> str:
    return f"{amount / 1e9:,.1f} GB" if amount < 1e10 else f"{amount / 1e9:,.0f} GB"
