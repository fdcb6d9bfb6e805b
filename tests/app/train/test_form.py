"""The Train page's form: link, draft and run agree, whatever is turned."""

from __future__ import annotations

from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Control
from tests.app.conftest import ROOT, known_run, open_page, query, text, unfold


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
    assert list(at.dataframe[0].value["output"]) == ["12", "9", "2"]
    assert list(at.dataframe[0].value["parameters"]) == ["36", "117", "20"]
    assert list(at.dataframe[0].value["weight step"]) == ["implicit", "implicit", "explicit"]
    unfold(at, "data", "model", "budget")
    assert query(at) == link
    assert at.selectbox(key="choice.data.name").value == "moons"
    assert at.text_input(key="text.data.noise").value == "0.23"
    assert at.text_input(key="text.budget.seconds").value == "4.5"
    assert at.text_input(key="text.direction.tau").value == "0.0371"
    assert at.select_slider(key="slider.direction.tau").value == 0.0371
    assert at.select_slider(key="slider.direction.cg_steps").value == 7
    assert at.text_input(key="text.optimizer.lr").value == "0.00123"
    assert at.text_input(key="text.model.widths").value == "12, 9"
    assert at.text_input(key="text.seed").value == "42"


def test_url_follows_what_is_turned(store: Store) -> None:
    at = open_page("train")
    at.select_slider(key="slider.optimizer.lr").set_value(3.0).run()
    assert query(at) == {"optimizer.lr": "3.0"}
    assert at.text_input(key="text.optimizer.lr").value == "3"
    at.text_input(key="text.optimizer.lr").input("0.0375").run()
    assert at.select_slider(key="slider.optimizer.lr").value == 0.0375
    assert query(at) == {"optimizer.lr": "0.0375"}
    unfold(at, "budget").text_input(key="text.seed").input("11").run()
    assert query(at) == {"optimizer.lr": "0.0375", "seed": "11"}


def test_bad_value_is_refused_beside_the_field_and_nothing_starts(store: Store) -> None:
    at = open_page("train")
    at.text_input(key="text.direction.tau").input("-1").run()
    assert "Proximal step τ must be finite and > 0, got -1." in text(at)
    assert at.button(key="start").disabled
    assert query(at) == {}
    at.text_input(key="text.direction.tau").input("0.2").run()
    assert "must be finite" not in text(at)
    assert not at.button(key="start").disabled


def test_bad_value_in_a_link_is_refused_beside_the_field(store: Store) -> None:
    at = open_page("train", **{"direction.tau": "much", "batch_size": "99999", "nonsense": "1"})
    words = text(at)
    assert "Proximal step τ must be a number, got 'much'." in words
    assert "Batch size N must be at most the 1455 training samples of digits, got 99999." in words
    assert "settings that do not exist: nonsense" in words
    assert at.text_input(key="text.direction.tau").value == "much"


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
    at.select_slider(key="slider.optimizer.lr").set_value(2.0).run()
    at.text_input(key="text.direction.tau").input("0.7").run()
    at.text_input(key="text.direction.tau").input("-3").run()
    assert store.take_controls(run_id) == [
        Control("set", {"lr": 2.0}),
        Control("set", {"tau": 0.7}),
    ]
    assert "Proximal step τ must be finite and > 0, got -3." in text(at)
    assert at.selectbox(key="choice.optimizer.name").disabled
    assert unfold(at, "budget").text_input(key="text.batch_size").disabled
    assert not at.select_slider(key="slider.direction.tau").disabled


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
    assert at.text_input(key="text.optimizer.lr").value == "1"
    at.button(key="offer").click().run()
    assert at.text_input(key="text.optimizer.lr").value == "0.05"
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
    at.text_input(key="text.optimizer.lr").input("4").run()
    assert at.selectbox(key="preset").value is None


def test_other_page_and_back_keeps_the_draft(store: Store) -> None:
    at = open_page("train", **{"optimizer.lr": "0.5"})
    at.query_params.clear()
    at.switch_page(str(ROOT / "pages" / "runs.py")).run()
    at.switch_page(str(ROOT / "pages" / "train.py")).run()
    assert at.text_input(key="text.optimizer.lr").value == "0.5"
    assert query(at) == {"optimizer.lr": "0.5"}
