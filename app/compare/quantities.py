"""What can be looked at in a race, and where its target stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.charts.curves import Quantity
from app.compare.state import RaceState
from proxprop.runs.record import Run
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import RaceConfig
from proxprop.spec.curves import Measure


@dataclass(frozen=True)
class Looked:
    """One thing to look at.

    Attributes:
        measure: Column of the table "evaluations".
        name: Word on the button.
        title: The question the figure answers.
        y_title: Axis title.
        accuracy: Whether higher is better.
    """

    measure: Measure
    name: str
    title: str
    y_title: str
    accuracy: bool = False

    @property
    def series(self) -> str:
        """Name of the series after its member."""
        return f"evaluations/{self.measure}"

    def target(self, state: RaceState, race: Run | None) -> float:
        """Return where it was dragged to; before, a tenth of a guesser's loss, or 90 %."""
        if self.measure in state.target:
            return state.target[self.measure]
        if self.accuracy:
            return 0.9
        config = race.config if race is not None else state.config()
        name = config.data.name if isinstance(config, RaceConfig) else "digits"
        return float(f"{math.log(max(2, len(DATA[name].classes))) / 10:.1g}")

    def quantity(self, state: RaceState, race: Run | None) -> Quantity:
        """Return it as the chart takes it."""
        return Quantity(
            series=self.series,
            name=self.name,
            title=self.title,
            y_title=self.y_title,
            log_y=not self.accuracy,
            y_format=".1%" if self.accuracy else ".3~g",
            target=self.target(state, race),
            below=not self.accuracy,
        )


QUANTITIES: dict[str, Looked] = {
    looked.measure: looked
    for looked in (
        Looked("train_loss", "training loss", "Who fits fastest?", "full training loss J"),
        Looked("validation_loss", "validation loss", "Who learns best?", "validation loss"),
        Looked(
            "validation_accuracy",
            "accuracy",
            "Who learns best?",
            "validation accuracy",
            accuracy=True,
        ),
    )
}
