"""What a race keeps of contenders that have come to their end."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from torch import nn

from proxprop.engine.racing.loop import race
from proxprop.spec.events import Ended
from tests.engine.racing import driver as races
from tests.engine.training.driver import Desk


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Cycles of references wait for it, and networks with them."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_networks_go_as_soon_as_nobody_trains_them() -> None:
    before = {id(found) for found in networks()}

    def kept() -> int:
        return sum(id(found) not in before for found in networks())

    config = races.small(races.EXPLICIT, races.HOPELESS, search={"trials": 2, "epochs": 1.0})
    left = [kept() for event in race(config, Desk()) if isinstance(event, Ended)]
    first, second, whole = left  # who has just ended is told of before it goes
    assert 0 < second == first / 2
    assert whole == kept() == 0


def networks() -> list[nn.Module]:
    """Return every network there is, and their parts."""
    return [found for found in gc.get_objects() if issubclass(type(found), nn.Module)]
