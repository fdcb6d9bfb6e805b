"""The Home page tells the truth about its recording and its machine."""

from __future__ import annotations

import math
import re
from importlib.metadata import version

from app.charts.race import PHONE, race_svg
from app.components.machine import machine
from app.home.race import provenance, race_lines, recorded_race, sentence
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, from_query
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
        assert f"{before[-1]:#.2g} with" in sentence(race)
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


def test_a_phone_gets_a_drawing_of_its_own_size() -> None:
    race = recorded_race()
    assert race is not None
    svg = race_svg(race_lines(race), race.seconds, PHONE)
    assert svg.count("<polyline") == 2
    assert 'viewBox="0 0 360' in svg  # on 390 pixels type is as large as it says
    places = [float(x) for x in re.findall(r'[ "]([0-9.]+),[0-9.]+', svg)]
    assert max(places) <= 352
    names = re.findall(r'<text x="(\d+)" y="(\d+)\.0" class="race-name">', svg)
    assert len(names) == 2
    heights = [float(y) for _, y in re.findall(r"([0-9.]+),([0-9.]+)", svg.split("<path")[0])]
    assert min(heights) > 0
    assert [int(y) < 100 and int(x) < 200 for x, y in names] == [True, True]  # above the lines


def test_machine_names_its_versions() -> None:
    assert f"PyTorch {version('torch').partition('+')[0]}" in machine()
    assert "CPU" in machine()


def test_run_it_live_starts_the_recorded_race(store: Store) -> None:
    at = open_page("home")
    at.button(key="live").click().run()
    (race,) = store.runs()
    recording = recorded_race()
    assert recording is not None
    assert isinstance(race.config, RaceConfig)
    for index, contender in enumerate(recording.contenders):
        assert race.config.run(index) == from_query(contender.query)


def test_home_leads_to_the_lessons(store: Store) -> None:
    at = open_page("home")
    at.button(key="lessons").click().run()
    assert at.title[0].value == "Lessons"
