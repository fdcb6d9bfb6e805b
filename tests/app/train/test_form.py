"""The Train page's form: link, draft and run agree, whatever is turned."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.components import step_cost
from app.forms.groups import budget_title
from app.state.draft import Draft
from proxprop.analysis.questions import CostQuestion
from proxprop.runs.store import Store
from proxprop.spec.config import DirectionConfig, RunConfig
from proxprop.spec.controls import Control
from tests.app.conftest import ROOT, dials, known_run, open_page, query, table, text, turn, unfold


def draft(at: AppTest) -> Draft:
    """Return the draft that the page shows."""
    return at.session_state["TrainState"].draft  # type: ignore[no-any-return]


KNOWN = {"ratio": 1.36, "batch_ratio": 1.5, "running": ["linear1"], "batch": [], "dearer": []}


def test_link_restores_every_control(store: Store) -> None:
    link = {
        "data.name": "moons",
        "data.noise": "0.23",
        "direction.solver": "cg",
        "direction.cg_steps": "7",
        "direction.tau": "0.0371",
        "optimizer.name": "adam",
        "optimizer.lr": "0.00123",
        "optimizer.explicit_lr": "0.4",
        "model.widths": "[12, 9]",
        "batch_size": "33",
        "budget.seconds": "4.5",
        "seed": "42",
    }
    at = open_page("train", **link)
    assert query(at) == link
    layers = table(at, "Layers of the network")
    assert layers["output"] == ["12", "9", "2"]
    assert layers["parameters"] == ["36", "117", "20"]
    assert layers["weight step"] == ["implicit", "implicit", "explicit"]
    unfold(at, "data", "model", "budget")
    assert query(at) == link
    assert at.selectbox(key="choice.data.name").value == "moons"
    assert at.text_input(key="text.data.noise").value == "0.23"
    assert at.text_input(key="text.budget.seconds").value == "4.5"
    assert dials(at)["dial.direction.tau"]["text"] == "0.0371"
    assert dials(at)["dial.direction.tau"]["at"] == 0.0371
    assert dials(at)["dial.direction.cg_steps"]["text"] == "7"
    assert dials(at)["dial.optimizer.lr"]["text"] == "0.00123"
    assert at.text_input(key="text.model.widths").value == "12, 9"
    assert at.text_input(key="text.seed").value == "42"


def test_url_follows_what_is_turned(store: Store) -> None:
    at = open_page("train")
    turn(at, draft(at), "optimizer.lr", "3")
    assert query(at) == {"optimizer.lr": "3.0"}
    assert dials(at)["dial.optimizer.lr"]["text"] == "3"
    turn(at, draft(at), "optimizer.lr", "0.0375")
    assert dials(at)["dial.optimizer.lr"]["at"] == 0.0375
    assert query(at) == {"optimizer.lr": "0.0375"}
    unfold(at, "budget").text_input(key="text.seed").input("11").run()
    assert query(at) == {"optimizer.lr": "0.0375", "seed": "11"}


def test_bad_value_is_refused_beside_the_field_and_nothing_starts(store: Store) -> None:
    at = open_page("train")
    turn(at, draft(at), "direction.tau", "-1")
    assert "Proximal step τ must be > 0, got -1." in text(at)
    assert at.button(key="start").disabled
    assert query(at) == {}
    turn(at, draft(at), "direction.tau", "0.2")
    assert "must be >" not in text(at)
    assert not at.button(key="start").disabled


@pytest.mark.parametrize("page", ["train", "compare"])
def test_a_lecture_says_why_nothing_can_be_started(store: Store, page: str) -> None:
    at = open_page(page, **{"batch_size": "much", "lecture": "1"})
    if page == "compare":
        at.session_state["RaceState"].task.edit("batch_size", "much")
        at.run()
    assert text(at).count("Batch size N must be a whole number, got 'much'.") == 1
    assert at.button(key="start").disabled


def test_a_lecture_says_once_what_its_dial_says(store: Store) -> None:
    link = {"direction.tau": "much", "budget.endless": "true", "lecture": "1"}
    at = open_page("train", **link, dial="direction.tau")
    assert text(at).count("Proximal step τ must be a number, got 'much'.") == 1


def test_bad_value_in_a_link_is_refused_beside_the_field(store: Store) -> None:
    at = open_page("train", **{"direction.tau": "much", "batch_size": "99999", "nonsense": "1"})
    words = text(at)
    assert "Proximal step τ must be a number, got 'much'." in words
    assert "Batch size N must be at most the 1455 training samples of digits, got 99999." in words
    assert "settings that do not exist: nonsense" in words
    assert dials(at)["dial.direction.tau"]["text"] == "much"


def test_start_begins_the_run_that_is_shown(store: Store) -> None:
    at = open_page("train", **{"optimizer.lr": "0.5", "seed": "3"})
    at.button(key="start").click().run()
    (run,) = store.runs()
    assert query(at) == {"run": run.id}
    assert run.config == RunConfig().replace(**{"optimizer.lr": 0.5, "seed": 3})
    assert {"stop"} == {button.key for button in at.button if button.key in ("start", "stop")}


def test_running_run_takes_step_settings_at_once_and_nothing_else(store: Store) -> None:
    run_id = known_run(store, outcome=None)
    store.take_controls(run_id)
    at = open_page("train", run=run_id)
    turn(at, draft(at), "optimizer.lr", "2.0")
    turn(at, draft(at), "direction.tau", "0.7")
    turn(at, draft(at), "direction.tau", "-3")
    assert store.take_controls(run_id) == [
        Control("set", {"lr": 2.0}),
        Control("set", {"tau": 0.7}),
    ]
    assert "Proximal step τ must be > 0, got -3." in text(at)
    assert at.selectbox(key="choice.optimizer.name").disabled
    assert unfold(at, "budget").text_input(key="text.batch_size").disabled
    assert not dials(at)["dial.direction.tau"]["disabled"]


def test_the_gram_of_a_running_run_is_turned(store: Store, monkeypatch) -> None:
    counting = SimpleNamespace(glance=lambda question, owner: "")
    monkeypatch.setattr(step_cost, "get_questions", lambda: counting)
    run_id = known_run(store, outcome=None)
    store.take_controls(run_id)
    at = open_page("train", run=run_id)
    at.selectbox(key="choice.direction.gram").set_value("running").run()
    at.text_input(key="text.direction.decay").input("0.4").run()
    at.text_input(key="text.direction.refresh").input("0").run()
    assert "Refresh must be ≥ 1, got 0." in text(at)
    at.text_input(key="text.direction.refresh").input("3").run()
    assert [control.values for control in store.take_controls(run_id)] == [
        {"gram": "running"},
        {"decay": 0.4},
        {"refresh": 3},
    ]
    at.button_group(key="choice.direction.solver").set_value("cg").run()
    assert "must be 'batch' with solver 'cg'" in text(at)
    assert not store.take_controls(run_id)


def test_buttons_send_their_commands(store: Store) -> None:
    run_id = known_run(store, outcome=None)
    at = open_page("train", run=run_id)
    for key in ("pause", "step", "epoch", "stop"):
        at.button(key=key).click().run()
    assert [control.action for control in store.take_controls(run_id)] == [
        "pause",
        "step",
        "epoch",
        "stop",
    ]


def test_rescaling_is_offered_never_automatic(store: Store) -> None:
    at = open_page("train")
    at.button_group(key="choice.direction.solver").set_value("explicit").run()
    assert dials(at)["dial.optimizer.lr"]["text"] == "1"
    at.button(key="offer").click().run()
    assert dials(at)["dial.optimizer.lr"]["text"] == "0.05"
    assert not [button for button in at.button if button.key == "offer"]


def test_adam_is_told_to_keep_eta(store: Store) -> None:
    at = open_page("train", **{"optimizer.name": "adam", "optimizer.lr": "0.001"})
    at.button_group(key="choice.direction.solver").set_value("explicit").run()
    assert "the step of Adam ignores a direction's length" in text(at)
    assert not [button for button in at.button if button.key == "offer"]


def test_preset_sets_the_form(store: Store) -> None:
    at = open_page("train", seed="4")
    at.selectbox(key="preset").select("Diverges on purpose: explicit, η 1").run()
    assert query(at) == {"direction.solver": "explicit", "model.activation": "elu", "seed": "4"}
    turn(at, draft(at), "optimizer.lr", "4")
    assert at.selectbox(key="preset").value is None


def test_other_page_and_back_keeps_the_draft(store: Store) -> None:
    at = open_page("train", **{"optimizer.lr": "0.5"})
    at.query_params.clear()
    at.switch_page(str(ROOT / "pages" / "runs.py")).run()
    at.switch_page(str(ROOT / "pages" / "train.py")).run()
    assert dials(at)["dial.optimizer.lr"]["text"] == "0.5"
    assert query(at) == {"optimizer.lr": "0.5"}


def test_what_a_step_costs_stands_beside_a_running_gram(store: Store, monkeypatch) -> None:
    asked: list[CostQuestion] = []
    answers: list[dict[str, object] | str] = ["", "No room.", KNOWN]

    class Glancing:
        def glance(self, question: CostQuestion, owner: str) -> dict[str, object] | str:
            asked.append(question)
            return answers[0]

    monkeypatch.setattr(step_cost, "get_questions", Glancing)
    at = open_page("train", **{"direction.tau": "0.3"})
    assert not asked  # the batch's Gram is the paper's step
    at.selectbox(key="choice.direction.gram").set_value("running").run()
    assert "Counting what a step costs" in text(at)
    assert asked[-1].config.direction == DirectionConfig(gram="running")  # τ bears on no cost
    answers.pop(0)
    assert "No room." in text(at.run())
    answers.pop(0)
    words = text(at.run())
    assert (
        "By its arithmetic a step costs **1.36** plain ones, with this batch's Gram 1.50." in words
    )
    assert "As the exact step, with averages over the steps so far" in words
    at = open_page("train", **{"direction.gram": "auto", "direction.solver": "cg"})
    assert not at.exception
    at = open_page("train", **{"direction.gram": "running", "direction.solver": "cg"})
    assert "Gram ÃᵀÃ must be 'batch' with solver 'cg', got 'running': CG knows" in text(at)


def test_a_cost_in_words_names_the_layers() -> None:
    assert "in every layer" in step_cost.sentence({**KNOWN, "running": [], "batch": ["linear1"]})
    mixed = {"running": ["linear2", "linear3"], "batch": ["linear1"], "dearer": ["linear3"]}
    words = step_cost.sentence({**KNOWN, **mixed})
    assert "Running in layers linear2, linear3, this batch's in layer linear1." in words
    assert "In layer linear3 the average is the dearer one" in words


def test_a_list_in_a_link_is_read_as_it_is_typed(store: Store) -> None:
    words = text(open_page("train", **{"model.widths": "a,b"}))
    assert "must be a list" not in words
    assert "must be a whole number, got 'a'" in words


def test_a_value_far_from_usual_is_told_and_taken(store: Store) -> None:
    at = open_page("train", **{"optimizer.lr": "1e9"})
    assert "Far from usual: Step size η is mostly 1.00·10⁻⁵ to 100, here 1.00·10⁹." in text(at)
    assert not at.button(key="start").disabled
    assert "Far from usual" not in text(open_page("train", **{"optimizer.lr": "2"}))


def test_an_endless_run_has_no_limits_and_comes_back_to_them(store: Store) -> None:
    at = unfold(open_page("train"), "budget")
    at.toggle(key="switch.budget.endless").set_value(True).run()
    assert query(at) == {"budget.endless": "true", "budget.epochs": "null"}
    assert not [field for field in at.text_input if field.key == "text.budget.epochs"]
    at.text_input(key="text.pace").input("2").run()
    assert "**∞, 2 steps/s**" in budget_title_of(at)
    at.button(key="start").click().run()
    config = store.run(query(at)["run"]).config
    assert isinstance(config, RunConfig)
    assert (config.budget.endless, config.budget.epochs, config.pace) == (True, None, 2.0)
    at = unfold(open_page("train", **{"budget.endless": "true"}), "budget")
    at.toggle(key="switch.budget.endless").set_value(False).run()
    assert at.text_input(key="text.budget.epochs").value == "200"
    assert query(at) == {}


def budget_title_of(at: AppTest) -> str:
    return budget_title(draft(at).values).join(("**", "**"))


def test_the_speed_limit_of_a_run_that_goes_on_acts_at_once(store: Store) -> None:
    run_id = known_run(store, outcome=None)
    at = unfold(open_page("train", run=run_id), "budget")
    at.text_input(key="text.pace").input("5").run()
    assert store.take_controls(run_id) == [Control("set", {"pace": 5})]


def test_a_lecture_turns_one_large_dial_at_a_chosen_speed(store: Store) -> None:
    run_id = known_run(store, RunConfig().replace(budget={"endless": True}), outcome=None)
    store.take_controls(run_id)
    at = open_page("train", run=run_id, lecture="1")
    (shown,) = dials(at).values()
    assert (shown["label"], shown["text"], shown["lecture"]) == ("Step size η", "1", True)
    assert query(at)["lecture"] == "1"
    choice = next(each for each in at.get("button_group") if each.key == "dial.which")
    choice.set_value("direction.tau").run()  # type: ignore[attr-defined]
    assert query(at)["dial"] == "direction.tau"
    (shown,) = dials(at).values()
    assert shown["label"] == "Proximal step τ"
    at.selectbox(key="dial.pace").set_value(2.0).run()
    assert store.take_controls(run_id) == [Control("set", {"pace": 2.0})]
    assert not at.exception


def test_a_setting_beside_a_refused_one_is_sent_all_the_same(store: Store) -> None:
    run_id = known_run(store, outcome=None)
    store.take_controls(run_id)
    at = open_page("train", run=run_id)
    turn(at, draft(at), "direction.tau", "much")
    assert store.take_controls(run_id) == []
    turn(at, draft(at), "optimizer.lr", "0.3")
    assert store.take_controls(run_id) == [Control("set", {"lr": 0.3})]
