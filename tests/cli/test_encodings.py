"""Output redirected in an encoding without Greek letters or table borders ends in no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    store = Store(folder / "proxprop.db")
    run_id = store.create_run(RunConfig(), "η against τ ▁▂▃")
    store.end(run_id, "diverged", "The loss grew to 1e9 — more than 10×.")
    return folder


_RACE = ["race", *("--epochs", "0.1", "--set", "model.widths=[4]")]
_SWEEP = ["sweep", *("--steps", "2", "--points", "2", "--widths", "4")]


@pytest.mark.parametrize(
    ("encoding", "status", "command"),
    [
        *((name, 0, ["train", "--help"]) for name in ("cp1252", "ascii")),
        *((name, 0, ["runs", "list"]) for name in ("cp1252", "ascii")),
        ("ascii", 2, ["train", "--set", "batch_size=η"]),
        pytest.param("cp1252", 0, _RACE, marks=pytest.mark.slow),
        pytest.param("cp1252", 0, _SWEEP, marks=pytest.mark.slow),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else None,
)
def test_what_an_encoding_lacks_is_replaced(
    home: Path, encoding: str, status: int, command: list[str]
) -> None:
    environment = {
        **os.environ,
        **{"PROXPROP_HOME": str(home), "PYTHONIOENCODING": encoding, "OMP_NUM_THREADS": "1"},
    }
    call = [sys.executable, "-m", "proxprop.cli", *command]
    ended = subprocess.run(call, env=environment, capture_output=True, timeout=120)
    assert b"Traceback" not in ended.stderr, ended.stderr.decode(encoding)
    assert ended.returncode == status
    assert len(ended.stdout + ended.stderr) > 30


def test_json_stays_whole_in_any_encoding(home: Path) -> None:
    environment = {**os.environ, "PROXPROP_HOME": str(home), "PYTHONIOENCODING": "ascii"}
    call = [sys.executable, "-m", "proxprop.cli", "runs", "list", "--json"]
    ended = subprocess.run(call, env=environment, capture_output=True, check=True, timeout=60)
    assert "η against τ ▁▂▃" in {run["name"] for run in json.loads(ended.stdout)}
