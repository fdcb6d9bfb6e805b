"""What a run is called, where it is shown and how it stands, in words."""

from __future__ import annotations

from app.components.notation import exact_number
from proxprop.runs.record import Run
from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVER_LABELS
from proxprop.spec.config import ConfigError, RaceConfig, RunConfig, SweepConfig

AnyConfig = RunConfig | RaceConfig | SweepConfig
# Kind of run → the page that shows it, and the name of its id in that page's link.
ADDRESSES = {"run": ("train", "run"), "race": ("compare", "race"), "sweep": ("stability", "sweep")}
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
