"""What needs torch: the images themselves, the machine, and test accuracies of stopped races."""

from __future__ import annotations

import os
import platform

import numpy
import torch

import proxprop
from proxprop.data.dataset import load
from proxprop.engine.racing.loop import RaceState
from proxprop.engine.training.device import device_label, processor_name, resolve_device
from proxprop.engine.training.session import Session
from proxprop.engine.training.snapshot import restore
from proxprop.paper.images import Images, check_classes
from proxprop.paper.result import Data, Provenance
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.store import Store
from proxprop.spec.config import DataConfig, RaceConfig
from proxprop.spec.controls import Report


def look_at(images: Images, config: DataConfig, progress: Report) -> Data:
    """Return what results say of the images; decodes them at the first time.

    Args:
        images: Where they are.
        config: How much of them is used for what.
        progress: Called with a message and the fraction done.

    Raises:
        DataError: If they are not CIFAR-10's.
    """
    dataset = load(config, progress=progress)
    check_classes(dataset.classes, images)
    sizes = {name: len(getattr(dataset, name)) for name in ("train", "validation", "test")}
    return Data(name="CIFAR-10", stored=images.stored, **sizes)


def provenance(device: str) -> Provenance:
    """Return what this process measures with.

    Args:
        device: "auto", "cpu" or "cuda".
    """
    versions = {
        "proxprop": proxprop.__version__,
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }
    return Provenance(
        versions=versions,
        device=device_label(resolve_device(device)),
        processor=processor_name(),
        threads=torch.get_num_threads(),
    )


def machine_load() -> float | None:
    """Return how many processes wanted a core over the last minute; None where it is not told."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def test_accuracies(
    store: Store, run_id: str, config: RaceConfig
) -> dict[int, tuple[float, float]]:
    """Return contender → (epoch, accuracy on the test images) from a race's last checkpoint.

    Args:
        store: The run store.
        run_id: A stopped race of one seed.
        config: Its config.
    """
    snapshot, _ = Checkpoints(store, run_id).latest()
    dataset = load(config.data)
    if snapshot is None or not len(dataset.test):
        return {}
    device = resolve_device(config.device)
    accuracies = {}
    for member, saved in RaceState(len(config.contenders)).restore(snapshot).items():
        session = Session(config.run(member), dataset, device)
        restore(saved, session)
        evaluation = session.evaluation("test")
        while not evaluation.done:
            evaluation.advance()
        accuracies[member] = (session.epoch, evaluation.accuracy)
    return accuracies
