"""How a race shows in the terminal: its bar, its table, its JSON."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from proxprop.cli.execution import ProgressBar
from proxprop.runs.results import race_table
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError, Problem, RaceConfig
from proxprop.spec.curves import MEASURES, Stat
from proxprop.spec.events import Event, Point
from proxprop.spec.racing import Row, place_of, race_labels


class RaceBar(ProgressBar):
    """A race's progress in one line: which seed, and every contender's latest loss.

    Args:
        console: Where to draw.
        config: What is carried out.
        run_id: Shown once, so that the race can be found again.
    """

    def __init__(self, console: Console, config: Any, run_id: str) -> None:
        super().__init__(console, config, run_id)
        self._config: RaceConfig = config
        self._losses: dict[int, float] = {}
        self._seed_index = 0

    def show(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, Point) and event.table == "steps":
            contender, self._seed_index = place_of(self._config, event.member)
            self._losses[contender] = event.values["loss"]
        super().show(event)

    def _numbers(self) -> str:
        words = "  ".join(f"{loss:.2g}" for _, loss in sorted(self._losses.items()))
        seeds = self._config.seeds
        of = f"seed {self._seed_index + 1} of {seeds}  " if seeds > 1 else ""
        return f"{of}losses {words}" if words else "loading …"


def check_choices(
    store: Store, plan: RaceConfig | None, resume: str | None, measure: str, baseline: int
) -> None:
    """Refuse what the table could not be made of, before an hour is spent on the race.

    Raises:
        ConfigError: With every problem in words.
    """
    config = plan if plan is not None else store.run(resume or "").config
    if not isinstance(config, RaceConfig):
        raise ConfigError([Problem("--resume", f"run {resume} is a {config.kind}, not a race")])
    problems = []
    if measure not in MEASURES:
        rule = f"must be one of {', '.join(MEASURES)}, got {measure!r}"
        problems.append(Problem("--measure", rule))
    count = len(config.contenders)
    if not 1 <= baseline <= count:
        problems.append(Problem("--baseline", f"must be in 1…{count}, got {baseline}"))
    if problems:
        raise ConfigError(problems)


def race_result(
    store: Store, run_id: str, target: float | None, measure: Any, baseline: int
) -> dict[str, Any]:
    """Return how a race ended and its table as plain data; null is a number that is none."""
    run = store.run(run_id)
    table = race_table(store, run_id, target=target, measure=measure, baseline=baseline)
    config = run.config
    assert isinstance(config, RaceConfig)
    return {
        "id": run.id,
        "outcome": run.outcome,
        "words": run.words,
        "target": target,
        "measure": measure,
        "baseline": race_labels(config)[baseline],
        "contenders": [_plain(row) for row in table],
    }


def print_race(result: dict[str, Any], console: Console | None = None) -> None:
    """Print the result of a race: one table, and a second one where there is a target."""
    console = console or Console()
    grid = _grid(
        f"Race {result['id']}: {result['words']}",
        "training loss",
        "best",
        "validation",
        "ms a step",
        "ratio",
    )
    for row in result["contenders"]:
        grid.add_row(
            _named(row),
            _shown(row["final"]["train_loss"]),
            _shown(row["best"]["train_loss"]),
            _shown(row["final"]["validation_accuracy"], percent=True),
            _shown(row["step_seconds"], scale=1e3),
            _ratio(row["ratios"]["step_seconds"]),
        )
    console.print(grid)
    if result["target"] is not None:
        console.print(_target_grid(result))


def _target_grid(result: dict[str, Any]) -> Table:
    measure = result["measure"].replace("train", "training").replace("_", " ")
    title = f"To {measure} {result['target']:g}"
    grid = _grid(title, "epochs", "ratio", "training time [s]", "ratio")
    for row in result["contenders"]:
        seeds = len(row["members"])
        missed = f" ({row['reached']} of {seeds})" if 0 < row["reached"] < seeds else ""
        grid.add_row(
            _named(row),
            _shown(row["epochs_to_target"], missing="not reached") + missed,
            _ratio(row["ratios"]["epochs_to_target"]),
            _shown(row["seconds_to_target"]),
            _ratio(row["ratios"]["seconds_to_target"]),
        )
    return grid


def _grid(title: str, *headings: str) -> Table:
    grid = Table(title=title, title_justify="left")
    grid.add_column("contender")
    for heading in headings:
        grid.add_column(heading, justify="right")
    return grid


def _named(row: dict[str, Any]) -> str:
    seeds, diverged = len(row["members"]), row["diverged"]
    if not diverged:
        return str(row["label"])
    return f"{row['label']} (diverged{f' {diverged} of {seeds}' if seeds > 1 else ''})"


def _shown(
    stat: dict[str, Any], scale: float = 1.0, percent: bool = False, missing: str = "–"
) -> str:
    if stat["mean"] is None:
        return missing

    def number(value: float, digits: int) -> str:
        return f"{value:.1%}" if percent else f"{value * scale:.{digits}g}"

    spread = "" if stat["std"] is None else f" ± {number(stat['std'], 2)}"
    return number(stat["mean"], 3) + spread


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}×"


def _plain(row: Row) -> dict[str, Any]:
    return {name: _plain_value(getattr(row, name)) for name in Row.__dataclass_fields__}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Stat):
        return {name: _plain_value(getattr(value, name)) for name in ("mean", "std", "n")}
    if isinstance(value, dict):
        return {name: _plain_value(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
