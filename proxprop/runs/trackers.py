"""A run's points, live, in a tracker of a person's own: TensorBoard, Weights & Biases or trackio.

Metrics are called "<table>/<column>" and stand at the step they have in the store, with the same
values. Every member of a race is a run of its own there, in one group. A resumed run goes on in
the run it had; the steps it repeats are logged again, with the values they had.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from proxprop.runs.errors import RunError
from proxprop.runs.record import Run
from proxprop.spec.config import RaceConfig, SweepConfig, Tracker
from proxprop.spec.events import Ended, Event, Notice, Point
from proxprop.spec.racing import place_of, race_labels

PROJECT = "proxprop"
# What each is called, and the module it comes as; the extra has the tracker's own name.
TRACKERS: Mapping[Tracker, tuple[str, str]] = {
    "tensorboard": ("TensorBoard", "tensorboard"),
    "wandb": ("Weights & Biases", "wandb"),
    "trackio": ("trackio", "trackio"),
}


def check_tracker(tracker: Tracker) -> None:
    """Refuse a tracker that is not installed.

    Raises:
        RunError: With how to install it.
    """
    if tracker != "off" and find_spec(TRACKERS[tracker][1]) is None:
        raise RunError(
            f"Logging to {TRACKERS[tracker][0]} needs a package that is not installed: "
            f"pip install 'proxprop[{tracker}]'"
        )


@dataclass(frozen=True)
class Member:
    """One run as a tracker knows it.

    Attributes:
        id: Unique, and the same when it is resumed.
        name: What a person reads.
        group: The run or race of the store it belongs to.
        config: What determines it, as plain data.
        folder: Where the tracker may keep files.
    """

    id: str
    name: str
    group: str
    config: dict[str, Any]
    folder: Path


class Writer(Protocol):
    """What a tracker does for one member."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of a step."""

    def finish(self) -> None:
        """Write what is left; nothing comes after it."""


class TensorBoard:
    """Event files in a folder a member, as `tensorboard --logdir` reads them."""

    def __init__(self, member: Member) -> None:
        # Late: only runs that log load them, and a run's process has loaded torch already.
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(member.folder / member.group / member.name), flush_secs=5)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write a step's scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def finish(self) -> None:
        """Close the file."""
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases; WANDB_MODE and its other variables count as ever."""

    def __init__(self, member: Member) -> None:
        import wandb  # late: only runs that log to it load it

        member.folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=PROJECT,
            id=member.id,
            name=member.name,
            group=member.group,
            config=member.config,
            dir=member.folder,
            resume="allow",
            reinit="create_new",
        )
        # Its own counter takes no step twice; a resumed run repeats some.
        self._run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send a step's values, its number among them."""
        self._run.log({**values, "step": step})

    def finish(self) -> None:
        """Wait until everything is sent or written."""
        self._run.finish()


class Trackio:
    """A run of trackio, in its own local store."""

    def __init__(self, member: Member) -> None:
        import trackio  # late: only runs that log to it load it

        with redirect_stdout(sys.stderr):  # it prints, and a command's result may be JSON
            self._run = trackio.init(
                PROJECT,
                name=f"{member.name} ({member.id})",  # by its name it is found again
                group=member.group,
                config=member.config,
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hand a step's values over."""
        self._run.log(dict(values), step=step)

    def finish(self) -> None:
        """Wait until everything is written."""
        with redirect_stdout(sys.stderr):
            self._run.finish()


_WRITERS: Mapping[Tracker, Callable[[Member], Writer]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "trackio": Trackio,
}


class Logging:
    """Hands the points among a run's events to the tracker its config names.

    Args:
        run: The run.
        home: The store's folder; files of trackers that keep some lie below it.
        report: Called with a notice when the tracker fails on the way; the run goes on without.
    """

    def __init__(self, run: Run, home: Path, report: Callable[[Notice], None]) -> None:
        self._run = run
        self._tracker: Tracker = "off" if isinstance(run.config, SweepConfig) else run.config.log
        self._folder = home / self._tracker
        self._report = report
        self._writers: dict[int, Writer] = {}
        check_tracker(self._tracker)

    def __enter__(self) -> Logging:
        return self

    def __exit__(self, *exception: object) -> None:
        for writer in list(self._writers.values()):
            if self._tracker != "off":
                self._attempt(writer.finish)

    def take(self, event: Event) -> None:
        """Log an event's numbers, if it has some.

        Raises:
            RunError: If the tracker does not take a run at all.
        """
        if self._tracker == "off":
            return
        if isinstance(event, Ended) and event.member in self._writers:
            self._attempt(self._writers.pop(event.member).finish)
        if not isinstance(event, Point):
            return
        if event.member not in self._writers:
            self._writers[event.member] = self._begun(event.member)
        values = {f"{event.table}/{name}": value for name, value in event.values.items()}
        self._attempt(lambda: self._writers[event.member].log(event.step, values))

    def _begun(self, number: int) -> Writer:
        member = as_member(self._run, number, self._folder)
        try:
            return _WRITERS[self._tracker](member)
        except Exception as error:  # whatever a tracker raises: no login, no network, a full disk
            name = TRACKERS[self._tracker][0]
            raise RunError(f"{name} does not take this run: {_first_line(error)}") from error

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do it; where a tracker fails, say so once, and log no more."""
        try:
            action()
        except Exception as error:
            name, self._tracker = TRACKERS[self._tracker][0], "off"
            self._writers.clear()
            self._report(
                Notice("warning", f"{name} takes no more of this run: {_first_line(error)}")
            )


def as_member(run: Run, number: int, folder: Path) -> Member:
    """Return a member of a run or race as a tracker knows it."""
    name, config = run.name or run.id, run.config
    if not isinstance(config, RaceConfig):
        return Member(run.id, name, run.id, config.model_dump(mode="json"), folder)
    place = place_of(config, number)
    label = race_labels(config)[place.contender]
    if config.seeds > 1:
        label += f", seed {config.seed + place.seed_index}"
    chosen = config.run(*place).model_dump(mode="json")
    return Member(f"{run.id}-{number}", label, run.id, chosen, folder)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
