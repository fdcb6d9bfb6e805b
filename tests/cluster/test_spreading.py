"""Parts on workers, steered together and begun again where one is lost: the numbers of one loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from proxprop.cluster.loops import Loops
from proxprop.cluster.team import News, Part, Team
from proxprop.runs.errors import RunError
from proxprop.spec.controls import Control, Controls
from proxprop.spec.events import (
    Artifact,
    Ended,
    Event,
    Mark,
    Notice,
    Point,
    Rewound,
    Snapshot,
    State,
)
from proxprop.spec.placing import ARTIFACT
from tests.cluster.crew import Loses, ThreadCrew
from tests.engine.racing import driver as races
from tests.engine.sweeping import driver as sweeps
from tests.engine.training import driver as runs
from tests.engine.training.driver import Desk, of

SEARCHED = {"search": {"trials": 2, "epochs": 1.0}}


def spread(
    config: Any, controls: Controls | None = None, loses: Loses | None = None, **options: Any
) -> list[Event]:
    """Carry a config out on two workers."""
    crew = ThreadCrew(2, loses) if loses else ThreadCrew(2)
    loop = Loops(lambda: Team(crew), "cpu").by_kind[config.kind]
    return list(loop(config, controls or Desk(), **options))


def numbers(events: Sequence[Event]) -> dict[tuple[int, str, int], dict[str, float]]:
    """Return what counts in the end: (member, table, step) → values without clocks."""
    kept: dict[tuple[int, str, int], dict[str, float]] = {}
    for event in events:
        if isinstance(event, Rewound):
            kept = {key: v for key, v in kept.items() if key[2] <= event.steps.get(key[0], key[2])}
        elif isinstance(event, Point):
            key = (event.member, event.table, event.step)
            assert event.table == "settings" or key not in kept, f"{key} is reported twice"
            kept[key] = {k: v for k, v in event.values.items() if not k.startswith("seconds")}
    return kept


def same(one: Sequence[Event], other: Sequence[Event]) -> bool:
    """Whether all numbers agree bit for bit, NaN with NaN."""
    return repr(sorted(numbers(one).items())) == repr(sorted(numbers(other).items()))


def lost_once(part_name: str, when: Callable[[Any], bool]) -> Loses:
    """Lose the worker of one part at the first event of a kind."""
    left = [part_name]

    def loses(part: Part, events: Sequence[Any]) -> bool:
        if part.name in left and any(when(event) for event in events):
            left.remove(part.name)
            return True
        return False

    return loses


def at(step: int) -> Callable[[Any], bool]:
    return lambda event: isinstance(event, Point) and event.step >= step


def text_of(events: Sequence[Event]) -> str:
    return " ".join(notice.text for notice in of(events, Notice))


def test_a_race_with_a_search_gives_the_numbers_of_one_loop() -> None:
    config = races.small(races.EXPLICIT, races.EXACT, races.HOPELESS, seeds=3, **SEARCHED)
    here, there = races.run(config), spread(config)
    assert same(here, there)
    ends = races.ends(there)
    assert {m: (e.outcome, e.step, e.summary) for m, e in races.ends(here).items()} == {
        m: (e.outcome, e.step, e.summary) for m, e in ends.items()
    }
    searches = [
        [{**result, "seconds": 0} for result in of(events, Artifact)[-1].payload["results"]]
        for events in (
            [e for e in events if not isinstance(e, Artifact) or e.name == "search"]
            for events in (here, there)
        )
    ]
    assert searches[0] == searches[1]


def test_seeds_stay_whole_and_are_seen_where_they_are() -> None:
    events = spread(races.small(seeds=2))
    seen = [a.payload["nodes"] for a in of(events, Artifact) if a.name == ARTIFACT]
    assert {name for nodes in seen for node in nodes for name in node["parts"]} == {
        "seed 0",
        "seed 1",
    }
    assert seen[-1] == [{"node": "here", "parts": [], "done": 2, "lost": 0}]


def test_a_sweep_gives_the_map_of_one_loop() -> None:
    config = sweeps.small()
    here, there = sweeps.run(config), spread(config)
    assert same(here, there)
    assert sweeps.last_map(here) == sweeps.last_map(there)


def test_a_run_keeps_settings_changed_on_the_way_when_its_worker_is_lost() -> None:
    config = runs.small(budget__epochs=15.0, checkpoint__seconds=0.001)
    desk = Desk()
    desk.send("set", tau=0.2)
    events = spread(config, desk, lost_once("the run", at(60)))
    (mark, *_) = [mark for mark in of(events, Mark) if mark.kind == "set"]
    assert mark.changes == {"direction.tau": 0.2}
    planned = {"changes": [{"step": mark.step, "values": {"tau": 0.2}}]}
    assert same(runs.run(config.replace(**planned)), events)
    *_, placed, end = events
    assert isinstance(placed, Artifact)
    assert placed.payload["nodes"] == [{"node": "here", "parts": [], "done": 1, "lost": 1}]
    assert isinstance(end, Ended)


@pytest.mark.parametrize("when", [at(8), lambda event: isinstance(event, Ended)])
def test_a_lost_worker_costs_what_came_after_the_last_checkpoint(
    when: Callable[[Any], bool],
) -> None:
    config = races.small(races.EXPLICIT, races.HOPELESS, seeds=2, checkpoint__seconds=0.001)
    events = spread(config, loses=lost_once("seed 1", when))
    assert same(races.run(config), events)
    (rewound,) = of(events, Rewound)
    assert set(rewound.steps) == {2, 3}  # the other seed is not touched
    assert "Seed 1 lost its worker on here: " in text_of(events)
    assert "steps are done again, from " in text_of(events)
    assert len(races.ends(events)) == 5


def test_a_lost_block_is_trained_again() -> None:
    config = sweeps.small()
    events = spread(config, loses=lost_once("block 1", lambda event: bool(event.results)))
    assert sweeps.last_map(events) == sweeps.last_map(sweeps.run(config))
    assert same(sweeps.run(config), events)
    assert "3 runs are done again" in text_of(events)


def test_a_worker_is_lost_before_it_has_said_where_it_is() -> None:
    class Crew(ThreadCrew):
        """Its first worker is lost unheard."""

        def begin(self, part: Part, controls: Sequence[Control]) -> None:
            super().begin(part, controls)
            if len(self.begun) == 1:
                self.withdraw(part.number)
                self._first = [News(part.number, "", lost="its process or its machine is gone.")]

    config = races.small()
    events = [*Loops(lambda: Team(Crew()), "cpu").by_kind[config.kind](config, Desk())]
    assert same(races.run(config), events)
    assert "lost its worker on a node that had not answered: its process" in text_of(events)


def test_a_part_that_kills_its_workers_is_given_up() -> None:
    with pytest.raises(RunError, match="seed 0 lost its worker 3 times"):
        spread(races.small(), loses=lambda part, events: True)


def test_a_pause_holds_every_part_and_begins_none() -> None:
    class Person(Desk):
        """Pauses at first, and goes on once the whole has said that it holds."""

        def wait(self, seconds: float) -> list[Control]:
            return self.poll()

    config, person, crew = races.small(seeds=3), Person(), ThreadCrew(2)
    events: list[Event] = []
    person.send("pause")
    for event in Loops(lambda: Team(crew), "cpu").by_kind["race"](config, person):
        events.append(event)
        if isinstance(event, State) and event.state == "paused":
            assert len(crew.begun) == 2
            person.send("resume")
    assert [state.state for state in of(events, State)] == ["running", "paused", "running"]
    assert same(races.run(config), events)


def test_an_epoch_to_hold_at_is_told_to_seeds_and_not_to_trials() -> None:
    config = races.small(seeds=2, budget__epochs=8.0, **SEARCHED)

    desk = Desk()
    desk.send("epoch", until=3)
    events: list[Event] = []
    for event in Loops(lambda: Team(ThreadCrew(2)), "cpu").by_kind["race"](config, desk):
        events.append(event)
        if isinstance(event, State) and event.state == "paused":
            desk.send("stop")
    straight = races.run(config.replace(**{"budget.epochs": 3.0}))
    assert same(straight, events)


def test_a_stopped_race_goes_on_here_to_the_same_numbers() -> None:
    class Stopping(Desk):
        def __init__(self) -> None:
            super().__init__()
            self.asked = count()

        def poll(self) -> list[Any]:
            if next(self.asked) == 2:
                self.send("stop")
            return super().poll()

    config = races.small(seeds=3, budget__epochs=8.0)
    first = spread(config, Stopping())
    assert of(first, Ended)[-1].outcome == "stopped"
    saved = of(first, Snapshot)[-1]
    steps = {int(member): step for member, step in saved.extra["member_steps"].items()}
    kept = [e for e in first if isinstance(e, Point) and e.step <= steps.get(e.member, -1)]
    for rest in (races.run(config, snapshot=saved), spread(config, snapshot=saved)):
        assert same(races.run(config), [*kept, *rest])


def test_what_cannot_be_carried_out_is_refused_in_words() -> None:
    config = races.small().replace(**{"data.name": "folder", "data.path": "/nowhere"})
    with pytest.raises(RunError, match=r"On .*nowhere"):
        spread(config)
