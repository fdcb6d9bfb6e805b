"""A script that reproduces a run or a race with the library, to take home."""

from __future__ import annotations

import pprint

from proxprop.runs.record import Run
from proxprop.spec.config.base import Config

SCRIPT = '''"""Reproduces proxprop run {id}{name}.

Needs the package proxprop. The same config gives the same batches and initial weights anywhere; the
numbers agree to the last digit on the same device and versions.
"""

from proxprop.engine.training import train
from proxprop.spec.config import load_config
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Mark, Point

CONFIG = {config}

for event in train(load_config(CONFIG), NoControls()):
    if isinstance(event, Point) and event.table == "evaluations":
        numbers = "  ".join(f"{{name}} {{value:.4g}}" for name, value in event.values.items())
        print(f"epoch {{event.epoch:6.2f}}  {{event.seconds:7.2f}} s  {{numbers}}")
    elif isinstance(event, Mark):
        print(event.label)
    elif isinstance(event, Ended):
        print(event.words or event.outcome)
'''

RACE_SCRIPT = '''"""Reproduces proxprop race {id}{name}.

Needs the package proxprop. The same config gives all contenders the same batches and initial
weights anywhere; seconds are those of the machine it runs on.
"""

from proxprop.engine.racing import race
from proxprop.spec.config import load_config
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Ended, Point
from proxprop.spec.racing import labels, place_of

CONFIG = load_config(
{config}
)
NAMES = labels(CONFIG.contenders)


def who(member):
    """Return a member's name and seed; member -1 speaks for the whole race."""
    if member < 0:
        return "race"
    place = place_of(CONFIG, member)
    return f"{{NAMES[place.contender]}}, seed {{CONFIG.seed + place.seed_index}}"


for event in race(CONFIG, NoControls()):
    if isinstance(event, Point) and event.table == "evaluations":
        place = f"epoch {{event.epoch:.4g}}  {{event.seconds:.3f}} s"
        numbers = "  ".join(f"{{name}} {{value:.4g}}" for name, value in event.values.items())
        print(f"{{who(event.member)}}: {{place}}  {{numbers}}")
    elif isinstance(event, Ended):
        print(f"{{who(event.member)}}: {{event.words or event.outcome}}")
'''


def script(run: Run, config: Config) -> str:
    """Return a Python script that reproduces the run or race with the library.

    Raises:
        ValueError: For sweeps, whose picture a script cannot draw.
    """
    scripts = {"run": SCRIPT, "race": RACE_SCRIPT}
    if run.kind not in scripts:
        raise ValueError(f"a {run.kind} is made of many runs; take its config and open it instead")
    values = config.model_dump(mode="json")
    name = "".join(c for c in run.name if c.isprintable() and c not in "\"'\\").strip()
    return scripts[run.kind].format(
        id=run.id,
        name=f" ({name})" if name else "",
        config=pprint.pformat(values, width=96, sort_dicts=False),
    )
