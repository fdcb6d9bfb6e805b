"""Stored sweeps: which there are, what they are called, what can be taken from them."""

from __future__ import annotations

import time

from app.components.run_titles import data_of
from app.forms.task import layer_rows
from app.services import get_service, get_store
from app.words import exact_number
from proxprop.runs.record import Run
from proxprop.runs.results import find_sweep
from proxprop.spec.config import ConfigError, RunConfig, SweepConfig, to_query
from proxprop.spec.sweeping import MapPayload, default_sweep, plane_sweep

PRESETS = {"Map over step sizes": default_sweep, "Plane of τ and η": plane_sweep}
SHOWN = 30


def stored() -> dict[str, Run]:
    """Return the latest sweeps by id, newest first."""
    return {run.id: run for run in get_store().runs(kind="sweep", limit=SHOWN)}


def config_of(run: Run) -> SweepConfig | None:
    """Return a sweep's config; None for another kind of run, or another version's."""
    try:
        config = run.config
    except ConfigError:
        return None
    return config if isinstance(config, SweepConfig) else None


def title_of(run: Run) -> str:
    """Return what distinguishes a sweep, in one line that stays the same as it goes on."""
    config = config_of(run)
    when = time.strftime("%d %b %H:%M", time.localtime(run.created))
    if run.name or config is None:
        return f"{run.name or 'another version'} · {when} · {run.id}"
    plane = any(len(method.varies) == 2 for method in config.methods)
    what = "τ × η" if plane else f"{len(config.methods)} methods"
    task = f"{data_of(config)} {layers_of(config)}".strip()
    return f"{what}, {len(config.cells())} cells · {when} · {task} · {run.id}"


def layers_of(config: SweepConfig) -> str:
    """Return the widths of a fully connected network, input to output; "" for others."""
    rows = layer_rows(config.run(0))
    if not rows or any(row.kind not in ("linear", "flatten") for row in rows):
        return ""
    linear = [row for row in rows if row.kind == "linear"]
    return "-".join(str(width) for width in (linear[0].fan_in, *(row.shape[0] for row in linear)))


def start(preset: str, owner: str) -> str:
    """Start a preset's sweep and return its id; one that is stored or goes on is taken instead."""
    config = PRESETS[preset]()
    found = find_sweep(get_store(), config, live=True)
    return found.id if found is not None else get_service().start(config, "", owner)


def cell_run(config: SweepConfig, cell: int) -> RunConfig:
    """Return the run that a cell's first seed is, on its own."""
    return config.run(cell * config.seeds)


def cell_query(config: SweepConfig, cell: int) -> dict[str, str]:
    """Return the link's query that opens a cell in Train."""
    return to_query(cell_run(config, cell))


def cell_title(config: SweepConfig, cell: int) -> str:
    """Return a cell's method and step sizes."""
    place = config.cells()[cell]
    method = config.methods[place.method]
    eta = f"η {exact_number(float(f'{place.lr:.3g}'))}"
    if method.direction.solver == "explicit":
        return f"{method.name}, {eta}"
    return f"{method.name}, {eta}, τ {exact_number(float(f'{place.tau:.3g}'))}"


def limit_words(payload: MapPayload) -> list[str]:
    """Return, method by method, what is predicted, or why nothing is (first seed)."""
    words = []
    for method in payload["methods"]:
        known = next((limit for limit in method["limits"] if limit is not None), None)
        if known is not None:
            words.append(f"**{method['label']}**: {known['words']}")
    return words
