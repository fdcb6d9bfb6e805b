"""The benchmarks measure what they say: memory, ratios, the README's block."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.cases import CONTENDERS, Case, Contender, make_batches
from benchmarks.difference import difference, spent
from benchmarks.memory import peak_bytes
from benchmarks.readme_tables import BEGIN, END, render, replace_block
from benchmarks.step_time import measure, split_of, time_ratios

CPU = torch.device("cpu")
TINY = Case("ConvNet, batch 4", "paper-convnet", "adam", 4)


class Held:
    """Stands for a contender; its step allocates a known amount."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)

    def state_bytes(self) -> int:
        return 1000

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        first = torch.empty(self.size, dtype=torch.uint8)
        del first
        second = torch.empty(2 * self.size, dtype=torch.uint8)
        del second


def test_peak_memory_is_what_is_alive_at_once() -> None:
    batch = torch.zeros(10), torch.zeros(10)
    found = peak_bytes(Held(1 << 20), *batch)  # type: ignore[arg-type]
    assert found == 1000 + 80 + (2 << 20)


def test_state_counts_parameters_and_what_the_optimizer_keeps() -> None:
    contender = Contender(TINY, None, CPU)
    parameters = sum(p.numel() for p in contender.model.parameters()) * 4
    assert contender.state_bytes() == parameters
    contender.step(*make_batches(4, CPU)[0])
    assert contender.state_bytes() >= 3 * parameters


def test_contenders_take_turns_and_are_compared_within_a_round() -> None:
    calls: list[str] = []
    steps = {name: lambda *_, name=name: calls.append(name) for name in ("plain", "other")}
    batch = (torch.zeros(1), torch.zeros(1))
    found = time_ratios(steps, [batch], CPU, rounds=3)  # type: ignore[arg-type]
    assert calls == ["plain", "other", "other", "plain", "plain", "other"]
    assert found["plain"]["ratio"]["median"] == 1.0


def test_solve_is_a_part_of_the_backward_pass() -> None:
    batches = make_batches(4, CPU)
    exact = split_of(Contender(TINY, CONTENDERS["exact"], CPU), "exact", batches, CPU, 2)
    assert 0 < exact["solve"] < exact["backward"]
    assert split_of(Contender(TINY, None, CPU), "plain", batches, CPU, 2)["solve"] == 0


def test_every_contender_is_measured() -> None:
    found = measure(TINY, CPU, rounds=1, splits=1)
    assert set(found) == set(CONTENDERS)
    assert found["plain"]["peak_ratio"] == 1.0
    assert json.loads(json.dumps(found)) == found


def result(ratio: float) -> dict[str, object]:
    beyond = dict.fromkeys(("factorisations", "products", "Python", "convolutions"), 1.0)
    entry = {
        "ratio": {"median": ratio},
        "flop_ratio": 1.125,
        "peak_ratio": 1.01,
        "difference": {**beyond, "other operations": 0.25},
    }
    return {
        "environment": {"cpu": "some", "threads": 2, "torch": "2.15.0", "date": "2026-01-02T03"},
        "took_seconds": 12.3,
        "cases": {
            "MLP": {
                "plain": {"ratio": {"median": 1.0}, "seconds": {"median": 0.0055}},
                "exact": entry,
                "running": entry,
            }
        },
    }


def test_readme_block_follows_the_results(tmp_path: Path) -> None:
    (tmp_path / "step_time_cpu.json").write_text(json.dumps(result(1.17)))
    readme, numerics = tmp_path / "README.md", tmp_path / "numerics.md"
    for path in (readme, numerics):
        path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    command = [sys.executable, "-m", "benchmarks.readme_tables", "--readme", str(readme)]
    command += ["--numerics", str(numerics), "--results", str(tmp_path)]
    stale = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    assert stale.returncode == 1
    assert "run python -m benchmarks.readme_tables" in stale.stderr
    subprocess.run(command, check=True)
    text = readme.read_text()
    assert "| MLP | 1.17× (1.12) | 1.17× (1.12) | 1.01× |" in text
    exact = "| MLP, exact | 5.5 | 1.17 | 1.12 | 1.0 · 1.0 · 1.0 · 1.0 · 0.2 |"
    assert exact in numerics.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    subprocess.run([*command, "--check"], check=True)


def test_readme_without_markers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="once each"):
        replace_block("no markers", render(tmp_path))


def test_a_contender_whose_steps_differ_is_compared_by_whole_cycles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    class Paced:
        """Every tenth step of the second contender takes eleven times as long as the others."""

        def mark(self) -> None:
            """Nothing: the lap is told by who has just run."""

        def laps(self) -> list[float]:
            slow = calls[-1] == "running" and calls.count("running") % 10 == 4
            return [11.0 if slow else 1.0]

    monkeypatch.setattr("benchmarks.step_time.make_clock", lambda device: Paced())
    steps = {name: lambda *_, name=name: calls.append(name) for name in ("plain", "running")}
    batch = (torch.zeros(1), torch.zeros(1))
    found = time_ratios(steps, [batch], CPU, rounds=20)  # type: ignore[arg-type]
    assert found["running"]["ratio"] == {"median": 2.0, "q1": 2.0, "q3": 2.0}


def test_the_parts_of_a_step_are_told_by_name() -> None:
    left = torch.rand(300, 300)

    def step(*_: torch.Tensor) -> None:
        torch.linalg.cholesky_ex(left @ left.mT + 300 * torch.eye(300))

    mine, plain = spent(step, [(left, left)], 3), spent(lambda *_: left @ left, [(left, left)], 3)
    parts = difference(mine, plain)
    assert parts["factorisations"] > 0
    assert parts["convolutions"] == 0
    assert mine.operations > plain.operations >= 2
    assert sum(parts.values()) == pytest.approx(
        sum(mine.milliseconds.values()) - sum(plain.milliseconds.values())
    )
