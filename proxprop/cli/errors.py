"""Foreseen errors end a command with their message and an exit status, no traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from proxprop.data.errors import DataError
from proxprop.runs.errors import RunError, StoreError
from proxprop.spec.config import ConfigError
from proxprop.spec.events import Outcome

EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 3
EXIT_STOPPED = 130  # what shells report for Ctrl-C

P = ParamSpec("P")
R = TypeVar("R")


def exit_code(outcome: Outcome, stopped: bool = False) -> int:
    """Return the exit status of a run that ended so; `stopped` says that Ctrl-C did it."""
    codes = {"failed": EXIT_FAILED, "interrupted": EXIT_INTERRUPTED}
    return EXIT_STOPPED if stopped else codes.get(outcome, 0)


def without_traceback(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command print foreseen errors as their messages."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ConfigError, DataError, RunError, StoreError) as error:
            typer.echo(str(error), err=True)
            refused = isinstance(error, ConfigError)
            raise typer.Exit(EXIT_REFUSED if refused else EXIT_FAILED) from error

    return wrapped
