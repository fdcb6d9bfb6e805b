"""`train_together`: the leader's loop over one run; `follow`: everybody else's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from proxprop.data.dataset import Dataset, Split, Transform, load
from proxprop.data.source import quiet
from proxprop.distributed.group import Do, Order, is_loss, leave, receive, send
from proxprop.distributed.processes import Followers, ProcessLostError, threads_shared
from proxprop.distributed.session import SPLITS, FollowingSession, LeadingSession
from proxprop.engine.training.device import resolve_device
from proxprop.engine.training.loop import TrainingRun
from proxprop.engine.training.snapshot import restore
from proxprop.spec.config import ConfigError, Problem, RunConfig
from proxprop.spec.controls import Control, Controls, Report
from proxprop.spec.events import Ended, Event, Notice, Snapshot

_REASSURANCE = 60.0  # seconds between two words to those who wait while a run is held


def train_together(
    config: RunConfig,
    controls: Controls,
    *,
    snapshot: Snapshot | None = None,
    progress: Report | None = None,
    dataset: Dataset | None = None,
) -> Iterator[Event]:
    """Train the run that `config` describes over `config.devices` processes.

    This one leads. The others are those of the process group where this process is in one
    (torchrun), else children that it starts and ends.

    Args and events are those of `proxprop.engine.training.train`; a process that is lost ends the
    run as interrupted.

    Raises:
        ConfigError: If the config does not fit this machine, this data or these processes.
        DataError: If the data cannot be had.
        ValueError: If the snapshot belongs to another run.
    """
    device = own_device(config, 0)
    if dataset is None:
        dataset = load(config.data, progress=progress)
    config.check_fit(dataset.shape, len(dataset.classes), len(dataset.train))
    with ExitStack() as stack:
        followers = None
        if not dist.is_initialized():
            stack.enter_context(threads_shared(config.devices))
            (progress or quiet)(f"Starting {config.devices} processes", None)
            followers = stack.enter_context(Followers(config.devices, config.device))
        elif dist.get_world_size() != config.devices:
            rule = f"must be {dist.get_world_size()} here, the processes that were started"
            raise ConfigError([Problem("devices", f"{rule}, got {config.devices}")])
        run, over = None, False
        try:
            send(Do.BEGIN, message=_described(config, dataset, snapshot),
                 tensors=_tensors(dataset, snapshot))  # fmt: skip
            session = LeadingSession(config, _moved(dataset, device), device)
            run = TrainingRun(config, _Attending(controls, followers), session)
            if snapshot is not None:
                run.resume(snapshot)
            yield Notice("info", _shared_words(config.devices))
            yield from run.events()
            over = True
            send(Do.END)
        except GeneratorExit:
            raise  # between two orders: whoever is asked next finds the others waiting
        except BaseException as error:
            leave(farewell=False)  # nobody knows what the others are in the middle of
            lost = is_loss(error) or isinstance(error, ProcessLostError)
            if lost and over:
                return
            ended = _loss(followers, config.devices) if lost else None
            if ended is None:
                raise
            if run is not None:
                at = run.session
                ended = replace(ended, step=at.step, epoch=at.epoch, seconds=at.seconds)
            yield ended


def follow() -> bool:
    """Do what the leader says until a run is over; return whether there may be another.

    Raises:
        RuntimeError: If a process of the group is lost meanwhile.
    """
    session: FollowingSession | None = None
    while (order := receive()).what not in (Do.END, Do.LEAVE):
        if order.what == Do.BEGIN:
            session = _begun(order)
        elif order.what != Do.WAIT:
            assert session is not None, "a run begins before its steps"
            if order.what == Do.STEP:
                session.follow(bool(order.first), order.second)
            elif order.what == Do.APPLY:
                session.apply(RunConfig.parse(order.message))
            else:
                session.evaluate(int(order.first), int(order.second))
    return order.what == Do.END


def own_device(config: RunConfig, rank: int) -> torch.device:
    """Return where a process computes: on a GPU of its own, or on the CPU.

    Raises:
        ConfigError: If there are fewer GPUs than processes on this machine.
    """
    device = resolve_device(config.device)
    if device.type == "cpu":
        return device
    here = int(os.environ.get("LOCAL_WORLD_SIZE", config.devices))
    if torch.cuda.device_count() < here:
        rule = f"must be at most the {torch.cuda.device_count()} GPUs of this machine, got {here}"
        raise ConfigError([Problem("devices", rule)])
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank)))
    torch.cuda.set_device(own)
    return own


class _Attending:
    """Controls of a leader that looks after its followers whenever it is asked for commands.

    Args:
        controls: Where commands come from.
        followers: Those it has started; None where another program did.
    """

    def __init__(self, controls: Controls, followers: Followers | None) -> None:
        self._controls = controls
        self._followers = followers
        self._reassured = time.monotonic()

    def poll(self) -> list[Control]:
        """Return what has arrived, without blocking."""
        if self._followers is not None:
            self._followers.check()
        return self._controls.poll()

    def wait(self, seconds: float) -> list[Control]:
        """Return what arrives, waiting at most `seconds` for it; the followers wait as well."""
        now = time.monotonic()
        if now - self._reassured >= _REASSURANCE:
            self._reassured = now
            send(Do.WAIT)
        if self._followers is not None:
            self._followers.check()
        return self._controls.wait(seconds)


def _shared_words(processes: int) -> str:
    means = dist.get_backend()
    return (
        f"{processes} processes ({means}) share every batch; each step is the one that a single "
        "process would take. With this batch's Gram each of them solves for the joined batch."
    )


def _loss(followers: Followers | None, processes: int) -> Ended | None:
    """Return how a run ends that has lost a process; None where none is missing."""
    if followers is None:
        words = (
            f"One of the {processes} processes was lost. Resume continues from the checkpoint, "
            "with any number of processes."
        )
        return Ended("interrupted", 0, 0.0, 0.0, words)
    found = followers.loss()
    return None if found is None else Ended(found[0], 0, 0.0, 0.0, found[1])


def _described(config: RunConfig, dataset: Dataset, snapshot: Snapshot | None) -> dict[str, Any]:
    transform = dataset.transform
    return {
        "config": config.model_dump(mode="json"),
        "classes": list(dataset.classes),
        "shape": list(dataset.shape),
        "transform": [transform.scale, list(transform.mean), list(transform.deviation)],
        "snapshot": None if snapshot is None else [snapshot.step, snapshot.extra, snapshot.reason],
    }


def _tensors(dataset: Dataset, snapshot: Snapshot | None) -> dict[str, Tensor]:
    tensors = {} if snapshot is None else dict(snapshot.tensors)
    for name in SPLITS:
        split: Split = getattr(dataset, name)
        tensors[f"{name}.inputs"], tensors[f"{name}.targets"] = split.inputs, split.targets
    return tensors


def _begun(order: Order) -> FollowingSession:
    """Build what `_described` and `_tensors` describe."""
    message, tensors = order.message, order.tensors
    config = RunConfig.parse(message["config"])
    train, validation, test = (
        Split(tensors.pop(f"{name}.inputs"), tensors.pop(f"{name}.targets")) for name in SPLITS
    )
    scale, mean, deviation = message["transform"]
    transform = Transform(scale, tuple(mean), tuple(deviation))
    classes, shape = tuple(message["classes"]), tuple(message["shape"])
    dataset = Dataset(train, validation, test, classes, shape, transform)
    device = own_device(config, dist.get_rank())
    session = FollowingSession(config, _moved(dataset, device), device)
    if message["snapshot"] is not None:
        step, extra, reason = message["snapshot"]
        restore(Snapshot(step, tensors, extra, reason), session)
    return session


def _moved(dataset: Dataset, device: torch.device) -> Dataset:
    def moved(split: Split) -> Split:
        return Split(split.inputs.to(device), split.targets.to(device))

    train, validation, test = moved(dataset.train), moved(dataset.validation), moved(dataset.test)
    return replace(dataset, train=train, validation=validation, test=test)
