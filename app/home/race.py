"""The recorded race on the Home page: real numbers, drawn as they came in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import BaseModel

from app.charts.race import DESK, PHONE, ROOM, RaceLine, race_svg
from app.charts.theme import line_style
from app.components.network import model_title
from app.components.notation import count
from app.components.run_titles import data_of, summary_of
from app.components.transport import start
from proxprop.spec.catalog.optimizers import SOLVER_LABELS
from proxprop.spec.config import RaceConfig, from_query

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
        f"its loss is {losses['explicit']:#.2g} with explicit steps and "
        f"{losses['exact']:#.2g} with implicit (exact) steps."
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


def race_config(race: Race) -> RaceConfig:
    """Return the race that was recorded, to be run again."""
    configs = [from_query(contender.query) for contender in race.contenders]
    shared = configs[0].model_dump(include=set(RaceConfig.model_fields) - {"kind"})
    contenders = [{"direction": each.direction, "optimizer": each.optimizer} for each in configs]
    return RaceConfig.parse({**shared, "contenders": contenders})


def run_live(race: Race) -> None:
    """Start the recorded race on this machine and show it; or the page says why it cannot."""
    if started := start(race_config(race)):
        st.switch_page("../pages/compare.py", query_params={"race": started, "x": "seconds"})
    st.rerun()


def show_race(race: Race, *, lecture: bool = False) -> None:
    """Place the picture on the page."""
    frames = (ROOM,) if lecture else (DESK, PHONE)  # the style shows the one that fits
    svg = "".join(race_svg(race_lines(race), race.seconds, frame) for frame in frames)
    _component(svg, "room" if lecture else "desk")(key="race")


@cache
def _component(svg: str, place: str) -> Any:
    # st.html takes drawings out, a component's own markup is left as it is.
    return st.components.v2.component(f"proxprop_race_{place}", html=svg, isolate_styles=False)


def race_lines(race: Race) -> list[RaceLine]:
    """Return what is drawn of a race: every measurement up to the common time."""
    return [
        (SOLVER_LABELS[each.solver], line_style(each.solver), each.until(race.seconds))
        for each in race.contenders
    ]
