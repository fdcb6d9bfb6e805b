"""Every Python block in README and docs runs, in one process a page, tiny where it may be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.extras import need

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"^(?P<mark>```|~~~) ?(?P<kind>\S*)(?P<rest>.*)\n(?P<code>(?s:.*?))^(?P=mark)$", re.MULTILINE
)
# A block that cannot run here is marked "```python no-run", and counted here with its reason.
NOT_RUN: dict[str, int] = {}
# What a page's blocks need beyond the tests' own packages: module → extra.
EXTRAS = {"integrations.md": {"pytorch_lightning": "lightning", "transformers": "transformers"}}


def blocks(text: str) -> list[tuple[int, str, str]]:
    """Return every Python block's first line, what follows the language, and the code."""
    return [
        (text.count("\n", 0, match.start("code")), match["rest"].strip(), match["code"])
        for match in FENCE.finditer(text)
        if match["kind"].lower() in ("python", "py", "python3", "pycon")
    ]


@pytest.fixture
def names() -> dict[str, Any]:
    """What a page's reader has already: a batch of images and their labels."""
    torch.manual_seed(0)
    return {"images": torch.randn(8, 784), "labels": torch.arange(8), "__name__": "page"}


PYTHON = {page: found for page in PAGES if (found := blocks(page.read_text()))}


def test_the_pages_with_code_are_found() -> None:
    assert PAGES[0] in PYTHON
    # No block hides behind a fence that is not recognised.
    for page in PAGES:
        fences = re.findall(r"^\s*(?:```|~~~) ?(?:python|py)", page.read_text(), re.M | re.I)
        assert len(fences) == len(PYTHON.get(page, [])), page.name


def test_blocks_that_do_not_run_are_counted() -> None:
    marked = {page.name: sum("no-run" in b[1] for b in found) for page, found in PYTHON.items()}
    assert {name: count for name, count in marked.items() if count} == NOT_RUN


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_the_code_runs(
    page: Path, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, extra in EXTRAS.get(page.name, {}).items():
        need(module, extra)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    for line, rest, code in PYTHON[page]:
        if "no-run" not in rest:
            padded = "\n" * line + code  # so that an error names the page's own line
            exec(compile(padded, str(page), "exec"), names)


def test_the_readmes_loss_falls_by_the_step_it_shows(names: dict[str, Any]) -> None:
    """The ten lines train: the direction is proximal, and the step lowers the loss."""
    ((_, _, code),) = PYTHON[PAGES[0]]
    exec(compile(code, "README.md", "exec"), names)
    model, loss = names["model"], names["loss"].item()
    assert (model[0].solver, model[0].tau, model[0].cg_steps) == ("cg", 0.1, 5)
    assert torch.nn.functional.cross_entropy(model(names["images"]), names["labels"]) < loss
