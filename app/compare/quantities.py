"""What can be looked at in a race, and where its target stands."""

from __future__ import annotations

import math

from app.charts.curves import Quantity
from app.compare.state import RaceState, Shown
from proxprop.runs.record import Run
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import RaceConfig

FIT, LEARN = "Who fits fastest?", "Who learns best?"
QUANTITIES: dict[Shown, Quantity] = {
    "train_loss": Quantity(
        "evaluations/train_loss", "training loss", FIT, "full training loss J", log=True
    ),
    "validation_loss": Quantity(
        "evaluations/validation_loss", "validation loss", LEARN, "validation loss", log=True
    ),
    "validation_accuracy": Quantity(
        "evaluations/validation_accuracy",
        "accuracy",
        LEARN,
        "validation accuracy",
        y_format=".1%",
        below=False,
    ),
}


def target_of(shown: Shown, state: RaceState, race: Run | None) -> float:
    """Return where it was dragged to; before, a tenth of a guesser's loss, or 90 %."""
    if shown in state.target:
        return state.target[shown]
    if not QUANTITIES[shown].below:
        return 0.9
    config = race.config if race is not None else state.config()
    name = config.data.name if isinstance(config, RaceConfig) else "digits"
    return float(f"{math.log(max(2, len(DATA[name].classes))) / 10:.1g}")
