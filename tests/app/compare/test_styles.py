"""Names, colours, links and pictures of contenders, apart from the page."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.charts.contender_styles import COOL, LONG, SHORT, WARM, line_styles
from app.charts.search import search_figure
from app.charts.theme import line_style
from app.components.race_link import decode, encode
from proxprop.spec.config import ConfigError, Contender, RaceConfig
from proxprop.spec.racing import RACE_PRESETS, default_race
from tests.app.charts.test_theme import NIGHT, WHITE, contrast

PAIRINGS = [
    Contender.parse({"direction": {"solver": solver}, "optimizer": {"name": name}})
    for solver, name in itertools.product(("explicit", "exact", "cg"), ("sgd", "adam", "muon"))
]
contenders = st.lists(st.sampled_from(PAIRINGS), min_size=2, max_size=10)


@given(contenders)
def test_no_two_look_alike_and_families_stay(chosen: list[Contender]) -> None:
    styles = line_styles(chosen)
    assert len(set(styles)) == len(chosen)
    for contender, style in zip(chosen, styles, strict=True):
        explicit = contender.direction.solver == "explicit"
        assert style.color in (WARM if explicit else COOL)
        assert style.dash in (SHORT if explicit else LONG)


@given(contenders)
def test_the_first_of_a_kind_looks_as_everywhere(chosen: list[Contender]) -> None:
    first = chosen[0]
    assert line_styles(chosen)[0] == line_style(first.direction.solver, first.optimizer.name)


@pytest.mark.parametrize("color", sorted({*WARM, *COOL} - {"#E69F00", "#56B4E9", "#CC79A7"}))
def test_added_colours_stand_out_in_both_themes(color: str) -> None:
    from app.charts.theme import DARK_LINES

    assert contrast(color, WHITE) >= 3
    assert contrast(DARK_LINES.get(color, color), NIGHT) >= 3


@pytest.mark.parametrize("preset", RACE_PRESETS, ids=lambda preset: preset.name)
def test_links_round_trip_and_are_short(preset: object) -> None:
    config = preset.config  # type: ignore[attr-defined]
    assert decode(encode(config)) == config
    assert len(encode(config)) < 600


@given(st.floats(1e-300, 1e300), st.integers(1, 10), st.text(max_size=60))
def test_any_race_round_trips(lr: float, seeds: int, label: str) -> None:
    values = default_race().model_dump()
    values["contenders"] = [dict(contender) for contender in values["contenders"]]
    values["contenders"][0]["label"] = label
    values["contenders"][1]["optimizer"] = {"lr": lr}
    config = RaceConfig.parse({**values, "seeds": seeds})
    assert decode(encode(config)) == config


@pytest.mark.parametrize("word", ["", "x", "%%%", "eNoDAAAAAAE", encode(default_race())[:-4]])
def test_damaged_links_are_refused_in_words(word: str) -> None:
    with pytest.raises(ConfigError, match="link"):
        decode(word)


def test_the_search_is_dots_over_eta_with_winners_ringed() -> None:
    trials = [
        {"contender": c, "trial": t, "lr": lr, "tau": None, "explicit_lr": lr, "score": score}
        for t, row in enumerate([(0.05, 1.0, 0.3), (5.0, 2.0, None)])
        for c, (lr, score) in enumerate([(row[0], row[2]), (row[1], 0.2 - 0.1 * t)])
    ]
    payload = {
        "criterion": "validation_loss",
        "epochs": 2.0,
        "trials": 2,
        "total": 4,
        "spaces": [{}, {}],
        "results": trials,
        "winners": [0, 1],
    }
    figure = search_figure(payload, default_race().contenders[:2])  # type: ignore[arg-type]
    dots, ring, others, best = figure.data
    assert tuple(dots.x) == (0.05, 5.0)
    assert dots.y[1] == pytest.approx(1.6 * 0.3)  # diverged: above all others, as a cross
    assert tuple(dots.marker.symbol) == ("circle", "x")
    assert (tuple(ring.x), tuple(best.x)) == ((0.05,), (2.0,))
    assert tuple(others.y) == pytest.approx((0.2, 0.1))
    assert figure.layout.yaxis.title.text == "validation loss after 2 epochs"
