"""The one command for machines with a GPU: what it says without one, and what it makes of tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import cuda

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="one"/>
<testcase classname="tests.a" name="two"><failure message="no"/></testcase>
<testcase classname="tests.a" name="three"><skipped message="needs two GPUs"/></testcase>
<testcase classname="tests.a" name="four"><error message="no"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.cuda", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == cuda.NO_DEVICE == 69
    assert "No CUDA device here" in done.stdout
    assert not list(tmp_path.iterdir())


def test_every_tests_outcome_is_kept() -> None:
    assert cuda.outcomes_of(REPORT) == {
        "tests.a::one": "passed",
        "tests.a::two": "failed",
        "tests.a::three": "skipped: needs two GPUs",
        "tests.a::four": "error",
    }


@pytest.mark.parametrize(
    ("tests", "benchmarks", "status"),
    [
        ({"a": "passed", "b": "skipped: needs two GPUs"}, {"m": {"cases": {}}}, 0),
        ({"a": "passed", "b": "failed"}, {}, 1),
        ({"a": "skipped: needs a CUDA device"}, {}, 1),
        ({"a": "passed"}, {"m": {"failed": "exit status 1"}}, 1),
    ],
)
def test_one_file_named_for_the_device_and_a_status_that_tells(
    tests: Any, benchmarks: Any, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200 (141 GB)")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 90000)
    monkeypatch.setattr(cuda, "run_tests", lambda folder: tests)
    monkeypatch.setattr(cuda, "run_benchmarks", lambda folder: benchmarks)
    monkeypatch.setattr(sys, "argv", ["cuda", "--output", str(tmp_path)])
    assert cuda.main() == status
    (written,) = tmp_path.iterdir()
    assert written.name == "cuda_nvidia_h200_141_gb.json"
    result = json.loads(written.read_text())
    assert (result["tests"], result["benchmarks"]) == (tests, benchmarks)
    assert result["environment"]["gpu"] == "NVIDIA H200 (141 GB)"
