"""Streamlit's scripts of single widgets, which a browser would fetch once a page first shows one.

Fetched while the first page is read, they are there when a page is turned: else a room full of
browsers asks for them all at that moment.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from streamlit import file_util

# Files without their hash, from the one most pages need; one that a version has not is left out.
NAMES = (
    *("BidiComponent", "Html", "Checkbox", "Button", "ButtonGroup", "Selectbox", "Slider"),
    *("rehype-katex", "Metric", "DownloadButton", "TextInput", "PageLink", "Multiselect"),
)
IMPORT = re.compile(r'(?:from|import)"\./([^"]+\.js)"')


@cache
def widget_scripts() -> tuple[Path, ...]:
    """Return the scripts and all that they import, beyond what every page loads at once."""
    root = Path(file_util.get_static_dir())
    folder = root / "static" / "js"
    index = (root / "index.html").read_text(encoding="utf-8")
    found = {path.name: path for path in sorted(folder.glob("*.js"))}
    known = _imported([name for name in found if name in index], found)
    wanted = [name for start in NAMES for name in found if name.startswith(f"{start}.")]
    return tuple(found[name] for name in _imported(wanted, found) if name not in known)


def widget_urls() -> list[str]:
    """Return their addresses from a page."""
    return [f"static/js/{path.name}" for path in widget_scripts()]


def _imported(names: list[str], found: dict[str, Path]) -> dict[str, None]:
    """Return the names and those of all that they import, in the order they are met."""
    met: dict[str, None] = {}
    waiting = names[::-1]
    while waiting:
        name = waiting.pop()
        if name in met or name not in found:
            continue
        met[name] = None
        waiting += IMPORT.findall(found[name].read_text(encoding="utf-8"))[::-1]
    return met
