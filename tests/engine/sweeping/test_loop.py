"""A sweep as events: what comes when, and how it is paused, stopped and resumed."""

from __future__ import annotations

import itertools

import pytest
import torch

from proxprop.engine.sweeping import plan as planning
from proxprop.engine.sweeping import sweep
from proxprop.runs.checkpoints import read_snapshot, write_snapshot
from proxprop.spec.config import ConfigError
from proxprop.spec.controls import Control
from proxprop.spec.events import Artifact, Ended, Mark, Notice, Point, Snapshot, Started, State
from proxprop.spec.sweeping import default_sweep
from tests.engine.training.driver import Desk, of, run_until

from .driver import curves, final_values, last_map, members, run, small


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four runs at a time, so that a small sweep has several blocks."""
    monkeypatch.setitem(planning._MOST_COPIES, "cpu", 4)


@pytest.mark.usefixtures("small_blocks")
def test_the_map_fills_in_and_is_complete_at_the_end() -> None:
    config = small()
    events = run(config)
    assert isinstance(events[0], Started)
    assert events[0].total_steps == 20
    maps = of(events, Artifact)
    finished = [artifact.payload["finished"] for artifact in maps]
    assert finished[0] == 0
    assert finished == sorted(finished)
    assert finished[-1] == len(members(config)) == 12
    final = last_map(events)
    assert [method["label"] for method in final["methods"]] == ["explicit", "implicit (exact)"]
    assert final["methods"][0]["s"] == pytest.approx([0.01, 10**0.5, 1000.0])
    assert final["methods"][1]["s"] == pytest.approx([1e-3, 10**-1.5, 1.0])
    ends = final_values(events)
    for method in final["methods"]:
        for row, losses, outcomes in zip(method["members"], method["losses"], method["outcomes"]):
            for member, loss, outcome in zip(row, losses, outcomes):
                if outcome == "diverged":
                    assert loss is None
                else:
                    assert loss == ends[member]["train_loss"]
    assert set(curves(events)) == set(members(config))
    (ended,) = of(events, Ended)
    assert (ended.member, ended.outcome) == (-1, "finished")
    assert ended.summary["runs"] == 12
    assert events[-1] is ended


def test_runs_start_from_the_weights_that_the_predictions_are_made_at() -> None:
    final = last_map(run(small()))
    for index in range(2):
        first = curves(run(small(seeds=1, seed=index)))[0][0][1]
        # The first mini-batch's loss and the whole set's differ by the batch only.
        assert final["initial_losses"][index] == pytest.approx(first, rel=0.05)


def test_stop_acts_at_once_and_pending_cells_stay_pending() -> None:
    threads = torch.get_num_threads()
    desk = Desk()
    events = sweep(default_sweep(points=5, steps=10_000), desk)
    taken = run_until(events, lambda e: isinstance(e, Point))
    desk.send("stop")
    rest = list(events)
    (ended,) = of(rest, Ended)
    assert (ended.outcome, ended.member) == ("stopped", -1)
    assert ended.words.startswith("stopped after ")
    assert ended.words.endswith(" of 45 runs")
    pending = [
        o for m in last_map([*taken, *rest])["methods"] for row in m["outcomes"] for o in row
    ]
    assert pending.count(None) >= 30
    assert torch.get_num_threads() == threads


def test_a_pause_is_told_and_left() -> None:
    desk = Desk()
    desk.while_paused = [Control("checkpoint"), Control("set", {"lr": 1.0}), Control("resume")]
    desk.send("pause")
    events = run(small(), desk)
    assert [event.state for event in of(events, State)] == ["running", "paused", "running"]
    assert [s.reason for s in of(events, Snapshot)][:2] == ["paused", "asked"]
    assert any("keeps the settings" in notice.text for notice in of(events, Notice))
    assert of(events, Ended)[0].outcome == "finished"


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("cut", [1, 2, 4])
def test_a_resumed_sweep_repeats_an_uninterrupted_one_bit_for_bit(cut, tmp_path) -> None:
    config = small()
    whole = run(config)
    counter = itertools.count(1)
    events = sweep(config, Desk())
    first = run_until(events, lambda e: isinstance(e, Snapshot) and next(counter) == cut)
    events.close()
    saved = tmp_path / "checkpoint.safetensors"
    write_snapshot(saved, first[-1])
    snapshot = read_snapshot(saved)
    second = run(config, snapshot=snapshot)
    kept = {int(m) for m, step in snapshot.extra["member_steps"].items() if step >= 0}
    assert of(second, Mark)[0].label == f"resumed with {len(kept)} runs done"
    assert set(snapshot.extra["member_steps"]) == {str(m) for m in members(config)}
    joined = {m: curve for m, curve in curves(first).items() if m in kept} | curves(second)
    assert joined == curves(whole)
    assert not kept & set(curves(second))
    final, expected = last_map(second), last_map(whole)
    assert final == expected


def test_a_snapshot_of_another_version_is_refused() -> None:
    snapshot = Snapshot(0, {}, {"format": 99}, "cadence")
    with pytest.raises(ValueError, match="format 99"):
        run(small(), snapshot=snapshot)


def test_a_batch_larger_than_a_folder_of_images_is_refused(tmp_path) -> None:
    from PIL import Image

    for index in range(12):
        folder = tmp_path / "images" / f"class{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 20 * index).save(folder / f"{index}.png")
    data = {"name": "folder", "path": str(tmp_path / "images")}
    with pytest.raises(ConfigError, match="batch_size: must be at most the"):
        run(small(data=data, batch_size=50))
