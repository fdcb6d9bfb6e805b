"""Runs beside each other: what each line is called and looks like, and where settings differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.charts.contender_styles import line_styles
from app.charts.parallel import Axis
from app.charts.theme import LineStyle
from app.components.notation import number
from app.components.run_titles import ASIDE, clock, config_of, shown_value, title_of
from app.forms.settings import SETTINGS
from proxprop.runs.reading import Reading
from proxprop.runs.record import Run
from proxprop.runs.results import raced
from proxprop.spec.config import Contender, RaceConfig, RunConfig
from proxprop.spec.config.query import flatten
from proxprop.spec.curves import Stat
from proxprop.spec.racing import labels, members_of

MOST = 12  # lines: more are not told apart
LONGEST = 4  # differences that a line's name says
SPEAK_ALONE = ("optimizer.name", "data.name", "model.activation")
FIRST = (
    *("direction.solver", "optimizer.name", "optimizer.lr", "direction.tau", "direction.cg_steps"),
    *("optimizer.explicit_lr", "optimizer.momentum", "batch_size"),
)
# Measure → what an axis of it is called, and whether it is logarithmic.
MEASURES = {
    "train_loss": ("training loss", True),
    "best_train_loss": ("best training loss", True),
    "validation_loss": ("validation loss", True),
    "validation_accuracy": ("validation accuracy", False),
}
LINEAR = ("seed", "direction.cg_steps")  # settings that are counted


@dataclass(frozen=True)
class Side:
    """One line: a run, or one contender of a race.

    Attributes:
        run: Where its points are.
        members: Whose they are, one a seed.
        config: Its settings.
        label: What it is called among the others.
        style: Colour and dash.
        summary: Measure → last and best values, over its seeds.
    """

    run: Run
    members: tuple[int, ...]
    config: RunConfig
    label: str
    style: LineStyle
    summary: dict[str, Stat]


def sides(store: Reading, runs: Iterable[Run]) -> list[Side]:
    """Return the lines of these runs and races, at most `MOST`."""
    chosen = list(runs)
    rows: list[tuple[Run, tuple[int, ...], RunConfig, str, dict[str, Stat]]] = []
    for run in chosen:
        config = config_of(run)
        if isinstance(config, RunConfig):
            summary = {name: Stat.of([value]) for name, value in run.summary.items()}
            rows.append((run, (0,), config, "", summary))
        elif isinstance(config, RaceConfig):
            rows += _contenders(store, run, alone=len(chosen) == 1)
    rows = rows[:MOST]
    if not rows:
        return []
    configs = [row[2] for row in rows]
    names = _names([(run, name) for run, _, _, name, _ in rows], configs)
    racers = [Contender(direction=each.direction, optimizer=each.optimizer) for each in configs]
    return [
        Side(run, members, config, name, style, summary)
        for (run, members, config, _, summary), name, style in zip(
            rows, names, line_styles(racers), strict=True
        )
    ]


def _contenders(
    store: Reading, run: Run, *, alone: bool
) -> Iterable[tuple[Run, tuple[int, ...], RunConfig, str, dict[str, Stat]]]:
    config, _ = raced(store, run)
    begun = set(store.members(run.id))
    whose = "" if alone else f", {title_of(run)}"
    ends: dict[int, dict[str, float]] = {}
    for row in store.events(run.id):
        if (summary := getattr(row.event, "summary", None)) is not None:
            ends[row.event.member] = summary
    for index, label in enumerate(labels(config.contenders)):
        members = tuple(member for member in members_of(config, index) if member in begun)
        if members:
            mine = [ends.get(member, {}) for member in members]
            measures = {name for each in mine for name in each}
            stats = {name: Stat.of(e[name] for e in mine if name in e) for name in measures}
            yield run, members, config.run(index), f"{label}{whose}", stats


def _names(rows: Sequence[tuple[Run, str]], configs: Sequence[RunConfig]) -> list[str]:
    """Return what each line is called: its name, or what differs; never twice the same."""
    differing = _differing(configs)
    told = [name for name in [*FIRST, *differing] if name in differing and name not in ASIDE]
    told = list(dict.fromkeys(told))[:LONGEST]
    names = []
    for place, (run, contender) in enumerate(rows):
        said = [_short(name, configs[place], differing[name][place]) for name in told]
        names.append(contender or run.name or ", ".join(filter(None, said)) or title_of(run))
    for distinct in (lambda run, _: clock(run.created), lambda _, place: f"no. {place + 1}"):
        often = Counter(names)
        names = [
            f"{name}, {distinct(rows[place][0], place)}" if often[name] > 1 else name
            for place, name in enumerate(names)
        ]
    return names


def _short(name: str, config: RunConfig, value: str) -> str:
    """Return a setting as a part of a line's name; the direction says its k itself."""
    if name == "direction.solver":
        return config.direction.label
    if value == "–" or name == "direction.cg_steps":
        return ""
    label = SETTINGS[name].label
    return value if name in SPEAK_ALONE else f"{label.rpartition(' ')[2]} {value}"


def differences(configs: Sequence[RunConfig]) -> list[tuple[str, list[str]]]:
    """Return the settings in which configs differ: label, and the value in each."""
    return [(SETTINGS[name].label, values) for name, values in _differing(configs).items()]


def _differing(configs: Sequence[RunConfig]) -> dict[str, list[str]]:
    flat = [flatten(config) for config in configs]
    table = {}
    for name in SETTINGS:
        values = [_value(name, each) for each in flat]
        # That an explicit step has no Gram goes without saying.
        kinds = set(values) - ({"–"} if name not in FIRST else set())
        if len(kinds) > 1:
            table[name] = values
    return table


def _value(name: str, values: dict[str, Any]) -> str:
    """Return a setting in words; a dash where it has no part in the run."""
    solver = values["direction.solver"]
    of_implicit = name.startswith("direction.") and name != "direction.solver"
    of_cg = name.startswith("direction.cg_")
    if (of_implicit and solver == "explicit") or (of_cg and solver != "cg"):
        return "–"
    return shown_value(name, values[name])


def axes(lines: Sequence[Side]) -> list[Axis]:
    """Return the axes of a picture of all lines: where settings differ, then what came out."""
    flat = [flatten(line.config) for line in lines]
    found = []
    for name, said in _differing([line.config for line in lines]).items():
        if name in ASIDE:
            continue
        values = [None if word == "–" else each[name] for word, each in zip(said, flat)]
        numbers = all(type(value) in (int, float, type(None)) for value in values)
        own = values if numbers else said
        found.append(Axis(SETTINGS[name].label, tuple(own), log=name not in LINEAR))
    for name, (label, log) in MEASURES.items():
        means = [line.summary[name].mean if name in line.summary else None for line in lines]
        if any(mean is not None for mean in means):
            found.append(Axis(label, tuple(means), log=log, percent=name.endswith("accuracy")))
    return found


def results(lines: Sequence[Side]) -> list[tuple[str, list[str]]]:
    """Return what came out: measure, and its value in each line, over seeds with its spread."""
    table = []
    for name, (label, _) in MEASURES.items():
        stats = [line.summary.get(name) for line in lines]
        if any(stats):
            table.append((label, [_stat(stat, name.endswith("accuracy")) for stat in stats]))
    return table


def _stat(stat: Stat | None, percent: bool) -> str:
    if stat is None or not stat.n:
        return "–"

    def said(value: float, digits: int) -> str:
        return f"{100 * value:.1f} %" if percent else number(value, digits)

    return said(stat.mean, 3) + (f" ± {said(stat.std, 2)}" if stat.n > 1 else "")
