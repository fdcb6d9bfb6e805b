"""Optional packages: skipped with a reason where they are absent, demanded by `make extras`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def need(module: str, extra: str) -> Any:
    """Return an optional module, or skip; where extras are required, a missing one is an error."""
    if os.environ.get("PROXPROP_REQUIRE_EXTRAS"):
        return importlib.import_module(module)
    return pytest.importorskip(
        module, reason=f"needs the extra {extra!r}, which `make extras` installs"
    )
