"""The race to a target loss: equal terms, its own clock, goes on where it stopped, says it all."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import contenders, convergence, racers
from benchmarks.contenders import ENTRIES, Entry, nesterov
from benchmarks.convergence import best_rate, resumed, summarised, table, work
from benchmarks.provenance import write_result
from benchmarks.racers import Racer, enter, race
from benchmarks.readme_tables import convergence_table, render

CPU = torch.device("cpu")
ABSENT = Entry("Absent", (0.1,), nesterov, package="no_such_package", install="pip install it")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Two contenders that are there and one that is not, on 60 images and small batches."""
    monkeypatch.setattr(racers, "WIDTHS", (8,))
    monkeypatch.setattr(racers, "BATCH", 10)
    monkeypatch.setattr(racers, "TURN", 2)
    entries = (
        Entry("SGD", (0.01, 0.1), nesterov, "momentum"),
        Entry("Exact", (1.0, 1e30), nesterov, "", contenders.EXACT),
        ABSENT,
    )
    monkeypatch.setattr(convergence, "ENTRIES", entries)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(60, 1, 28, 28, generator=generator)
    return images, (images.mean((1, 2, 3)) > 0.5).long()


def settings(**changes: Any) -> dict[str, Any]:
    names = {entry.name: [entry.fixed, list(entry.rates)] for entry in convergence.ENTRIES}
    values = {"widths": [8], "batch": 10, "search_epochs": 1, "epochs": 2, "seeds": [1, 2]}
    return {**values, "target": 0.5, "contenders": names, **changes}


def where(**changes: Any) -> dict[str, Any]:
    named = {"torch": "2", "cpu": "some", "device": "cpu", "threads": 2, "date": "2026-01-02T03"}
    named["wait_policy"] = "default"
    return {**named, **changes}


def losses(result: dict[str, Any]) -> list[Any]:
    runs = [run["losses"] for race in result["races"].values() for run in race.values()]
    return [result["search"], runs]


def test_everybody_searches_as_many_step_sizes() -> None:
    assert len({len(entry.rates) for entry in ENTRIES}) == 1
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


def test_racers_train_on_the_clock_only() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    racer = Racer(model, nesterov(model, 0.1))
    images, labels = torch.randn(40, 4), torch.randint(2, (40,))
    racer.measure(images, labels)
    assert racer.clock == [0.0]
    for _ in range(20):
        racer.train(images, labels, list(torch.arange(40).split(20)))
    racer.measure(images, labels)
    assert racer.losses[1] < racer.losses[0]
    assert racer.clock == [0.0, sum(racer.turns)]


def test_contenders_meet_the_same_weights_and_batches(small: Any) -> None:
    seen: list[list[int]] = []

    class Watched(Racer):
        def train(self, images: Any, labels: Any, batches: list[torch.Tensor]) -> None:
            seen.append(torch.cat(batches).tolist())
            super().train(images, labels, batches)

    both = [enter(entry, 0.01, 3, CPU) for entry in convergence.ENTRIES[:2]]
    for one, other in zip(both[0].model.parameters(), both[1].model.parameters()):
        assert torch.equal(one, other)
    race([Watched(r.model, r.optimizers) for r in both], *small, epochs=1, seed=5)
    assert seen[0::2] == seen[1::2]
    assert sorted(index for turn in seen[0::2] for index in turn) == list(range(60))


def test_stopped_work_goes_on_to_the_same_end(small: Any, tmp_path: Path) -> None:
    whole = resumed(None, settings(), where())
    for _ in work(whole, *small, search_only=False):
        pass
    assert len(whole["search"]["Exact"]) == 2
    assert whole["search"]["Exact"][1] is None  # η 1e30 diverges, and that is an answer
    assert list(whole["races"]) == ["1", "2"]
    part = resumed(None, settings(), where())
    pieces = 0
    for _ in range(20):  # one piece a process: written, read, continued
        done = next(work(part, *small, search_only=False), None)
        if done is None:
            break
        pieces += 1
        write_result("state", part, tmp_path)
        kept = json.loads((tmp_path / "state.json").read_text())
        part = resumed(kept, settings(), where(date="2026-01-03T04"))
    assert pieces == 6
    assert losses(part) == losses(whole)


def test_search_alone_leaves_the_races(small: Any) -> None:
    result = resumed(None, settings(), where())
    assert len(list(work(result, *small, search_only=True))) == 4
    assert not result["races"]


@pytest.mark.parametrize(
    ("new", "place"), [({"epochs": 9}, {}), ({}, {"threads": 4}), ({}, {"wait_policy": "passive"})]
)
def test_other_settings_or_machines_start_anew(new: Any, place: Any) -> None:
    kept = resumed(None, settings(), where())
    kept["search"] = {"SGD": [1.0]}
    assert resumed(kept, settings(), where(date="later"))["search"]
    assert not resumed(kept, settings(**new), where(**place))["search"]


def raced() -> dict[str, Any]:
    """Two seeds of known curves: the second contender costs twice as much and halves faster."""

    def run(losses: list[Any], step: float) -> dict[str, Any]:
        clock = [step * epoch for epoch in range(len(losses))]
        return {"losses": losses, "clock": clock, "turns": [step / 2] * 4}

    result = resumed(None, settings(target=1.0), where())
    result["finished"] = True
    result["took_seconds"] = 5.0
    result["search"] = {"SGD": [2.0, 1.5], "Exact": [0.5, None]}
    result["races"] = {
        str(seed): {"SGD": run([4.0, 2.0, 1.0], 1.0), "Exact": run([4.0, last, 0.25], 2.0)}
        for seed, last in ((1, 1.0), (2, 0.5))
    }
    return result


def test_summary_tells_cost_and_progress(small: Any) -> None:
    result = raced()
    assert best_rate(convergence.ENTRIES[0], result["search"]) == 0.1
    found = summarised(result)
    assert found["Absent"] == {"missing": "pip install it"}
    assert found["SGD"]["step_ratio"]["median"] == 1.0
    assert found["Exact"]["step_ratio"]["median"] == 2.0
    assert found["SGD"]["epochs_to_target"]["median"] == pytest.approx(2.0)
    # 4 → 1 in one epoch of 2 s, and 4 → 0.5, which passes 1 after two thirds of it.
    assert found["Exact"]["epochs_to_target"]["highest"] == pytest.approx(1.0)
    assert found["Exact"]["seconds_to_target"]["lowest"] == pytest.approx(4 / 3)
    # One SGD epoch takes 1 s: half an epoch of the other.
    assert found["SGD"]["loss_in_equal_time"]["median"] == pytest.approx(2.0)
    assert found["Exact"]["loss_in_equal_time"]["highest"] == pytest.approx(2.0)


def test_a_target_missed_by_one_seed_is_not_reached(small: Any) -> None:
    result = raced()
    result["races"]["2"]["SGD"]["losses"] = [4.0, 2.0, None]
    found = summarised(result)
    assert found["SGD"]["epochs_to_target"] is None
    assert found["SGD"]["final_loss"]["highest"] is None
    result["contenders"] = found
    shown = convergence_table(result).splitlines()
    assert any("| not reached | not reached |" in line and "diverged" in line for line in shown)


def test_tables_show_costs_and_what_to_install(small: Any, tmp_path: Path) -> None:
    result = raced()
    result["contenders"] = summarised(result)
    assert table(result).row_count == 3
    write_result("convergence_cpu", result, tmp_path)
    text = render(tmp_path)
    assert "784-8-10, batch 10" in text
    assert "| SGD (momentum) | 0.1 | 1.00× | 2.0 | 2.0 | 2.000 | 1.000 |" in text
    assert "| Absent | `pip install it` | – |" in text
    unfinished = copy.deepcopy(result)
    unfinished["finished"] = False
    write_result("convergence_cpu", unfinished, tmp_path)
    assert render(tmp_path) == ""


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_contender_that_is_installed_takes_a_step(
    entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    if entry.missing():
        assert entry.missing().startswith("pip install 'proxprop[")
        pytest.skip(f"needs {entry.package}: {entry.missing()}")
    monkeypatch.setattr(racers, "WIDTHS", (8,))
    racer = enter(entry, entry.rates[0], 0, CPU)
    before = [parameter.clone() for parameter in racer.model.parameters()]
    # SOAP's first step only prepares its bases.
    for _ in range(2):
        racer.train(torch.rand(6, 1, 28, 28), torch.arange(6), [torch.arange(6)])
    for parameter, old in zip(racer.model.parameters(), before):
        assert not torch.equal(parameter, old)
