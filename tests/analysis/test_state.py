"""Whose weights a question is about, and the batch they would see next."""

from __future__ import annotations

import pytest
import torch

from proxprop.analysis.questions import SpectraQuestion, StepQuestion
from proxprop.analysis.state import StateError, load_state
from proxprop.data.dataset import epoch_permutation, load
from proxprop.models import build_model
from proxprop.runs.checkpoints import CheckpointError, Checkpoints
from proxprop.runs.errors import UnknownRunError
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Snapshot

CONFIG = RunConfig().replace(
    **{"data.name": "moons", "model.widths": (5,), "batch_size": 64, "seed": 3}
)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    opened = Store()
    yield opened
    opened.close()


def quiet(words, share):
    pass


def saved(store, run_id, step):
    weights = build_model(CONFIG.model, (2,), 2, seed=step)
    tensors = {f"model/{name}": value for name, value in weights.state_dict().items()}
    Checkpoints(store, run_id).save(Snapshot(step, tensors, {}, "cadence"))
    return weights


def test_a_runs_latest_checkpoint_and_the_batch_it_sees_next(store):
    run_id = store.create_run(CONFIG)
    saved(store, run_id, 20)
    weights = saved(store, run_id, 40)
    state = load_state(StepQuestion(config=CONFIG, run=run_id), quiet)
    assert state.step == 40
    for name, value in weights.state_dict().items():
        assert torch.equal(state.model.state_dict()[name], value.double())
    train = load(CONFIG.data).train
    epoch, index = divmod(40, -(-len(train) // 64))
    chosen = epoch_permutation(3, epoch, len(train))[index * 64 : (index + 1) * 64]
    assert torch.equal(state.targets, train.targets[chosen])
    assert torch.equal(state.inputs, train.inputs[chosen].double())


def test_an_older_checkpoint_may_be_asked_for(store):
    run_id = store.create_run(CONFIG)
    weights = saved(store, run_id, 20)
    saved(store, run_id, 40)
    state = load_state(StepQuestion(config=CONFIG, run=run_id, step=20), quiet)
    assert state.step == 20
    first = next(iter(weights.parameters()))
    assert torch.equal(next(iter(state.model.parameters())), first.double())


def test_a_run_that_has_saved_nothing_shows_its_initial_weights(store):
    run_id = store.create_run(CONFIG)
    state = load_state(StepQuestion(config=CONFIG, run=run_id), quiet)
    initial = build_model(CONFIG.model, (2,), 2, seed=3, dtype=torch.float64)
    assert state.step == 0
    assert "saved no weights yet" in state.origin
    for mine, theirs in zip(state.model.parameters(), initial.parameters()):
        assert torch.equal(mine, theirs)


def test_a_damaged_checkpoint_gives_way_to_an_older_one(store):
    run_id = store.create_run(CONFIG)
    saved(store, run_id, 20)
    saved(store, run_id, 40)
    latest = store.home / store.checkpoints(run_id)[0].path
    latest.write_bytes(latest.read_bytes()[:100])
    assert load_state(StepQuestion(config=CONFIG, run=run_id), quiet).step == 20
    (store.home / store.checkpoints(run_id)[1].path).unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_state(StepQuestion(config=CONFIG, run=run_id), quiet)


def test_an_unknown_run_is_refused(store):
    with pytest.raises(UnknownRunError, match="nosuchrun"):
        load_state(StepQuestion(config=CONFIG, run="nosuchrun"), quiet)


def test_any_batch_may_be_asked_for(store):
    run_id = store.create_run(CONFIG)
    saved(store, run_id, 40)
    state = load_state(StepQuestion(config=CONFIG, run=run_id), quiet, batch=0)
    train = load(CONFIG.data).train
    assert state.step == 40
    assert torch.equal(state.targets, train.targets[epoch_permutation(3, 0, len(train))[:64]])


def test_weights_of_another_network_are_refused(store):
    run_id = store.create_run(CONFIG)
    saved(store, run_id, 20)
    wider = CONFIG.replace(**{"model.widths": (6,)})
    with pytest.raises(StateError, match="do not fit this network"):
        load_state(StepQuestion(config=wider, run=run_id), quiet)


@pytest.mark.parametrize("kind", [StepQuestion, SpectraQuestion])
def test_a_question_survives_its_way_as_json(kind):
    question = kind(config=CONFIG, run="abc", step=20)
    assert kind.parse_json(question.model_dump_json()) == question
