"""Whose run is next, and what is refused before it begins."""

from itertools import pairwise

import pytest

from proxprop.runs import fits, turns
from proxprop.runs.errors import RunError
from proxprop.runs.fits import VARIABLE, check_fits
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.runs.turns import check_room, in_turn
from proxprop.spec.config import RunConfig

HUGE = RunConfig.parse({"model": {"widths": (100_000,) * 20}})


@pytest.fixture
def queue(store: Store):
    def filled(owners: str):
        for owner in owners:
            store.create_run(RunConfig(), owner=owner)
        return store.queue()

    return filled


def test_one_persons_queue_does_not_hold_up_the_next(queue) -> None:
    order = in_turn(queue("aaaaaaaabba"), ["a"])
    assert "".join(run.owner for run in order) == "babaaaaaaaa"
    for owner in "ab":  # each one's own keep their order
        own = [run for run in order if run.owner == owner]
        assert all(first.queued <= second.queued for first, second in pairwise(own))


def test_the_service_starts_and_counts_by_turns(
    store: Store, queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunService, "_dispatch", lambda self: None)
    service = RunService(store, prewarm=False)
    try:
        queue("aaaa")
        mine = service.start(RunConfig(), owner="b")
        places = {entry.run_id: entry.position for entry in service.status().queued}
        assert places[mine] == 2
    finally:
        service.shutdown()


def test_a_full_queue_takes_no_more(queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_EACH", 3)
    monkeypatch.setattr(turns, "MOST", 5)
    waiting = queue("aaab")
    with pytest.raises(RunError, match="3 of your runs wait"):
        check_room(waiting, "a")
    check_room(waiting, "b")
    with pytest.raises(RunError, match="5 runs wait already"):
        check_room(queue("b"), "b")


def test_what_cannot_fit_is_refused_with_a_way_to_insist(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = RunService(store, prewarm=False)
    try:
        with pytest.raises(RunError, match=r"at least 2,281 GB.*PROXPROP_MEMORY=0"):
            service.start(HUGE)
    finally:
        service.shutdown()
    assert store.runs() == []
    monkeypatch.setenv(VARIABLE, "0")
    check_fits(HUGE)
    monkeypatch.setenv(VARIABLE, "0.001")
    with pytest.raises(RunError, match=r"has 0\.0 GB"):
        check_fits(RunConfig.parse({"model": {"widths": (500, 500)}}))
    monkeypatch.setenv(VARIABLE, "plenty")
    with pytest.raises(RunError, match="number of gigabytes"):
        check_fits(HUGE)


def test_a_container_has_no_more_than_it_is_given(tmp_path, monkeypatch) -> None:
    limit, none = tmp_path / "limit", tmp_path / "none"
    limit.write_text("500000000\n")
    none.write_text("max\n")
    whole = fits.machine_memory()
    monkeypatch.setattr(fits, "_GROUPS", (str(none), str(tmp_path / "absent")))
    assert fits.machine_memory() >= whole
    monkeypatch.setattr(fits, "_GROUPS", (str(none), str(limit)))
    assert fits.machine_memory() == 5e8
