"""The notebook runs from top to bottom, and shows what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.extras import need

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "first_steps.ipynb"


@pytest.mark.extras
def test_the_notebook_runs_and_the_implicit_loss_is_lower(tmp_path: Path) -> None:
    nbformat, nbclient = need("nbformat", "docs"), need("nbclient", "docs")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # kept without its outputs
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=240, resources=resources).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )
    losses = [
        (float(explicit), float(implicit))
        for explicit, implicit in re.findall(r"explicit ([\d.]+), implicit ([\d.]+)\n", printed)
    ]
    assert len(losses) == 5
    assert all(implicit < explicit for explicit, implicit in losses[1:])
