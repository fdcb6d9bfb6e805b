"""Five epochs of Fashion-MNIST with the controls: ``python -m benchmarks.fashion_controls``.

Every contender is one call of ``proxprop train``: 784-1000-300-1000-10, batch 500, Nesterov 0.95,
seed 0. The controls tell what the implicit step gains and what the last layer's step size does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.provenance import RESULTS, environment, make_console, write_result

SETTING = (
    "--data fashion-mnist --model mlp --widths 1000,300,1000 --batch-size 500 "
    "--optimizer nesterov --momentum 0.95 --seed 0 --set instruments.tier=off"
)
CONTENDERS = {
    "explicit, η .05": "--solver explicit --lr 0.05",
    "explicit, hidden η .05, last η 1": "--solver explicit --lr 0.05 --explicit-lr 1",
    "exact, η 1, τ .05 (paper)": "--solver exact --lr 1 --tau 0.05",
    "CG 3, η 1, τ .05 (paper)": "--solver cg --cg-steps 3 --lr 1 --tau 0.05",
    "exact, η 1, τ .05, last η .05": "--solver exact --lr 1 --tau 0.05 --explicit-lr 0.05",
    "exact, η 10, τ .05, last η .05": "--solver exact --lr 10 --tau 0.05 --explicit-lr 0.05",
}


def main() -> None:
    """Train every contender, print the table and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=float, default=5.0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    found = {name: train(options, arguments.epochs) for name, options in CONTENDERS.items()}
    result = {
        "environment": environment(torch.device("cpu")),
        "setting": SETTING,
        "epochs": arguments.epochs,
        "contenders": found,
        "took_seconds": time.perf_counter() - started,
    }
    console = make_console()
    for name, entry in found.items():
        console.print(f"{name:40} {entry['train_loss']:.3f}  {entry['outcome']}")
    console.print(write_result("fashion_controls", result, arguments.results))


def train(options: str, epochs: float) -> dict[str, Any]:
    """Run one contender on a store of its own and return what a reader compares."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "proxprop.cli", "train", "--json"]
        command += [*SETTING.split(), *options.split(), "--epochs", str(epochs)]
        done = subprocess.run(
            command, env=_environment(home), stdout=subprocess.PIPE, text=True, check=False
        )
    if done.returncode != 0:
        sys.exit(f"proxprop train {options} failed")
    printed = json.loads(done.stdout)
    summary = printed["summary"]
    columns = ("train_loss", "validation_loss", "validation_accuracy", "test_accuracy")
    return {
        "options": options,
        "outcome": printed["outcome"],
        **{name: summary.get(name, float("nan")) for name in columns},
        "seconds": printed["seconds"],
    }


def _environment(home: str) -> dict[str, str]:
    return {**os.environ, "PROXPROP_HOME": home}


if __name__ == "__main__":
    main()
