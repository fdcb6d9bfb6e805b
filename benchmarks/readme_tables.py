"""Writes the README's tables from ``benchmarks/results``: ``python -m benchmarks.readme_tables``.

``--check`` changes nothing and fails if the README says something else than the results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, read_result

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def main() -> None:
    """Rewrite or check the block between the markers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the README is out of date")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    text = arguments.readme.read_text(encoding="utf-8")
    updated = replace_block(text, render(arguments.results))
    if updated == text:
        return
    if arguments.check:
        sys.exit(
            f"{arguments.readme.name} differs from {arguments.results}; "
            "run python -m benchmarks.readme_tables"
        )
    arguments.readme.write_text(updated, encoding="utf-8")


def replace_block(text: str, block: str) -> str:
    """Put the block between the README's markers."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(f"the README needs the lines {BEGIN} and {END}, once each and in this order")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.split(END)[1]}"


def render(results: Path) -> str:
    """All tables for which there are results."""
    parts = []
    for name, table in _TABLES:
        result = read_result(name, results)
        if result is not None:
            parts.append(f"{table(result)}\n\n{provenance(result)}")
    return "\n\n".join(parts)


def step_table(result: dict[str, Any]) -> str:
    """Ratios of a training step to plain torch, one row per case."""
    contenders = [name for name in next(iter(result["cases"].values())) if name != "plain"]
    lines = [
        "Time of a whole training step (forward, backward, optimizer) over the same step with "
        "plain layers; peak memory likewise:",
        "",
        f"| | {' | '.join(contenders)} | peak memory, exact |",
        f"|---|{'---|' * (len(contenders) + 1)}",
    ]
    for case, found in result["cases"].items():
        ratios = [f"{found[name]['ratio']['median']:.2f}×" for name in contenders]
        memory = f"{found['exact']['peak_ratio']:.2f}×"
        lines.append(f"| {case} | {' | '.join([*ratios, memory])} |")
    return "\n".join(lines)


def convergence_table(result: dict[str, Any]) -> str:
    """Epochs and seconds to the target, one row per contender."""
    target = result["target"]
    lines = [
        f"Fashion-MNIST, 784-1000-300-1000-10, batch 500, to a training loss of {target:g}:",
        "",
        "| | epochs | seconds | seconds per epoch |",
        "|---|---|---|---|",
    ]
    for name, entry in result["contenders"].items():
        epochs, seconds = entry["epochs_to_target"], entry["seconds_to_target"]
        reached = ["not reached"] * 2 if epochs is None else [f"{epochs:.1f}", f"{seconds:.0f}"]
        lines.append(f"| {name} | {' | '.join(reached)} | {entry['seconds_per_epoch']:.1f} |")
    return "\n".join(lines)


def controls_table(result: dict[str, Any]) -> str:
    """Final losses of the five-epoch controls, one row per contender."""
    lines = [
        f"Fashion-MNIST, 784-1000-300-1000-10, batch 500, Nesterov 0.95, seed 0, after "
        f"{result['epochs']:g} epochs (54,000 training images):",
        "",
        "| | full training loss | validation accuracy |",
        "|---|---|---|",
    ]
    for name, entry in result["contenders"].items():
        accuracy = f"{100 * entry['validation_accuracy']:.1f} %"
        lines.append(f"| {name} | {entry['train_loss']:.3f} | {accuracy} |")
    return "\n".join(lines)


def provenance(result: dict[str, Any]) -> str:
    """One line on where the numbers come from."""
    found = result["environment"]
    device = found.get("gpu") or f"{found['cpu']}, {found['threads']} threads"
    return (
        f"<sub>{device}; torch {found['torch']}; {found['date'][:10]}; "
        f"took {result['took_seconds']:.0f} s.</sub>"
    )


_TABLES: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("step_time_cpu", step_table),
    ("step_time_cuda", step_table),
    ("fashion_controls", controls_table),
    ("convergence_cpu", convergence_table),
    ("convergence_cuda", convergence_table),
)


if __name__ == "__main__":
    main()
