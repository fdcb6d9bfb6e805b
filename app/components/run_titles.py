"""What a run is called, where it is shown and how it stands, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.components.notation import exact_number
from app.forms.settings import CHOICES, SETTINGS
from proxprop.runs.record import Run
from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVER_LABELS
from proxprop.spec.config import AnyConfig, ConfigError, RaceConfig, RunConfig, SweepConfig
from proxprop.spec.config.query import flatten

# Kind of run → the page that shows it, and the name of its id in that page's link.
ADDRESSES = {"run": ("train", "run"), "race": ("compare", "race"), "sweep": ("stability", "sweep")}
ASIDE = frozenset(
    {
        *("budget.epochs", "budget.seconds", "budget.steps", "evaluation.every"),
        *("checkpoint.seconds", "instruments.every", "instruments.tier", "device"),
    }
)
MOST_DIFFERENCES = 3  # said of a run among others of its title
# Symbol and word of every status and outcome; the colour only repeats what they say.
STATES: dict[str, str] = {
    "queued": "◌ queued",
    "starting": "◔ starting",
    "running": "▶ running",
    "paused": "‖ paused",
    "finished": "✓ finished",
    "stopped": "■ stopped",
    "diverged": "▲ diverged",
    "collapsed": "▬ collapsed",
    "interrupted": "⌁ interrupted",
    "failed": "✕ failed",
}

# What a newcomer asks of an outcome, on hover.
MEANINGS: dict[str, str] = {
    "diverged": "Its loss is not finite, or a thousand times the first one.",
    "collapsed": "It ends at the loss of always guessing the class frequencies, within 2 %.",
    "interrupted": "Its process ended before it did; what it saved is kept.",
}


def config_of(run: Run) -> AnyConfig | None:
    """Return a run's config, or None if another version of proxprop wrote it."""
    try:
        return run.config
    except ConfigError:
        return None


def state_of(run: Run) -> str:
    """Return symbol and word of how a run stands."""
    name = run.outcome if run.status == "ended" and run.outcome else run.status
    return STATES.get(name, name)


def title_of(run: Run) -> str:
    """Return a run's name; without one, what distinguishes it."""
    return run.name or summary_of(config_of(run))


def names_of(runs: Iterable[Run], *, when: bool = True) -> dict[str, str]:
    """Return id → what a run is called among others; no two names are alike.

    Args:
        runs: All that stand side by side.
        when: Whether a name says when the run was made.

    Returns:
        Title, then what differs from others of that title, then when; of twins, to the second, and
        only where that is the same, too, their id.
    """
    alike: dict[str, list[Run]] = {}
    for run in runs:
        alike.setdefault(title_of(run), []).append(run)
    names: dict[str, str] = {}
    for title, group in alike.items():
        for run, differences in zip(group, _differences(group), strict=True):
            parts = [title, *differences, *([clock(run.created)] if when else [])]
            names[run.id] = "  ·  ".join(parts)
    for distinct in (lambda run: clock(run.created, seconds=True), lambda run: run.id):
        often = Counter(names.values())
        twins = [run for group in alike.values() for run in group if often[names[run.id]] > 1]
        names |= {run.id: f"{names[run.id]}  ·  {distinct(run)}" for run in twins}
    return names


def _differences(runs: Sequence[Run]) -> list[list[str]]:
    """Return for each run of one title the settings in which they differ, a few of them."""
    configs = [config_of(run) for run in runs]
    values = [flatten(config) for config in configs if isinstance(config, RunConfig)]
    if len(values) < len(runs):
        return [[] for _ in runs]
    differing = [name for name in SETTINGS if len({repr(each[name]) for each in values}) > 1]
    # How long and how often measured says least of a run.
    said = ([name for name in differing if name not in ASIDE] or differing)[:MOST_DIFFERENCES]
    return [
        [f"{SETTINGS[name].label} {shown_value(name, each[name])}" for name in said]
        for each in values
    ]


def shown_value(name: str, value: Any) -> str:
    """Return the value of a setting as a person reads it."""
    if value is None:
        return SETTINGS[name].empty or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return exact_number(value)
    return CHOICES.get(name, {}).get(str(value), str(value))


def clock(moment: float, *, seconds: bool = False) -> str:
    """Return when something was, in this machine's time: 14:05 of today, else with its day."""
    then, now = datetime.fromtimestamp(moment), datetime.now()
    today = f"{then:%H:%M:%S}" if seconds else f"{then:%H:%M}"
    return today if then.date() == now.date() else f"{then.day} {then:%b %Y} {today}"


def summary_of(config: AnyConfig | None) -> str:
    """Return a config in one line: direction, optimizer, step sizes."""
    if isinstance(config, RaceConfig):
        return f"race of {len(config.contenders)}"
    if isinstance(config, SweepConfig):
        return "map of short runs"
    if config is None:
        return "settings of another version"
    direction, optimizer = config.direction, config.optimizer
    parts = [
        direction.label,
        OPTIMIZERS[optimizer.name].label,
        f"η {exact_number(optimizer.lr)}",
    ]
    if direction.solver != "explicit":
        parts.append(f"τ {exact_number(direction.tau)}")
    if optimizer.explicit_lr is not None:
        parts.append(f"explicit η {exact_number(optimizer.explicit_lr)}")
    return ", ".join(parts)


def data_of(config: AnyConfig | None) -> str:
    """Return the label of the data set a config names."""
    return "" if config is None else DATA[config.data.name].label


def direction_of(config: AnyConfig | None) -> str:
    """Return the direction without its k, the word the filter uses."""
    return SOLVER_LABELS[config.direction.solver] if isinstance(config, RunConfig) else ""
