"""What was read last of a run, kept for everyone who looks: of a live one, nothing older."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

State = ParamSpec("State")
Read = TypeVar("Read")


def newest(
    most: int,
) -> Callable[[Callable[Concatenate[str, State], Read]], Callable[Concatenate[str, State], Read]]:
    """Read a run again only once its state has changed, and forget what was read before.

    Args:
        most: Runs that are remembered; the ones looked at last.

    Returns:
        A decorator of functions of a run's id and what tells its states apart.
    """

    def decorate(
        read: Callable[Concatenate[str, State], Read],
    ) -> Callable[Concatenate[str, State], Read]:
        kept: OrderedDict[str, tuple[Hashable, Read]] = OrderedDict()
        lock = threading.Lock()

        @wraps(read)
        def reading(run_id: str, *args: State.args, **kwargs: State.kwargs) -> Read:
            state = (args, tuple(kwargs.items()))
            with lock:
                known = kept.get(run_id)
                if known is not None and known[0] == state:
                    kept.move_to_end(run_id)
                    return known[1]
            result = read(run_id, *args, **kwargs)
            with lock:
                kept[run_id] = state, result
                kept.move_to_end(run_id)
                while len(kept) > most:
                    kept.popitem(last=False)
            return result

        return cast(Callable[Concatenate[str, State], Read], reading)

    return decorate
