"""Activations along a run: few moments, evenly spread, the present one among them."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from proxprop.analysis.activations import LayerPicture
from proxprop.engine.training import history
from proxprop.engine.training.history import ActivationHistory
from proxprop.spec.events import Artifact

from .driver import of, run, small


class Following:
    """A probe whose activations are the number of the step."""

    targets = torch.tensor([0, 1])
    step = 0

    def pictures(self):
        values = torch.full((2, 3), float(self.step))
        return {"linear1": LayerPicture(values, torch.full((2, 3), torch.nan))}


@pytest.mark.parametrize("steps", [1, 16, 17, 100, 1000])
def test_moments_are_few_and_evenly_spread(steps):
    probe = Following()
    kept = ActivationHistory(probe, ("a", "b"))
    for step in range(1, steps + 1):
        probe.step = step
        kept.take(step)
    payload = kept.latest(force=True)
    moments = [moment["step"] for moment in payload["moments"]]
    assert len(moments) <= history.MOST + 1
    assert moments[0] == 1
    assert moments[-1] == steps
    assert len(set(np.diff(moments[:-1]))) <= 1
    assert len(moments) > min(steps, history.MOST) // 2
    for moment in payload["moments"]:
        shown = moment["layers"]["linear1"]
        assert shown["values"]["scale"] == moment["step"]
        assert shown["change"]["scale"] == 0  # what is not finite is not shown
    assert payload["targets"] == [0, 1]


def test_it_is_told_only_where_something_is_new(monkeypatch):
    clock = SimpleNamespace(perf_counter=lambda: clock.now, now=0.0)
    monkeypatch.setattr(history, "time", clock)
    probe = Following()
    kept = ActivationHistory(probe, ("a", "b"))
    kept.take(1)
    assert kept.latest() is not None
    assert kept.latest(force=True) is None
    kept.take(2)
    assert kept.latest() is None
    clock.now = history.SECONDS
    assert kept.latest() is not None


def test_a_run_shows_its_probe_by_class():
    events = run(small(instruments__tier="cheap", instruments__every=5))
    last = [artifact for artifact in of(events, Artifact) if artifact.name == "activations"][-1]
    moments = last.payload["moments"]
    assert [moment["step"] for moment in moments] == [1, 2, 4, 5, 10]
    assert last.payload["targets"] == sorted(last.payload["targets"])
    values = moments[-1]["layers"]["linear1"]["values"]
    assert values["rows"] == len(last.payload["targets"])
    cells = np.frombuffer(base64.b64decode(values["data"]), dtype=np.int8)
    assert len(cells) == values["rows"] * values["cols"]
    assert 0 <= cells.min() < cells.max() == 127  # of a ReLU


def test_a_run_that_measures_no_layers_shows_none():
    assert "activations" not in {artifact.name for artifact in of(run(small()), Artifact)}
