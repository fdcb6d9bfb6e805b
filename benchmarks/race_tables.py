"""Recorded races as tables of the README. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def markdown(race: dict[str, Any], target: float) -> str:
    """Return the table of one race: what was raced, and how far and how fast it came."""
    headings = (
        "contender", "η", "τ", "last layer’s η", "training loss", "validation accuracy",
        "time per step", f"epochs to {target:g}", f"time to {target:g}",
    )  # fmt: skip
    lines = [_line(headings), _line(["---"] + ["---:"] * (len(headings) - 1))]
    lines += [_line(_cells(row)) for row in race["contenders"]]
    return "\n".join(lines)


def about(race: dict[str, Any]) -> str:
    """Return how a race was held, in one sentence or two."""
    config, seeds = race["config"], race["config"]["seeds"]
    over = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    words = (
        f"After {config['budget']['epochs']:g} epochs, {over}; same initial weights and batches, "
        "in turns in one process. Times are training time, in multiples of the first row’s."
    )
    search = config["search"]
    if search is None:
        return words
    measure = search["criterion"].replace("train", "training").replace("_", " ")
    return (
        f"{words} Step sizes: the best of {search['trials']} trials of {search['epochs']:g} epoch "
        f"each, the same number for all, by {measure}."
    )


def fairness(result: dict[str, Any]) -> str:
    """Return how far apart the clocks of two equals were, in one sentence."""
    loads = result["loads"].values()
    worst = {
        kind: max(load[kind]["worst"] for load in loads) for kind in ("race", "one_after_the_other")
    }
    return (
        "Fairness: the training clocks of two identical contenders differ by at most "
        f"{100 * worst['race']:.0f} % in a race, on an idle machine and beside "
        f"{result['processes']} busy processes; as runs one after the other, by up to "
        f"{100 * worst['one_after_the_other']:.0f} %."
    )


def _cells(row: dict[str, Any]) -> Iterable[str]:
    ratios = row["ratios"]
    yield row["label"]
    yield f"{row['lr']:g}"
    yield "–" if row["tau"] is None else f"{row['tau']:g}"
    yield f"{row['explicit_lr']:g}"
    yield "diverged" if row["diverged"] else _mean(row["final"]["train_loss"], ".3f")
    yield _percent(row["final"]["validation_accuracy"])
    yield _times(ratios["step_seconds"])
    partly = "" if row["reached"] in (0, len(row["members"])) else f" ({row['reached']} of "
    seeds = f"{len(row['members'])})" if partly else ""
    yield _mean(row["epochs_to_target"], ".1f", "not reached") + partly + seeds
    yield _times(ratios["seconds_to_target"])


def _mean(stat: dict[str, Any], form: str, missing: str = "–") -> str:
    if stat["mean"] is None:
        return missing
    spread = "" if stat["std"] is None else f" ± {stat['std']:{form}}"
    return f"{stat['mean']:{form}}{spread}"


def _percent(stat: dict[str, Any]) -> str:
    hundred = {name: stat[name] and 100 * stat[name] for name in ("mean", "std")}
    shown = _mean(hundred, ".1f")
    return shown if shown == "–" else f"{shown} %"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}×"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
