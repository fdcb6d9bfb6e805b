"""The browser's modules, and addresses under which they can be cached for good."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "web"


@cache
def digest() -> str:
    """Return the hash of all modules together: they import each other by relative names."""
    sha = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        sha.update(path.name.encode() + path.read_bytes())
    return sha.hexdigest()[:12]


def module_url(name: str) -> str:
    """Return the address of module `name` from a page; it changes whenever any module does."""
    return f"assets/{digest()}/{name}.js"


@cache
def plotly_path() -> Path:
    """Return the plotly.min.js that the installed plotly package carries."""
    return Path(str(files("plotly") / "package_data" / "plotly.min.js"))


@cache
def plotly_url() -> str:
    """Return the address of Plotly's script from a page; it changes with its contents."""
    sha = hashlib.sha256(plotly_path().read_bytes()).hexdigest()[:12]
    return f"assets/plotly-{sha}.min.js"
