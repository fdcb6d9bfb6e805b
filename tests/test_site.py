"""The documentation builds as a site, strictly: every link leads somewhere, every name is found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import yaml

import proxprop
from tests.extras import need

ROOT = Path(__file__).resolve().parents[1]


def pages(entry: object) -> list[str]:
    """Return the files that the navigation names, in order."""
    if isinstance(entry, str):
        return [entry]
    nested = entry.values() if isinstance(entry, dict) else entry
    return [page for inner in nested for page in pages(inner)]  # type: ignore[attr-defined]


def test_every_page_has_its_place() -> None:
    named = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(named) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_everything_public_is_in_the_reference() -> None:
    documented = re.findall(r"^::: proxprop\.(\w+)$", (ROOT / "docs/api.md").read_text(), re.M)
    assert {*proxprop.__all__} <= {*documented}


def test_public_names_are_there_and_say_what_they_are() -> None:
    for name in proxprop.__all__:
        assert getattr(proxprop, name).__doc__, name


@pytest.mark.extras
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    need("zensical", "docs")
    for name in ("mkdocs.yml", "SECURITY.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "proxprop", tmp_path / "proxprop")
    build = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    api = unescape((tmp_path / "site/api/index.html").read_text())
    assert "Proximal step size, finite and > 0" in api  # of convert's docstring
    assert "relative_residual" in api
    assert "Whoever may start runs" in (tmp_path / "site/security/index.html").read_text().replace(
        "whoever", "Whoever"
    )
    # A reader loads nothing from elsewhere.
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'(?:src|rel="stylesheet" href)="(https?:[^"]+)', page.read_text())
        assert not loaded, page
