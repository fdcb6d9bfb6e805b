"""Where proxprop keeps its files: one data directory, `PROXPROP_HOME` or `~/.proxprop`."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the data directory; the environment variable `PROXPROP_HOME` overrides the default."""
    chosen = os.environ.get("PROXPROP_HOME", "").strip()
    return Path(chosen).expanduser().resolve() if chosen else Path.home() / ".proxprop"


def database(root: Path | None = None) -> Path:
    """Return the run store's file."""
    return (root or home()) / "proxprop.db"


def checkpoints(run_id: str, root: Path | None = None) -> Path:
    """Return the folder of one run's checkpoints and final weights."""
    return (root or home()) / "checkpoints" / run_id


def log(name: str, root: Path | None = None) -> Path:
    """Return the log file of a run (or of the workers that wait for one, "worker")."""
    return (root or home()) / "logs" / f"{name}.log"
