"""The Home page tells the truth about its recording and its machine."""

from __future__ import annotations

import math
from importlib.metadata import version

from app.charts.race import race_svg
from app.components.notation import number
from app.home.machine import machine
from app.home.race import provenance, race_lines, recorded_race, sentence
from proxprop.runs.store import Store
from proxprop.spec.config import from_query
from tests.app.conftest import open_page, text


def test_recording_is_a_fair_race_of_the_two_directions() -> None:
    race = recorded_race()
    assert race is not None
    explicit, exact = (from_query(contender.query) for contender in race.contenders)
    own = {"direction.solver": "exact", "optimizer.lr": exact.optimizer.lr}
    assert explicit.replace(**own) == exact
    for contender in race.contenders:
        assert list(contender.seconds) == sorted(contender.seconds)
        assert contender.epoch[-1] == explicit.budget.epochs
        assert all(math.isfinite(loss) for loss in contender.train_loss)


def test_sentence_holds_the_recorded_numbers(store: Store) -> None:
    race = recorded_race()
    assert race is not None
    limit = min(contender.seconds[-1] for contender in race.contenders)
    words = text(open_page("home"))
    for contender in race.contenders:
        before = [
            loss
            for second, loss in zip(contender.seconds, contender.train_loss, strict=True)
            if second <= limit
        ]
        assert number(before[-1], 2) in sentence(race)
    assert sentence(race) in words
    assert provenance(race) in words


def test_picture_draws_every_point_up_to_the_common_time() -> None:
    race = recorded_race()
    assert race is not None
    lines = race_svg(race_lines(race), race.seconds).split("<polyline")[1:]
    drawn = [line.split('points="')[1].split('"')[0].count(",") for line in lines]
    expected = [
        sum(second <= race.seconds for second in contender.seconds) for contender in race.contenders
    ]
    assert drawn == expected


def test_machine_names_its_versions() -> None:
    assert f"PyTorch {version('torch').partition('+')[0]}" in machine()
    assert "CPU" in machine()
