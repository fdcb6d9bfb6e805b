"""The Layers page's controls, link and words, with a trace computed once."""

from __future__ import annotations

import pytest

from app.charts.activations import activations
from app.charts.overshoot import overshoot_figure
from app.components import answers
from app.components.tables import table_html
from app.layers import step
from app.layers.along import MEANINGS, ROWS
from app.layers.results import measures_frame
from app.questions import QuestionFailed
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Artifact
from tests.app.conftest import known_run, open_page, query, text


@pytest.fixture
def asked(monkeypatch):
    """Questions the page asks; the process that answers is tested beside."""
    made = []

    class Fake:
        def answer(self, question, part, report, owner):
            made.append(question)
            raise QuestionFailed("The loss is not finite: choose another run.")

    monkeypatch.setattr(answers, "get_questions", Fake)
    monkeypatch.setattr(answers, "recorded", lambda question, part: None)
    return made


def test_a_failure_is_told_and_can_be_tried_again(store, asked):
    at = open_page("layers")
    assert at.error[0].value == "The loss is not finite: choose another run."
    at.button(key="layers.again-motion").click().run()
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_the_default_is_the_digits_mlp_with_three_cg_steps(store, asked):
    at = open_page("layers")
    (request,) = asked
    assert request.run is None
    assert request.config.model.widths == (128, 64)
    assert (request.config.direction.solver, request.config.direction.cg_steps) == ("cg", 3)
    assert query(at) == {}
    assert at.error[0].value == "The loss is not finite: choose another run."
    assert not at.exception


def test_a_link_says_it_all(store, asked):
    at = open_page("layers", of="conv", step="exact", tau="0.07", eta="3")
    request = asked[-1]
    assert request.config.model.name == "small-convnet"
    assert request.config.direction.solver == "exact"
    assert request.config.direction.tau == 0.07
    assert request.config.optimizer.lr == 3
    assert query(at) == {"of": "conv", "step": "exact", "tau": "0.07", "eta": "3"}


def test_a_runs_step_sizes_are_those_in_force(store, asked):
    run_id = known_run(store)  # τ was turned to 0.5 on the way
    at = open_page("layers", run=run_id)
    assert asked[-1].run == run_id
    assert asked[-1].config.direction.tau == 0.5
    assert query(at) == {"run": run_id}


@pytest.mark.parametrize("step_name", ["cg", "exact"])
def test_a_run_with_a_running_gram_is_shown_with_its_batchs_and_says_so(
    store, monkeypatch, step_name
):
    class Known:
        def answer(self, question, part, report, owner):
            asked.append(question)
            if part == "findings":
                raise QuestionFailed("not here")
            setting = {"explicit_lr": 1, "lr": 1, "state": "x", "data": "", "batch": 1, "loss": 1}
            return {"setting": {**setting, "tau": 1, "step": 0}}

    asked = []
    monkeypatch.setattr(answers, "get_questions", Known)
    monkeypatch.setattr(step, "player", lambda *_, **__: None)
    config = RunConfig().replace(**{"direction.gram": "running"})
    at = open_page("layers", run=known_run(store, config), step=step_name)
    assert not at.exception
    assert asked[0].config.direction.gram == "batch"
    assert "The run's own steps use a running Gram" in text(at)
    at = open_page("layers", run=known_run(store), step=step_name)
    assert "running Gram" not in text(at)


def test_choosing_other_weights_takes_their_step_sizes(store, asked):
    run_id = known_run(store)
    at = open_page("layers", tau="0.2")
    assert asked[-1].config.direction.tau == 0.2
    at.selectbox(key="layers.weights").set_value(run_id).run()
    assert asked[-1].run == run_id
    assert asked[-1].config.direction.tau == 0.5
    assert query(at) == {"run": run_id}
    at.select_slider(key="layers.tau").set_value(1.0).run()
    assert asked[-1].config.direction.tau == 1.0
    assert asked[-1].run == run_id


def test_nonsense_in_a_link_falls_back_and_an_unknown_run_is_told(store, asked):
    at = open_page("layers", run="nothere1", tau="-3", k="many", view="what")
    assert "There is no run 'nothere1'" in text(at)
    assert asked[-1].config.direction.tau == 0.05
    assert asked[-1].config.direction.cg_steps == 3
    assert not at.exception


def test_without_runs_the_view_along_a_run_says_what_to_do(store, asked):
    at = open_page("layers", view="time")
    assert "Start one on the Train page" in text(at)
    assert asked == []


ROW = {
    "layer": 1,
    "name": "linear1",
    "update_explicit": 0.01,
    "update_implicit": 0.001,
    "change_z": 0.3,
    "change_a": 0.4,
    "dead": 0.25,
    "overshoot": 0.8,
    "overshoot_matched": 5.0,
    "cg_residuals": [0.5, 0.25],
    "cosine": 0.7,
    "bound": 0.2,
    "condition": 40.0,
    "top_energy": [0.1, 0.2],
    "route": "dual",
    "seconds": 0.002,
}
LAST = {**ROW, "layer": 2, "overshoot": None, "overshoot_matched": None}


def test_bars_of_the_overshoot_start_at_one_and_carry_the_numbers():
    figure = overshoot_figure([ROW, LAST])
    implicit, explicit = figure.data  # the last layer has no such problem
    assert (implicit.x, explicit.x) == ((0.8,), (5.0,))
    assert (implicit.text, explicit.text) == (("0.8",), ("5",))
    assert explicit.meta["about"] == {"layer": "layer 1", "step": "explicit, s = τ"}
    bars = {shape.name: (shape.x0, shape.x1, shape.y0) for shape in figure.layout.shapes[1:]}
    assert bars == {
        "implicit": (1, 0.8, implicit.y[0]),
        "explicit, s = τ": (1, 5.0, explicit.y[0]),
    }


def test_the_table_of_measures_holds_the_traces_values():
    frame = measures_frame([ROW, LAST])
    told = frame["layer 1 (linear1)"]
    assert told["cos∠(D, G)"] == "0.7"
    assert told["CG residual ‖r‖ / ‖G‖, by iteration"] == "0.5 → 0.25"
    assert told["share of ‖Δ‖² along the top 8 eigenvectors"] == "30.0%"
    assert told["solve time, float64 [ms]"] == "2"
    assert told["solved by"] == "samples (N × N)"


def test_the_table_of_measures_is_a_table_that_scrolls_on_a_phone():
    table = table_html(measures_frame([{**ROW, "cg_residuals": [0.123] * 12}]), "Measures")
    assert table.startswith('<div class="proxprop-table" tabindex="0" role="region"')
    assert table.count("0.123") == 12
    assert "<th>CG residual ‖r‖ / ‖G‖, by iteration</th>" in table


def test_a_measure_that_a_layer_does_not_have_is_a_dash():
    explicit = {"layer": 3, "name": "linear3", "update_explicit": 0.07, "cg_residuals": []}
    (told,) = measures_frame([explicit]).to_dict("list").values()
    assert told == ["0.07", *["–"] * 11]


def test_instruments_of_a_live_run_are_switched_here(store, asked):
    run_id = known_run(store, outcome=None)
    at = open_page("layers", view="time", run=run_id)
    switch = at.segmented_control(key=f"layers.tier.{run_id}")
    assert switch.value == "cheap"
    switch.set_value("full").run()
    (sent,) = store.take_controls(run_id)
    assert (sent.action, sent.values) == ("set", {"instruments": "full"})


@pytest.mark.parametrize("measures", ["cosine,dead", "cosine.dead"])  # the latter in older links
def test_the_measures_shown_are_in_the_link(store, asked, measures):
    run_id = known_run(store)
    at = open_page("layers", view="time", run=run_id, measures=measures)
    assert at.pills(key="layers.measures").value == ["cosine", "dead"]
    assert query(at) == {"view": "time", "run": run_id, "measures": "cosine,dead"}


def test_a_finished_run_has_no_such_switch(store, asked):
    at = open_page("layers", view="time", run=known_run(store))
    assert not at.segmented_control(key="layers.view").disabled
    assert all("tier" not in str(widget.key) for widget in at.segmented_control)


def test_a_run_without_instruments_says_where_to_switch_them_on(store, asked):
    off = RunConfig().replace(**{"instruments.tier": "off"})
    at = open_page("layers", view="time", run=known_run(store, off))
    assert "instruments are off. Switch them on under More on the Train page" in text(at)
    at = open_page("layers", view="time", run=(live := known_run(store, off, outcome=None)))
    assert "instruments are off. Switch them on above" in text(at)
    at.segmented_control(key=f"layers.tier.{live}").set_value("cheap").run()
    assert "instruments are off" not in text(at)


def test_the_newest_weights_of_a_live_run_are_asked_for(store, asked, monkeypatch):
    monkeypatch.setattr(step, "SAVE_SECONDS", 0.0)  # nobody is there to save them
    run_id = known_run(store, outcome=None, saved=False)
    at = open_page("layers", run=run_id)
    assert [sent.action for sent in store.take_controls(run_id)] == ["checkpoint"]  # its first
    store.add_checkpoint(run_id, 40, "none")
    at.run()
    assert store.take_controls(run_id) == []
    at.button(key="layers.newest").click().run()
    assert [sent.action for sent in store.take_controls(run_id)] == ["checkpoint"]


@pytest.mark.parametrize(
    ("chosen", "run_is_asked", "step"),
    [("41", True, 40), ("39", True, 40), ("10", False, 0), ("900", True, 80)],
)
def test_a_chosen_step_is_taken_from_the_nearest_weights(store, asked, chosen, run_is_asked, step):
    run_id = known_run(store)  # saved after 40 steps
    store.add_checkpoint(run_id, 80, "none")
    at = open_page("layers", run=run_id, at=chosen)
    assert (asked[-1].run == run_id, asked[-1].step) == (run_is_asked, step)
    assert query(at) == {"run": run_id, "at": chosen}
    at.selectbox(key="layers.weights").set_value("conv").run()
    assert query(at) == {"of": "conv"}


def test_the_activations_are_shown_at_the_kept_moment_nearest_to_the_link(store, asked):
    run_id = known_run(store)
    cells = {"rows": 2, "cols": 3, "scale": 0.5, "data": "f4EAAH+B"}  # ±0.5 and 0
    shown = {"linear1": {"values": cells, "change": cells}}
    moments = [{"step": step, "layers": shown} for step in (1, 20, 40)]
    payload = {"classes": ["a", "b"], "targets": [0, 1], "moments": moments}
    store.append(run_id, artifacts=[Artifact("activations", 40, payload)])
    at = open_page("layers", view="time", run=run_id)
    slider = at.select_slider(key="layers.moment")
    assert slider.value == 40
    slider.set_value(1).run()
    assert query(at)["moment"] == "1"
    at = open_page("layers", view="time", run=run_id, moment="24")
    assert at.select_slider(key="layers.moment").value == 20
    figure = activations(moments[0], [0, 1], ["a", "b"])
    assert [list(row) for row in figure.data[0].z] == [[0.5, -0.5, 0], [0, 0.5, -0.5]]
    assert figure.layout.yaxis.ticktext == ("a", "b")
    assert "linear1 · ±0.5" in [note.text for note in figure.layout.annotations]


def test_train_and_runs_link_to_a_runs_layers(store, asked):
    run_id = known_run(store)
    at = open_page("train", run=run_id)
    assert any(f"layers?run={run_id}" in str(item.proto) for item in at.get("html"))


def test_every_measure_is_defined_where_it_is_drawn(store, asked):
    assert MEANINGS.keys() == ROWS.keys()
    at = open_page("layers", view="time", run=known_run(store), measures="overshoot,residual")
    words = text(at)
    assert "**Overshoot**: the share left over of the change asked" in words
    assert "**Residual**: what CG leaves unsolved" in words
    assert MEANINGS["cosine"] not in words


@pytest.mark.parametrize(("solver", "shown"), [("exact",) * 2, ("cg",) * 2, ("explicit", "cg")])
def test_a_runs_step_is_shown_as_it_is_taken(store, asked, solver, shown):
    run_id = known_run(store, RunConfig().replace(**{"direction.solver": solver}))
    at = open_page("layers", run=run_id)
    assert at.segmented_control(key="layers.step").value == shown
    assert asked[-1].config.direction.solver == shown
    assert at.selectbox(key="layers.k").disabled == (shown == "exact")
    assert query(at) == {"run": run_id}
