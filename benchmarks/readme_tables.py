"""Writes the README's tables from ``benchmarks/results``: ``python -m benchmarks.readme_tables``.

``--check`` changes nothing and fails if the README says something else than the results.
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
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def main() -> None:
    """Rewrite or check the block between the markers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the README is out of date")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    text = arguments.readme.read_text(encoding="utf-8")
    block = "\n\n".join(part for part in (render(arguments.results), paper_tables()) if part)
    updated = replace_block(text, block)
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
        # A result that is still being added to says so.
        if result is not None and result.get("finished", True):
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
    """What everybody's step costs and how soon it reaches the target, one row per contender."""
    settings = result["settings"]
    target, half = settings["target"], settings["epochs"] // 2
    plain = next(iter(result["contenders"]))
    widths = "-".join(str(width) for width in (784, *settings["widths"], 10))
    lines = [
        f"Fashion-MNIST, {widths}, batch {settings['batch']}, training loss. Step sizes by a "
        f"search of {len(settings['contenders'][plain][1])} each ({settings['search_epochs']} "
        f"epochs); then {len(settings['seeds'])} races over other seeds, of which the medians"
        f"{_waiting(result['environment'])}:",
        "",
        f"| | η | time of a step over {plain}'s | epochs to {target:g} | seconds to {target:g} "
        f"| loss in the time of {half} {plain} epochs | loss after {settings['epochs']} epochs |",
        f"|---|{'---|' * 6}",
    ]
    for name, entry in result["contenders"].items():
        if "missing" in entry:
            lines.append(f"| {name} | `{entry['missing']}` |{' – |' * 5}")
            continue
        label = f"{name} ({entry['fixed']})" if entry["fixed"] else name
        cells = [
            f"{entry['rate']:g}",
            f"{entry['step_ratio']['median']:.2f}×",
            _number(entry["epochs_to_target"], ".1f", "not reached"),
            _number(entry["seconds_to_target"], ".1f", "not reached"),
            _number(entry["loss_in_equal_time"], ".3f", "diverged"),
            _number(entry["final_loss"], ".3f", "diverged"),
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _waiting(found: dict[str, Any]) -> str:
    if found.get("wait_policy") != "passive":
        return ""
    return " (OMP_WAIT_POLICY=PASSIVE: threads sleep at once)"


def _number(found: dict[str, float | None] | None, form: str, missing: str) -> str:
    value = None if found is None else found["median"]
    return missing if value is None else f"{value:{form}}"


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
    device = found.get("gpu") or f"{found['cpu']}, {found['threads']} threads"
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
    ("convergence_cpu", convergence_table),
    ("convergence_cuda", convergence_table),
)


if __name__ == "__main__":
    main()
