"""Writes the tables of README and docs from the results: ``python -m benchmarks.readme_tables``.

``--check`` changes nothing and fails if one of them says something else than the results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.paper_table import paper_tables
from benchmarks.provenance import RESULTS, read_result
from benchmarks.race_tables import about, fairness, markdown

README = Path(__file__).parent.parent / "README.md"
NUMERICS = README.parent / "docs" / "numerics.md"
# Those of benchmarks.workloads, which loads torch.
WORKLOAD_KEYS = ("fashion_small", "fashion_wide", "cifar_mlp", "cifar_convnet")
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def main() -> None:
    """Rewrite or check the blocks between the markers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the README is out of date")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--numerics", type=Path, default=NUMERICS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    tables = (render(arguments.results), paper_tables())
    _put(arguments.readme, "\n\n".join(part for part in tables if part), arguments)
    if step := read_result("step_time_cpu", arguments.results):
        _put(arguments.numerics, difference_table(step), arguments)


def _put(path: Path, block: str, arguments: argparse.Namespace) -> None:
    text = path.read_text(encoding="utf-8")
    updated = replace_block(text, block)
    if updated == text:
        return
    if arguments.check:
        sys.exit(
            f"{path.name} differs from {arguments.results}; run python -m benchmarks.readme_tables"
        )
    path.write_text(updated, encoding="utf-8")


def replace_block(text: str, block: str) -> str:
    """Put the block between the README's markers."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(f"the text needs the lines {BEGIN} and {END}, once each and in this order")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.split(END)[1]}"


def render(results: Path) -> str:
    """All tables for which there are results."""
    parts = []
    for name, table in _TABLES:
        result = read_result(name, results)
        # A result that is still being added to says so.
        if result is not None and result.get("finished", True):
            parts.append(f"{table(result)}\n\n{provenance(result)}")
    for device in ("cpu", "cuda"):
        races = [read_result(f"convergence_{key}_{device}", results) for key in WORKLOAD_KEYS]
        found = [race for race in races if race is not None and race["finished"]]
        if found:
            parts.append(f"{convergence_table(found)}\n\n{provenance(_together(found))}")
    return "\n\n".join(parts)


def step_table(result: dict[str, Any]) -> str:
    """Ratios of a training step to plain torch, one row per case."""
    contenders = [name for name in next(iter(result["cases"].values())) if name != "plain"]
    lines = [
        "Time of a whole training step (forward, backward, optimizer) over the same step with "
        "plain layers, in brackets the ratio of their FLOPs; peak memory likewise:",
        "",
        f"| | {' | '.join(contenders)} | peak memory, exact |",
        f"|---|{'---|' * (len(contenders) + 1)}",
    ]
    for case, found in result["cases"].items():
        ratios = [_step_ratio(found[name]) for name in contenders]
        memory = f"{found['exact']['peak_ratio']:.2f}×"
        lines.append(f"| {case} | {' | '.join([*ratios, memory])} |")
    return "\n".join(lines)


def difference_table(result: dict[str, Any]) -> str:
    """What an exact and a running step take beyond a plain one, and beyond their arithmetic."""
    kinds = ("factorisations", "products", "Python", "convolutions", "other operations")
    lines = [
        f"| | plain, ms | measured | by FLOPs | {', '.join(kinds)}: ms beyond the plain step |",
        "|---|---|---|---|---|",
    ]
    for case, found in result["cases"].items():
        plain = 1000 * found["plain"]["seconds"]["median"]
        for name in ("exact", "running"):
            entry = found[name]
            beyond = " · ".join(f"{entry['difference'][kind]:.1f}" for kind in kinds)
            ratios = f"{entry['ratio']['median']:.2f} | {entry['flop_ratio']:.2f}"
            lines.append(f"| {case}, {name} | {plain:.1f} | {ratios} | {beyond} |")
    return "\n".join(lines)


def _step_ratio(found: dict[str, Any]) -> str:
    flops = f" ({found['flop_ratio']:.2f})" if "flop_ratio" in found else ""
    return f"{found['ratio']['median']:.2f}×{flops}"


def _together(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Several results as one, for a word on where they come from."""
    loads = [load for result in results for load in result["load"].values()]
    took = sum(result["took_seconds"] for result in results)
    return {**results[-1], "took_seconds": took, "load": dict(enumerate(loads))}


def convergence_table(results: list[dict[str, Any]]) -> str:
    """Seconds and epochs to the target of every contender, a workload a column."""
    results = [result for result in results if result.get("finished", True)]
    if not results:
        return ""
    heads = [
        f"{result['settings']['title']}, batch {result['settings']['batch']}, loss "
        f"{result['settings']['target']:g}"
        for result in results
    ]
    lines = [
        "Training time until a training loss set beforehand is reached · epochs until then · time "
        "of a step over the first row's; medians over "
        f"{len(results[0]['settings']['seeds'])} seeds. Everybody's η: the best of "
        f"{_trials(results[0])} trials of the same length. In bold the least time; in brackets who "
        "was timed only:",
        "",
        f"| | {' | '.join(heads)} |",
        f"|---|{'---|' * len(results)}",
    ]
    least = [_least(result) for result in results]
    for name in results[0]["contenders"]:
        fixed = next((r["contenders"][name].get("fixed") for r in results), "")
        label = f"{name} ({fixed})" if fixed else name
        cells = [_cell(r["contenders"][name], name == who) for r, who in zip(results, least)]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _trials(result: dict[str, Any]) -> int:
    return max(len(trials) for trials in result["search"].values())


def _least(result: dict[str, Any]) -> str | None:
    """Who reached the target in the least time."""
    seconds = {
        name: entry["seconds_to_target"]["median"]
        for name, entry in result["contenders"].items()
        if entry.get("seconds_to_target")
    }
    return min(seconds, key=seconds.__getitem__, default=None)


def _cell(entry: dict[str, Any], least: bool) -> str:
    if "missing" in entry:
        return f"`{entry['missing']}`"
    ratio = f"{entry['step_ratio']['median']:.1f}×"
    if "left_out" in entry:
        return f"({ratio})"
    seconds, epochs = entry["seconds_to_target"], entry["epochs_to_target"]
    if seconds is None:
        return f"not in {_seconds(entry['seconds'])} · – · {ratio}"
    time = _seconds(seconds["median"])
    return f"{f'**{time}**' if least else time} · {epochs['median']:.1f} · {ratio}"


def _seconds(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1}f} s"


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


def race_table(result: dict[str, Any]) -> str:
    """The searched race and, where it was run, the race of the controls."""
    intros = {
        "searched": "Fashion-MNIST, 784-1000-300-1000-10, batch 500, Nesterov with momentum 0.95, "
        "everyone’s step sizes searched.",
        "controls": "The same network at the paper’s settings, with the last layer’s η as control.",
    }
    return "\n\n".join(
        f"{intros[name]} {about(race)}\n\n{markdown(race, result['target'])}"
        for name, race in result["races"].items()
    )


def provenance(result: dict[str, Any]) -> str:
    """One line on where the numbers come from."""
    found = result["environment"]
    threads = f"{found['threads']} thread{'s' if found['threads'] > 1 else ''}"
    device = found.get("gpu") or f"{found['cpu']}, {threads}"
    if load := result.get("load"):
        device += f", load average {min(load.values()):.0f} to {max(load.values()):.0f}"
    return (
        f"<sub>{device}; torch {found['torch']}; {found['date'][:10]}; "
        f"took {result['took_seconds']:.0f} s.</sub>"
    )


_TABLES: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("step_time_cpu", step_table),
    ("step_time_cuda", step_table),
    ("fashion_controls", controls_table),
    ("fashion_race", race_table),
    ("race_fairness", fairness),
)


if __name__ == "__main__":
    main()
