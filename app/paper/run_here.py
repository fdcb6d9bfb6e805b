"""Run it here: the recorded settings as a race, a run, a command; and races of the paper so far."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from app.components.links import Link
from app.components.race_link import encode
from app.components.run_titles import ADDRESSES, config_of, state_of, title_of
from app.services import get_store
from proxprop.paper.result import AnyResult, Result
from proxprop.spec.config import ConfigError, RaceConfig, RunConfig, to_query

NETWORKS = ("paper-mlp", "paper-convnet")
MAX_CONTENDERS = 6
MAX_RACES = 6


def race_of(result: Result) -> RaceConfig | None:
    """Return the race of a result's contenders; None where they do not share one task."""
    try:
        configs = [contender.run_config for contender in result.contenders]
    except ConfigError:
        return None
    if not 2 <= len(configs) <= MAX_CONTENDERS or len(set(map(_task, configs))) > 1:
        return None
    shared = {"model", "batch_size", "budget", "seed", "evaluation"}
    contenders = [
        {"label": each.label, "direction": config.direction, "optimizer": config.optimizer}
        for each, config in zip(result.contenders, configs, strict=True)
    ]
    return RaceConfig.parse(_here(configs[0], shared) | {"contenders": contenders})


def run_of(config: RunConfig) -> RunConfig:
    """Return a recorded run's settings as they can be run here."""
    own = RunConfig.model_fields.keys() - {"device", "devices", "checkpoint", "instruments"}
    return RunConfig.parse(_here(config, own))


def _task(config: RunConfig) -> str:
    return config.model_dump_json(include={"data", "model", "batch_size", "budget"})


def _here(config: RunConfig, fields: set[str]) -> dict[str, Any]:
    # The folder of whoever recorded it is not this machine's: CIFAR-10 by name is fetched once.
    data = config.data.model_dump(exclude={"path", "image_size"})
    return config.model_dump(include=fields) | {"data": data | {"name": "cifar10"}}


def links(result: AnyResult) -> list[Link]:
    """Return address and words of every way to run it here."""
    if not isinstance(result, Result):
        return [Link("stability?view=Whole+network", "Map the step sizes in Stability")]
    addresses = []
    if (race := race_of(result)) is not None:
        addresses.append(Link(f"compare?form={encode(race)}", "All of them as a race in Compare"))
    for contender in result.contenders[:MAX_CONTENDERS]:
        try:
            query = to_query(run_of(contender.run_config))
        except ConfigError:
            continue
        addresses.append(Link(f"train?{urlencode(query)}", f"{contender.label} in Train"))
    return addresses


def command(experiment: str) -> str:
    """Return the command that records an experiment here."""
    name, _, part = experiment.partition("-")
    chosen = f" --part {part}" if part else ""
    return f"proxprop paper --experiment {name}{chosen} --scale laptop"


def races() -> list[Link]:
    """Return the latest races and runs of the paper's networks, newest first, and their states."""
    listed = []
    for run in get_store().runs(search="paper-", kind=("race", "run"), limit=4 * MAX_RACES):
        config = config_of(run)
        if isinstance(config, (RaceConfig, RunConfig)) and config.model.name in NETWORKS:
            page, name = ADDRESSES[run.kind]
            label = f"{title_of(run)} · {state_of(run)}"
            listed.append(Link(f"{page}?{name}={run.id}", label))
    return listed[:MAX_RACES]
