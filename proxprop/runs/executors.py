"""Which loop carries out which kind of config. A loop is a generator of events fed by controls."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from proxprop.spec.config import AnyConfig
from proxprop.spec.events import Control, Event, Snapshot

Progress = Callable[[str, float | None], None]

# kind → "module:function", loaded when needed; a new kind of run is one line here.
EXECUTORS: dict[str, str] = {
    "run": "proxprop.engine.training:train",
    "race": "proxprop.engine.racing:race",
    "sweep": "proxprop.engine.sweeping:sweep",
}


class Controls(Protocol):
    """Where a loop hears what it should do."""

    def poll(self) -> list[Control]:
        """Return the commands that have come in; never blocks."""

    def wait(self, seconds: float) -> list[Control]:
        """Return the commands that have come in, waiting up to `seconds` for one."""


class Executor(Protocol):
    """A loop: `train` and its like.

    After a `Snapshot` is yielded, resuming from it yields exactly the points that would have come
    next. A loop of several members puts each member's step into `extra["member_steps"]`.
    """

    def __call__(
        self,
        config: Any,
        controls: Controls,
        *,
        snapshot: Snapshot | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Event]:
        """Carry out `config`."""


def executor(config: AnyConfig) -> Executor:
    """Return the loop that carries out `config`.

    Raises:
        NotImplementedError: If this version has none for its kind.
    """
    module, _, name = EXECUTORS[config.kind].partition(":")
    try:
        loop: Executor = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise NotImplementedError(
            f"This version of proxprop cannot carry out a {config.kind!r}; upgrade it."
        ) from error
    return loop
