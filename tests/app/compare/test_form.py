"""The race's form: cards, shared setting, link and draft agree, whatever is turned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import services
from app.components.race_link import decode, encode
from app.state.draft import Draft
from proxprop.runs.store import Store
from proxprop.spec.catalog.optimizers import OPTIMIZERS, Pairing
from proxprop.spec.config import RaceConfig
from proxprop.spec.racing import RACE_PRESETS, default_race
from tests.app.compare.conftest import known_race
from tests.app.conftest import dials, known_run, open_page, query, text, turn, unfold


def shown(at: AppTest) -> RaceConfig:
    """Return the race that the page's link describes."""
    word = query(at).get("form")
    return decode(word) if word else default_race()


def contender(at: AppTest, place: int) -> Draft:
    """Return the draft of a contender, the first one at place 1."""
    return at.session_state["RaceState"].contenders[place - 1]  # type: ignore[no-any-return]


def press(at: AppTest, key: str) -> AppTest:
    return at.button(key=key).click().run()


def test_the_default_race_needs_no_link(store: Store) -> None:
    at = open_page("compare")
    assert query(at) == {}
    assert not at.button(key="start").disabled
    assert at.selectbox(key="race.preset").value == "Explicit, implicit, Adam"


def test_a_link_restores_every_setting(store: Store) -> None:
    config = default_race().replace(
        **{
            "data.name": "moons",
            "model.widths": (12, 9),
            "batch_size": 33,
            "budget.seconds": 4.5,
            "seeds": 4,
            "seed": 7,
            "search": {"trials": 5, "epochs": 1.5, "criterion": "train_loss"},
        }
    )
    link = {"form": encode(config), "show": "validation_loss", "x": "seconds", "log": "0"}
    at = open_page("compare", **link, smooth="1", **{"target.validation_loss": "0.25"})
    assert shown(at) == config
    assert query(at) == {**link, "smooth": "1", "target.validation_loss": "0.25"}
    unfold(at, "model", "budget", "search")
    assert at.slider(key="race.seeds").value == 4
    assert at.select_slider(key="race.search.trials").value == 5
    assert at.text_input(key="task.text.model.widths").value == "12, 9"


def test_add_duplicate_and_remove(store: Store) -> None:
    at = press(open_page("compare"), "race.add")
    pairings = [(c.direction.solver, c.optimizer.name) for c in shown(at).contenders]
    assert pairings[3] == ("exact", "adam")
    at = press(at, "c2.copy")
    assert shown(at).contenders[1] == shown(at).contenders[2]
    assert len(shown(at).contenders) == 5
    at = press(press(at, "race.add"), "c1.remove")
    assert len(shown(at).contenders) == 5
    assert shown(at).contenders[0] == default_race().contenders[1]


def test_two_stay_and_six_are_the_most(store: Store) -> None:
    at = press(open_page("compare"), "c1.remove")
    assert at.button(key="c2.remove").disabled
    for _ in range(4):
        at = press(at, "race.add")
    assert len(shown(at).contenders) == 6
    assert at.button(key="race.add").disabled
    assert at.button(key="c2.copy").disabled


def test_a_card_changes_its_own_contender_only(store: Store) -> None:
    at = unfold(open_page("compare"), "c1.card", "c2.card")
    turn(at, contender(at, 2), "optimizer.lr", "7.5")
    turn(at, contender(at, 2), "direction.tau", "0.5")
    before, after = default_race().contenders, shown(at).contenders
    assert after[1].optimizer.lr == 7.5
    assert after[1].direction.tau == 0.5
    assert (after[0], after[2]) == (before[0], before[2])
    at.text_input(key="c1.name").input("plain").run()
    assert shown(at).contenders[0].label == "plain"


def test_a_bad_value_is_refused_beside_its_card_and_nothing_starts(store: Store) -> None:
    at = unfold(open_page("compare"), "c2.card", "budget")
    turn(at, contender(at, 2), "direction.tau", "-1")
    assert "Proximal step τ must be > 0, got -1." in text(at)
    assert at.button(key="start").disabled
    at.text_input(key="task.text.batch_size").input("many").run()
    assert "Batch size N must be a whole number, got 'many'." in text(at)
    assert query(at) == {}
    turn(at, contender(at, 2), "direction.tau", "0.2")
    at.text_input(key="task.text.batch_size").input("50").run()
    assert "must be" not in text(at)
    assert not at.button(key="start").disabled


@pytest.mark.parametrize("preset", RACE_PRESETS, ids=lambda preset: preset.name)
def test_a_preset_brings_its_contenders_and_leaves_the_task(store: Store, preset: object) -> None:
    at = open_page("compare", form=encode(default_race().replace(batch_size=40)))
    at.selectbox(key="race.preset").select(preset.label).run()  # type: ignore[attr-defined]
    assert shown(at).contenders == preset.contenders  # type: ignore[attr-defined]
    assert shown(at).batch_size == 40
    assert not at.exception


def test_pairings_that_make_no_sense_are_not_offered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTIMIZERS["rprop"].pairings, "exact", Pairing("no", "It has no use."))
    at = unfold(open_page("compare"), "c1.card", "c2.card")
    offered = at.selectbox(key="c2.choice.optimizer.name").options
    assert "Rprop" not in " ".join(offered)
    assert "L-BFGS (heuristic)" in offered
    assert "L-BFGS" in at.selectbox(key="c1.choice.optimizer.name").options


def test_start_stores_the_race_and_its_link_is_permanent(store: Store) -> None:
    at = unfold(open_page("compare"), "budget", "c1.card")
    at.slider(key="race.seeds").set_value(3).run()
    at = press(at, "start")
    race = query(at)["race"]
    assert query(at) == {"race": race}
    assert store.run(race).config == default_race().replace(seeds=3)
    assert dials(at)["c1.dial.optimizer.lr"]["disabled"]
    assert {"stop"} <= {button.key for button in at.button}
    again = open_page("compare", race=race)
    assert query(again) == {"race": race}
    unfold(again, "budget")
    assert again.slider(key="race.seeds").value == 3


def test_what_is_changed_after_a_race_is_in_the_link_and_said(store: Store) -> None:
    race = known_race(store, seeds=1)
    at = open_page("compare", race=race)
    assert "differs" not in text(at)
    unfold(at, "budget").slider(key="race.seeds").set_value(2).run()
    assert set(query(at)) == {"race", "form"}
    assert shown(at).seeds == 2
    assert "The form differs from the race shown" in text(at)


def test_a_race_cut_short_can_be_resumed(store: Store) -> None:
    race = known_race(store, seeds=1, ended=False)
    store.add_checkpoint(race, 1, f"checkpoints/{race}/0000000001.safetensors")
    store.end(race, "interrupted", "The process that ran it is gone.")
    at = press(open_page("compare", race=race), "resume")
    assert store.run(race).status == "queued"
    assert "Number 1 in line" in text(at)


def test_finished_runs_join_and_are_in_the_link(store: Store) -> None:
    race, run = known_race(store, seeds=1), known_run(store)
    at = open_page("compare", race=race)
    at.session_state["race.added"] = True
    at.run()
    at.multiselect(key="race.added.ids").select(run).run()
    assert query(at) == {"race": race, "runs": run}
    assert "Not measured in the same race" in text(at)


def test_a_damaged_link_is_told_and_the_page_stays_usable(store: Store) -> None:
    at = open_page("compare", form="not-a-race")
    assert "this link is damaged" in text(at)
    assert not at.exception
    assert not at.button(key="start").disabled


def test_an_unknown_race_and_a_single_run_are_told(store: Store) -> None:
    assert "There is no run 'nothere1'" in text(open_page("compare", race="nothere1"))
    assert "is a single run, not a race" in text(open_page("compare", race=known_run(store)))


def test_other_page_and_back_keeps_the_race(store: Store) -> None:
    at = unfold(open_page("compare"), "budget")
    at.slider(key="race.seeds").set_value(6).run()
    pages = Path(__file__).resolve().parents[3] / "pages"
    at.switch_page(str(pages / "train.py")).run()
    at.query_params.clear()
    at.switch_page(str(pages / "compare.py")).run()
    assert unfold(at, "budget").slider(key="race.seeds").value == 6


def test_starting_what_the_store_cannot_take_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError("No space left on device")

    monkeypatch.setattr(services._PARTS["service"], "start", full)
    at = press(open_page("compare"), "start")
    assert [error.value for error in at.error] == ["No space left on device"]


def test_what_an_extra_package_would_bring_is_told_and_not_offered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = replace(OPTIMIZERS["adamw"], package="nowhere_to_be_found", install="pip install it")
    monkeypatch.setitem(OPTIMIZERS, "adamw", absent)
    at = unfold(open_page("compare"), "c1.card")
    assert "AdamW" not in at.selectbox(key="c1.choice.optimizer.name").options
    assert "AdamW: it needs the package nowhere-to-be-found" in text(at)
    assert "pip install it" in text(at)


def test_the_table_of_pairings_speaks_on_the_card(store: Store) -> None:
    at = unfold(open_page("compare"), "c2.card")
    at.selectbox(key="c2.choice.optimizer.name").select("adam").run()
    assert "proximal directions can be smaller than eps" in text(at)
    at.selectbox(key="c2.choice.optimizer.name").select("lbfgs").run()
    assert "Heuristic: L-BFGS models a gradient" in text(at)


def test_a_race_deleted_under_ones_eyes_is_told(store: Store) -> None:
    race = known_race(store, seeds=1)
    at = open_page("compare", race=race)
    store.delete(race)
    store.purge(race)
    at.run()
    assert not at.exception
    assert f"There is no run '{race}'" in text(at)
