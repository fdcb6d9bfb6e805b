"""All that only a GPU can show, by one command: ``python -m benchmarks.cuda``.

It runs the tests marked ``cuda`` and the benchmarks of steps and instruments on the device, and
writes one JSON, named for the device, into ``benchmarks/results/``. Exit status: 0 when every test
passed, 1 when one failed or a benchmark did, 69 where there is no CUDA device.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.provenance import RESULTS, environment, read_result, write_result

NO_DEVICE = 69  # sysexits.h: a service is unavailable
ROOT = Path(__file__).parents[1]
# Module of a benchmark that takes --device and --output → the result that it writes.
BENCHMARKS = {
    "benchmarks.step_time": "step_time_cuda",
    "benchmarks.instrument_overhead": "instrument_overhead_cuda",
}


def main() -> int:
    """Run everything and return the exit status."""
    arguments = _arguments()
    if not torch.cuda.is_available():
        print("No CUDA device here: nothing was run, nothing was written.")
        return NO_DEVICE
    started = time.perf_counter()
    device = torch.device("cuda")
    with TemporaryDirectory() as folder:
        tests = run_tests(Path(folder))
        measured = {} if arguments.tests_only else run_benchmarks(Path(folder))
    result = {
        "environment": environment(device) | {"gpus": torch.cuda.device_count()},
        "took_seconds": round(time.perf_counter() - started, 1),
        "tests": tests,
        "benchmarks": measured,
    }
    print(f"Wrote {write_result(result_name(device), result, arguments.output)}")
    return 0 if succeeded(result) else 1


def result_name(device: torch.device) -> str:
    """Return the result's name: "cuda_" and the device's own, as a file may be called."""
    name = torch.cuda.get_device_name(device).lower()
    return "cuda_" + re.sub(r"[^a-z0-9]+", "_", name).strip("_")


def succeeded(result: dict[str, Any]) -> bool:
    """Return whether tests ran and passed, and every benchmark left its result."""
    outcomes = result["tests"].values()
    passed = "passed" in outcomes and not {"failed", "error"} & set(outcomes)
    return passed and all("failed" not in found for found in result["benchmarks"].values())


def run_tests(folder: Path) -> dict[str, str]:
    """Run the tests marked cuda; return test → "passed", "failed", "error" or "skipped: why"."""
    report = folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", f"--junitxml={report}"]
    subprocess.run(command, cwd=ROOT, check=False)
    return outcomes_of(report.read_text()) if report.exists() else {"pytest": "error"}


def outcomes_of(report: str) -> dict[str, str]:
    """Return test → outcome of a JUnit report."""
    found = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        marks = {child.tag: child.get("message", "") for child in case}
        name = f"{case.get('classname')}::{case.get('name')}"
        if "skipped" in marks:
            found[name] = f"skipped: {marks['skipped']}"
        else:
            found[name] = next(
                (mark for mark in ("error", "failure") if mark in marks), "passed"
            ).replace("failure", "failed")
    return found


def run_benchmarks(folder: Path) -> dict[str, Any]:
    """Run the benchmarks on the device; return module → result, or how it failed."""
    found: dict[str, Any] = {}
    for module, name in BENCHMARKS.items():
        command = [sys.executable, "-m", module, "--device", "cuda", "--output", str(folder)]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        result = read_result(name, folder)
        found[module] = {"failed": f"exit status {status}"} if status or not result else result
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tests-only", action="store_true", help="leave the benchmarks out")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
