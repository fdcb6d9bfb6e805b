"""The recorded race on the Home page: real numbers, drawn as they came in."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import BaseModel

from app.charts.theme import line_style
from app.components.network import model_title
from app.components.notation import count, number
from app.components.run_titles import SOLVERS, data_of, summary_of
from proxprop.spec.config import from_query

RECORDING = Path(__file__).parent / "race.json"
WIDTH, HEIGHT = 1180, 330
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 14, 50
DASHES = {"solid": "none", "dash": "10 6"}


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
    _component(race_svg(race))(key="race")


@cache
def _component(svg: str) -> Any:
    # st.html takes drawings out, a component's own markup is left as it is.
    return st.components.v2.component("proxprop_race", html=svg, isolate_styles=False)


def race_svg(race: Race) -> str:
    """Return the picture: full training loss against seconds, revealed from left to right."""
    losses = [loss for contender in race.contenders for _, loss in contender.until(race.seconds)]
    low, high = math.log10(min(losses)) - 0.05, math.log10(max(losses)) + 0.05
    lines = "".join(_line(contender, race.seconds, low, high) for contender in race.contenders)
    return (
        f'<svg class="race" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" width="100%" '
        f'aria-label="Full training loss against training time">'
        f'<clipPath id="race-clip"><rect class="race-clip" width="{WIDTH}" height="{HEIGHT}"/>'
        f"</clipPath>{_grid(race.seconds, low, high)}{lines}</svg>"
    )


def _grid(seconds: float, low: float, high: float) -> str:
    parts = [
        f'<text x="20" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 20 {(TOP + HEIGHT - BOTTOM) / 2})">full training loss J</text>'
    ]
    powers = range(math.floor(low), math.ceil(high) + 1)
    for loss in (float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)):
        if low <= math.log10(loss) <= high:
            y = _y(loss, low, high)
            parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                f'class="race-grid"/><text x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">'
                f"{loss:g}</text>"
            )
    step = _nice(seconds / 4)
    for tick in range(int(seconds / step) + 1):
        x = _x(tick * step, seconds)
        parts.append(
            f'<text x="{x}" y="{HEIGHT - BOTTOM + 22}" text-anchor="middle">{tick * step:g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">training time [s]</text>'
    )
    return "".join(parts)


def _line(contender: Contender, seconds: float, low: float, high: float) -> str:
    style = line_style(contender.solver)
    points = [
        (_x(second, seconds), _y(loss, low, high)) for second, loss in contender.until(seconds)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    end = points[-1][1]
    name = SOLVERS[contender.solver]
    return (
        f'<polyline points="{path}" fill="none" stroke-width="3.5" '
        f'style="stroke: color-mix(in srgb, var(--st-text-color) 15%, {style.color})" '
        f'stroke-dasharray="{DASHES[style.dash]}" clip-path="url(#race-clip)"/>'
        f'<text x="{WIDTH - RIGHT + 10}" y="{end + 5:.1f}" class="race-name">{name}</text>'
    )


def _x(second: float, seconds: float) -> float:
    return LEFT + second / seconds * (WIDTH - LEFT - RIGHT)


def _y(loss: float, low: float, high: float) -> float:
    return TOP + (high - math.log10(loss)) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return min((f * power for f in (1, 2, 5, 10)), key=lambda size: abs(size - step))
