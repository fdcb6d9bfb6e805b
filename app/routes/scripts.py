"""A script that reproduces a run or a race with the library, to take home."""

from __future__ import annotations

import pprint

from proxprop.runs.record import Run
from proxprop.spec.config import RunConfig
from proxprop.spec.config.base import Config

SCRIPT = '''"""Reproduces proxprop {kind} {id}{name}.

Needs the package proxprop. The same config gives the same batches and initial weights anywhere; the
numbers agree to the last digit on the same device and versions, seconds are those of the machine.
{endless}"""

import os

from proxprop.runs.threads import wait_politely

wait_politely(os.environ)  # as workers do; before torch is loaded

from proxprop.engine.{room} import {loop}
from proxprop.spec.config import load_config
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Mark, Point
{who}
for event in {loop}(CONFIG, NoControls()):
    if isinstance(event, Point) and event.table == "evaluations":
        numbers = "  ".join(f"{{name}} {{value:.4g}}" for name, value in event.values.items())
        print(f"{whose}epoch {{event.epoch:.4g}}  {{event.seconds:.3f}} s  {{numbers}}")
    elif isinstance(event, Mark):
        print(f"{whose}{{event.label}}")
    elif isinstance(event, Ended):
        print(f"{whose}{{event.words or event.outcome}}")
'''
# What a script makes of a run that has no end.
ENDLESS = "The run has no end: this makes the {steps} steps that it had made, at full speed.\n"
CONFIG = "\nCONFIG = load_config(\n{config}\n)\n"
# Whose an event is, in a race: a member's name and seed; member -1 speaks for the whole.
WHO = """\
from proxprop.spec.racing import labels, place_of
{config}

def who(member):
    if member < 0:
        return "race"
    contender, seed = place_of(CONFIG, member)
    return f"{{labels(CONFIG.contenders)[contender]}}, seed {{CONFIG.seed + seed}}"

"""
# Kind of config → where its loop stands, what it is called, what says whose an event is.
LOOPS = {
    "run": ("training", "train", "{config}", ""),
    "race": ("racing", "race", WHO, "{who(event.member)}: "),
}


def script(run: Run, config: Config) -> str:
    """Return a Python script that reproduces the run or race with the library.

    Raises:
        ValueError: For sweeps, whose picture a script cannot draw.
    """
    if run.kind not in LOOPS:
        raise ValueError(f"a {run.kind} is made of many runs; take its config and open it instead")
    room, loop, who, whose = LOOPS[run.kind]
    endless = ""
    if isinstance(config, RunConfig) and config.budget.endless:
        steps = max(1, run.step)
        endless = ENDLESS.format(steps=steps)
        config = config.replace(budget={"epochs": None, "steps": steps})
    if isinstance(config, RunConfig):  # nobody talks meanwhile
        config = config.model_copy(update={"pace": None})
    name = "".join(c for c in run.name if c.isprintable() and c not in "\"'\\").strip()
    values = pprint.pformat(config.model_dump(mode="json"), width=96, sort_dicts=False)
    return SCRIPT.format(
        kind=run.kind,
        id=run.id,
        name=f" ({name})" if name else "",
        room=room,
        loop=loop,
        endless=endless,
        who=who.format(config=CONFIG.format(config=values)),
        whose=whose,
    )
