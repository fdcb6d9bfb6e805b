"""Test accuracies of contenders that were stopped before their last epoch."""

from __future__ import annotations

from proxprop.config import RaceConfig
from proxprop.data import Dataset
from proxprop.racing.state import Standing
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.writing import Writing
from proxprop.training.device import resolve_device
from proxprop.training.outcomes import LossWatch, Summary
from proxprop.training.session import Session
from proxprop.training.state import restore


def measured_accuracies(
    store: Writing, run_id: str, config: RaceConfig, dataset: Dataset
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
