"""Run it here: the recorded settings as a race, a run, a command; and races of the paper so far."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from app.components.race_link import encode
from app.components.run_titles import config_of, state_of, title_of
from app.paper.recordings import AnyResult
from app.services import get_store
from proxprop.paper import Result
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError, RaceConfig, RunConfig, to_query

NETWORKS = ("paper-mlp", "paper-convnet")
MOST = 6  # contenders of a race
SHOWN = 6


def race_of(result: Result) -> RaceConfig | None:
    """Return the race of a result's contenders; None where they do not share one task."""
    try:
        configs = [one.run_config for one in result.contenders]
    except ConfigError:
        return None
    if not 2 <= len(configs) <= MOST or len({_task(config) for config in configs}) > 1:
        return None
    first = configs[0]
    values = first.model_dump(include={"model", "batch_size", "budget", "seed", "evaluation"})
    contenders = [
        {"label": one.label, "direction": config.direction, "optimizer": config.optimizer}
        for one, config in zip(result.contenders, configs, strict=True)
    ]
    return RaceConfig.parse({**values, "data": _data(first), "contenders": contenders})


def run_of(config: RunConfig) -> RunConfig:
    """Return a recorded run's settings as they can be run here."""
    values = config.model_dump(exclude={"device", "checkpoint", "instruments"})
    return RunConfig.parse({**values, "data": _data(config)})


def _task(config: RunConfig) -> str:
    return RunConfig.model_dump_json(config, include={"data", "model", "batch_size", "budget"})


def _data(config: RunConfig) -> dict[str, object]:
    # The folder of whoever recorded it is not this machine's: CIFAR-10 by name is fetched once.
    return {**config.data.model_dump(exclude={"path", "image_size"}), "name": "cifar10"}


def links(result: AnyResult) -> list[tuple[str, str]]:
    """Return address and words of every way to run it here."""
    if not isinstance(result, Result):
        return [("/stability?view=Whole+network", "Map the step sizes in Stability")]
    found = []
    race = race_of(result)
    if race is not None:
        found.append((f"/compare?form={encode(race)}", "All of them as a race in Compare"))
    for one in result.contenders[:MOST]:
        try:
            query = to_query(run_of(one.run_config))
        except ConfigError:
            continue
        found.append((f"/train?{urlencode(query)}", f"{one.label} in Train"))
    return found


def command(experiment: str) -> str:
    """Return the command that records an experiment here."""
    name, _, part = experiment.partition("-")
    chosen = f" --part {part}" if part else ""
    return f"proxprop paper --experiment {name}{chosen} --scale laptop"


def races() -> list[Run]:
    """Return the latest races and runs of the paper's networks on CIFAR-10, newest first."""
    kept = []
    for run in get_store().runs(search="paper-", kind=("race", "run"), limit=4 * SHOWN):
        config = config_of(run)
        if isinstance(config, (RaceConfig, RunConfig)) and config.model.name in NETWORKS:
            kept.append(run)
    return kept[:SHOWN]


def races_html(runs: list[Run]) -> str:
    """Return links to stored races, each with how it stands."""
    made = []
    for run in runs:
        page, name = ("compare", "race") if run.kind == "race" else ("train", "run")
        words = f"{escape(title_of(run))} · {state_of(run)}"
        made.append(f'<a href="/{page}?{name}={run.id}" target="_self">{words}</a>')
    return links_html(made)


def links_html(made: list[str]) -> str:
    """Return a row of links."""
    return f'<div class="proxprop-links">{"".join(made)}</div>'


def anchors(result: AnyResult) -> list[str]:
    """Return the links of `links` as they stand on the page."""
    return [
        f'<a href="{escape(url)}" target="_self">{escape(words)}</a>'
        for url, words in links(result)
    ]
