"""The README's table of the paper's experiments, from the results that come with the package."""

from __future__ import annotations

import math

from proxprop.paper import curves
from proxprop.paper.result import Contender, Result, latest, shipped

SHOWN = {
    "mlp-main": "CIFAR-10, the paper's MLP 3072-4000-1000-4000-10, Nesterov 0.95, batch 500",
    "convnet-main": "CIFAR-10, the paper's ConvNet, Adam, batch 500",
}


def paper_tables() -> str:
    """Return a table per experiment, of the full scale where it was recorded."""
    chosen = [(words, fullest(name)) for name, words in SHOWN.items()]
    return "\n\n".join(_table(one, words) for words, one in chosen if one is not None)


def fullest(name: str) -> Result | None:
    """Return the result of an experiment's part, of the full scale where it was recorded."""
    results = shipped().results
    one = latest(results, "full").get(name, latest(results, "laptop").get(name))
    return one if isinstance(one, Result) else None


def _table(result: Result, words: str) -> str:
    first = result.contenders[0]
    epochs = curves.common_epochs(curves.longest(result.contenders))
    target = curves.loss_at(first, epochs)
    seeds = max(len(one.seeds) for one in result.contenders)
    lines = [
        f"{words}; {result.data.train:,} training images, {epochs:g} epochs, {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'}. Epochs and training time until a contender is where "
        f"{first.label} ends ({target:.3f}), the time in parts of {first.label}'s whole run:",
        "",
        "| | full training loss | test accuracy | time of an epoch | epochs | time |",
        "|---|---|---|---|---|---|",
    ]
    epoch, whole = curves.seconds_per_epoch(first, epochs), curves.seconds_at(first, epochs)
    for one in result.contenders:
        accuracy = 100 * curves.accuracy_tested(one, epochs)
        mine = min(epochs, curves.common_epochs([one]) or epochs)
        early = f" after {mine:g} epoch{'s' * (mine != 1)}" if mine < epochs else ""
        cells = [
            f"{curves.loss_at(one, mine):.3f}{early}",
            f"{accuracy:.1f} %" if math.isfinite(accuracy) else "–",
            *(
                ("–",) * 3  # of another race, on clocks of its own
                if early
                else (
                    f"{curves.seconds_per_epoch(one, epochs) / epoch:.2f}×",
                    *(("–", "–") if one is first else _reached(one, target, whole)),
                )
            ),
        ]
        lines.append(f"| {one.label} | {' | '.join(cells)} |")
    made = result.provenance
    threads = f"{made.threads} thread{'s' * (made.threads != 1)}"
    where = f"{made.processor}, {threads}" if made.device == "cpu" else made.device
    if made.load is not None:
        where += f", load {made.load[0]:g} to {made.load[1]:g}"
    lines += ["", f"<sub>{where}; {result.recorded[:10]}; images: {result.data.stored}.</sub>"]
    return "\n".join(lines)


def _reached(one: Contender, target: float, whole: float) -> tuple[str, str]:
    """Epochs until a loss, and training seconds in parts of `whole`."""
    epochs, seconds = (curves.arrival(one.seeds, target, axis) for axis in ("epoch", "seconds"))
    if not epochs.n:
        return "not reached", "not reached"
    few = f" ({epochs.n} of {len(one.seeds)})" if epochs.n < len(one.seeds) else ""
    return f"{epochs.mean:.1f}{few}", f"{seconds.mean / whole:.2f}{few}"
