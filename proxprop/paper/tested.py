"""Test accuracies of contenders that were stopped before their last epoch."""

from __future__ import annotations

from proxprop.data.dataset import Dataset
from proxprop.engine.racing.state import Standing
from proxprop.engine.training.device import resolve_device
from proxprop.engine.training.outcomes import LossWatch, Summary
from proxprop.engine.training.session import Session
from proxprop.engine.training.state import restore
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig


def measured_accuracies(
    store: Store, run_id: str, config: RaceConfig, dataset: Dataset
) -> dict[int, tuple[float, float]]:
    """Return contender → (epoch, accuracy on the test images) from a race's last checkpoint.

    Args:
        store: The run store.
        run_id: A stopped race of one seed.
        config: Its config.
        dataset: Its images.
    """
    snapshot, _ = Checkpoints(store, run_id).latest()
    if snapshot is None or not len(dataset.test):
        return {}
    device = resolve_device(config.device)
    found = {}
    for member, saved in Standing(len(config.contenders)).restore(snapshot).items():
        session = Session(config.run(member), dataset, device)
        restore(saved, session, LossWatch(), Summary())
        evaluation = session.evaluation("test")
        while not evaluation.done:
            evaluation.advance()
        found[member] = (session.epoch, evaluation.accuracy)
    return found
