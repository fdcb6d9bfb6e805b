"""The Stability page without a browser: true values of known results, refusals in words."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from app.stability import whole_network
from app.stability.limits import limit_tiles, momentum_factor
from app.stability.page import DEFAULT_NET, StabilityState
from app.stability.real_layers import INITIAL
from app.stability.whole_network import PRESETS, cell_query, cell_title
from proxprop.analysis.questions import SpectraQuestion
from proxprop.analysis.spectra import NetworkSpectra
from proxprop.runs.record import Run
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig, from_query
from proxprop.spec.sweeping import MapPayload, default_sweep
from tests.app.conftest import known_run, open_page, query, table, text
from tests.app.stability.conftest import SWEEP, known_sweep


def component(at: object, name: str) -> dict[str, object]:
    """Return what the page hands to one of our components."""
    found = [
        json.loads(item.proto.json)
        for item in at.get("bidi_component")  # type: ignore[attr-defined]
        if item.proto.component_name.endswith(f"proxprop_{name}")
    ]
    assert found, f"no component {name}"
    return dict(found[0])


def test_quadratic_gets_the_palette_and_nothing_else_to_compute(store: Store) -> None:
    at = open_page("stability", lecture="1")
    data = component(at, "quadratic")
    looks = {kind: look["color"] for kind, look in data["looks"].items()}  # type: ignore[attr-defined]
    assert looks == {
        "explicit": "#D55E00",
        "exact": "#0072B2",
        "cg": "#56B4E9",
        "momentum": "#E69F00",
    }
    assert data["lecture"] is True
    assert not at.exception


def test_link_holds_what_belongs_to_the_view() -> None:
    state = StabilityState.from_query({"sweep": "abc", "cell": "4"})
    assert (state.view, state.cell) == ("Whole network", 4)
    assert state.to_query() == {
        "view": "Whole network",
        "sweep": "abc",
        "cell": "4",
    }
    state.change(view="Quadratic")  # a link with a sweep would open its map
    assert state.to_query() == {}
    assert StabilityState.from_query({"view": "Quadratic", "net": "x"}).view == "Quadratic"


def test_layers_show_the_measured_numbers(
    store: Store, known_spectra: Callable[[SpectraQuestion], None]
) -> None:
    known_spectra(SpectraQuestion(config=RunConfig()))
    at = open_page("stability", view="Real layers", tau="0.5", cg="1")
    values = {metric.label: metric.value for metric in at.metric}
    # Nesterov at β = .95: 2(1 + β)/(1 + 2β) = 3.9/2.9 in place of 2.
    assert values == {
        "Loss J here": "2.25",
        "Network, explicit": "η < 2.69",
        "Network, implicit": "η < 5.38",
        "Its implicit layers alone": "η < 336",
    }
    numbers = table(at, "Numbers of each layer")
    assert numbers["layer"] == ["linear1", "linear2"]
    assert numbers["weight step"] == ["implicit", "explicit"]
    assert numbers["own limit 2/λ_max"] == ["0.25", "0.5"]
    assert numbers["condition at τ"] == ["2.5", "1"]
    # τ = s = .5: factors −3 and 0 explicit, .2 and .5 implicit, energies .64 and .36.
    assert numbers["left over, explicit"] == ["2.4", "1"]
    assert numbers["left over, implicit"] == ["0.34", "0.333"]
    assert "not training" in text(at)
    assert "Left over: the share of the change asked" in text(at)
    assert "above 1 the step overshoots" in text(at)
    assert not at.exception


def test_layers_of_a_run_that_is_gone_are_told_in_words(
    store: Store, known_spectra: Callable[[SpectraQuestion], None]
) -> None:
    known_spectra(SpectraQuestion(config=RunConfig()))
    at = open_page("stability", view="Real layers", net="nothere1")
    assert "There is no run 'nothere1'" in text(at)
    assert at.selectbox(key="net").value == DEFAULT_NET


def test_link_to_a_run_opens_its_layers(
    store: Store, known_spectra: Callable[[SpectraQuestion], None]
) -> None:
    run_id = known_run(store)
    store.add_checkpoint(run_id, 40, "checkpoints/x.safetensors")
    known_spectra(SpectraQuestion(config=RunConfig(), run=run_id, step=40))
    at = open_page("stability", net=run_id)
    assert at.selectbox(key="net").value == run_id
    assert at.metric[0].value == "2.25"


def test_weights_that_a_run_began_with_are_a_choice(
    store: Store, known_spectra: Callable[[SpectraQuestion], None]
) -> None:
    run_id = known_run(store)
    store.add_checkpoint(run_id, 40, "checkpoints/x.safetensors")
    known_spectra(SpectraQuestion(config=store.run(run_id).config))  # nothing of the saved weights
    at = open_page("stability", net=run_id, weights="initial")
    assert at.metric[0].value == "2.25"
    assert not at.warning


@pytest.mark.parametrize("name", INITIAL)
def test_common_networks_can_be_linked_to(
    store: Store, known_spectra: Callable[[SpectraQuestion], None], name: str
) -> None:
    known_spectra(SpectraQuestion(config=INITIAL[name]))
    at = open_page("stability", net=name)
    assert at.selectbox(key="net").value == name
    lines = component(at, "chart")["figure"]["data"]  # type: ignore[index]
    assert [line["x"][0] for line in lines[:2]] == pytest.approx([2.0, 2.0])


def test_failed_measurement_is_told_in_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpectraQuestion, "limit", 0.0)
    at = open_page("stability", view="Real layers")
    assert "Recorded" in text(at)
    at.button(key="recorded.own-answer").click().run()
    assert "could not be measured: The computation took longer than 0 s" in text(at)
    assert not at.exception


def test_momentum_changes_the_limit_and_adam_has_none() -> None:
    plain = RunConfig().replace(**{"optimizer.name": "sgd"})
    heavy = RunConfig().replace(**{"optimizer.name": "momentum", "optimizer.momentum": 0.5})
    adam = RunConfig().replace(**{"optimizer.name": "adam"})
    assert momentum_factor(plain) == (2.0, "")
    assert momentum_factor(heavy)[0] == pytest.approx(3.0)
    assert "not those of this run's optimizer" in momentum_factor(adam)[1]


def test_without_a_sweep_a_recorded_map_is_there_until_this_machine_makes_its_own(
    store: Store,
) -> None:
    config = default_sweep()
    at = open_page("stability", view="Whole network", cell="30")
    data = component(at, "map")
    assert (data["run"], data["selected"]) == (None, 30)
    payload: MapPayload = data["recorded"]  # type: ignore[assignment]
    assert payload["finished"] == payload["runs"] == 225
    assert [method["s"] for method in payload["methods"]] == [
        pytest.approx(
            [method.place(cell.lr, cell.tau) for cell in config.cells() if cell.method == at]
        )
        for at, method in enumerate(config.methods)
    ]
    assert "Recorded" in text(at)
    assert cell_title(config, 30) in text(at)
    assert {*PRESETS, "Open in Train"} < {button.label for button in at.button}
    at.button(key="recorded.own-answer").click().run()
    (own,) = store.runs(kind="sweep")
    assert own.config == config
    assert component(at, "map")["run"] == own.id
    assert "Recorded" not in text(at)


def test_link_to_a_sweep_shows_its_map_and_cell(store: Store) -> None:
    known_sweep(store)
    older = known_sweep(store)
    known_sweep(store)
    at = open_page("stability", sweep=older, cell="4")
    data = component(at, "map")
    assert (data["run"], data["selected"], data["clickable"]) == (older, 4, True)
    curve = component(at, "chart")
    assert curve["title"] == "implicit (exact), η 2, τ 0.1"
    series = [line["meta"]["series"] for line in curve["figure"]["data"]]  # type: ignore[index]
    assert series == ["8/steps/loss", "9/steps/loss"]
    assert "2/λ_max = 3" in text(at)
    assert "curvature grows" in text(at)
    assert not at.exception


def test_two_sweeps_stand_side_by_side(store: Store) -> None:
    left, right = known_sweep(store), known_sweep(store)
    at = open_page("stability", sweep=left, beside=right)
    maps = [
        json.loads(item.proto.json)["run"]
        for item in at.get("bidi_component")
        if item.proto.component_name.endswith("proxprop_map")
    ]
    assert maps == [left, right]


def test_unknown_sweep_is_told_in_words(store: Store) -> None:
    at = open_page("stability", sweep="nothere1")
    assert "There is no sweep 'nothere1'" in text(at)
    assert not at.exception


def test_start_makes_one_sweep_and_stop_stops_it(store: Store) -> None:
    at = open_page("stability", view="Whole network")
    at.button(key="start.Map over step sizes").click().run()
    (run,) = store.runs(kind="sweep")
    assert run.config == default_sweep()
    assert query(at)["sweep"] == run.id
    at.button(key="start.Map over step sizes").click().run()
    assert len(store.runs(kind="sweep")) == 1  # the one that goes on is shown
    at.button(key="stop").click().run()
    assert [control.action for control in store.take_controls(run.id)] == ["stop"]


def test_a_sweep_that_ends_while_the_page_is_drawn_keeps_no_stop_button(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status is news to the page, not to the picture of it that is drawn last."""
    sweep = known_sweep(store, ended=False)
    draw = whole_network.stop_button

    def end_when_drawn(run: Run) -> None:
        draw(run)
        store.end(sweep, "stopped", "stopped after 60 steps")

    monkeypatch.setattr(whole_network, "stop_button", end_when_drawn)
    at = open_page("stability", sweep=sweep)
    keys = {button.key for button in at.button}
    assert {"begin-again.yes", "stop"} & keys == {"begin-again.yes"}
    assert component(at, "status")["states"][sweep]["status"] == "ended"  # type: ignore[index]


def test_cell_opens_as_the_run_it_is() -> None:
    config = from_query(cell_query(SWEEP, 4))
    assert config == SWEEP.run(8)
    assert config.direction.tau == pytest.approx(0.1)


def test_tiles_say_where_there_is_nothing_to_limit() -> None:
    flat = NetworkSpectra(samples=10, step=0, loss=0.5, sharpness=-1.0, layers=())
    values = [value for _, value, _ in limit_tiles(flat, RunConfig(), 0.1)]
    assert values == ["0.5", "any η", "–", "–"]
