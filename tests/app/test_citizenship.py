"""The server stays light: nothing under app/ loads torch, pages stay short."""

from __future__ import annotations

import subprocess
import sys

from tests.app.conftest import ROOT

SCRIPT = """
import importlib, pathlib, sys
for path in sorted(pathlib.Path("app").rglob("*.py")):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if name not in ("app.main", "app.server"):
        importlib.import_module(name)
heavy = {"torch", "torchvision", "sklearn"} & sys.modules.keys()
print(sorted(heavy))
"""


def test_no_module_of_the_app_loads_torch() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_pages_are_words_and_layout() -> None:
    long = {
        path.name: lines
        for path in (ROOT / "pages").glob("*.py")
        if (lines := len(path.read_text().splitlines())) > 60
    }
    assert long == {}
