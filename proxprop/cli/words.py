"""Errors that were foreseen end a command with their words and an exit status, no traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 3
EXIT_STOPPED = 130  # what shells report for Ctrl-C

P = ParamSpec("P")
R = TypeVar("R")


def in_words(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command print foreseen errors as words."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            code = _exit_code(error)
            if code is None:
                raise
            typer.echo(str(error), err=True)
            raise typer.Exit(code) from error

    return wrapped


def _exit_code(error: Exception) -> int | None:
    from proxprop.data.errors import DataError
    from proxprop.runs.errors import RunError, StoreError
    from proxprop.spec.config import ConfigError

    if isinstance(error, ConfigError):
        return EXIT_USAGE
    if isinstance(error, (DataError, RunError, StoreError)):
        return EXIT_FAILED
    return None
