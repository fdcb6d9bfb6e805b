"""What carries configs out: loops that train, race and sweep, each a generator of events.

Every module here may load torch; this one does not, so that the command line and a worker decide
when. What a config, an event, a preset or a payload is stands in `proxprop.spec`; who records the
events, in `proxprop.runs`.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Loop, NoControls


def load_loops() -> Mapping[str, Loop]:
    """Load torch and return the loop of every kind of config."""
    # Late: see above.
    from proxprop.engine.loops import LOOPS

    return LOOPS


def warm_up() -> None:
    """Load torch and make two steps of the default run: no later run pays first-use costs."""
    config = RunConfig().replace(**{"budget.epochs": None, "budget.steps": 2})
    for _ in load_loops()["run"](config, NoControls()):
        pass
