"""The recorded race on the Home page: real numbers, drawn as they came in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import BaseModel

from app.charts.race import RaceLine, race_svg
from app.charts.theme import line_style
from app.components.network import model_title
from app.components.notation import count, number
from app.components.run_titles import data_of, summary_of
from proxprop.spec.catalog.optimizers import SOLVER_LABELS
from proxprop.spec.config import from_query

RECORDING = Path(__file__).parent / "race.json"


class Contender(BaseModel):
    """One contender's full training loss, measured as it trained.

    Attributes:
        solver: "explicit" or "exact".
        query: Its settings, as a link to Train says them.
        seconds: Training seconds of each measurement.
        epoch: Epochs of each measurement.
        train_loss: Full training loss.
    """

    solver: str
    query: dict[str, str]
    seconds: tuple[float, ...]
    epoch: tuple[float, ...]
    train_loss: tuple[float, ...]

    def until(self, seconds: float) -> list[tuple[float, float]]:
        """Return second and loss of each measurement up to `seconds`."""
        pairs = zip(self.seconds, self.train_loss, strict=True)
        return [(second, loss) for second, loss in pairs if second <= seconds]


class Race(BaseModel):
    """A recorded race.

    Attributes:
        machine: Where it ran, with which versions.
        contenders: Explicit, then implicit (exact).
    """

    machine: str
    contenders: tuple[Contender, ...]

    @property
    def seconds(self) -> float:
        """Training seconds both contenders have."""
        return min(contender.seconds[-1] for contender in self.contenders)


@cache
def recorded_race() -> Race | None:
    """Return the recording, or None where there is none."""
    try:
        return Race.model_validate_json(RECORDING.read_text())
    except (OSError, ValueError):
        return None


def sentence(race: Race) -> str:
    """Return what is seen, in one sentence with the recorded numbers."""
    losses = {each.solver: each.until(race.seconds)[-1][1] for each in race.contenders}
    return (
        f"The same network on the same pictures of clothes: after {race.seconds:.0f} s of training "
        f"its loss is {number(losses['explicit'], 2)} with explicit steps and "
        f"{number(losses['exact'], 2)} with implicit (exact) steps."
    )


def provenance(race: Race) -> str:
    """Return how and where the race was recorded, from the settings it was recorded with."""
    configs = [from_query(contender.query) for contender in race.contenders]
    first = configs[0]
    samples = f"{count(first.data.samples)} images, " if first.data.samples else ""
    return (
        f"Recorded: {data_of(first)}, {samples}{model_title(first)}, batch {first.batch_size}; "
        f"{'; '.join(map(summary_of, configs))}. {race.machine}."
    )


def show_race(race: Race) -> None:
    """Place the picture on the page."""
    _component(race_svg(race_lines(race), race.seconds))(key="race")


@cache
def _component(svg: str) -> Any:
    # st.html takes drawings out, a component's own markup is left as it is.
    return st.components.v2.component("proxprop_race", html=svg, isolate_styles=False)


def race_lines(race: Race) -> list[RaceLine]:
    """Return what is drawn of a race: every measurement up to the common time."""
    return [
        (SOLVER_LABELS[each.solver], line_style(each.solver), each.until(race.seconds))
        for each in race.contenders
    ]
