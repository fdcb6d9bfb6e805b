"""The race to a target loss: equal terms, its own clock, goes on where it stopped, says it all."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import contenders, convergence, tau_batch
from benchmarks.contenders import ENTRIES, Entry, MatrixMuon, muon, nesterov
from benchmarks.convergence import best_rate, resumed, summarised, table, work
from benchmarks.convergence_figure import LOOKS, picture
from benchmarks.provenance import RESULTS, read_result, write_result
from benchmarks.racers import Racer, enter, race
from benchmarks.readme_tables import convergence_table
from benchmarks.workloads import WORKLOADS, Workload
from proxprop.spec.config import ModelConfig

ABSENT = Entry("Absent", (0.1,), nesterov, package="no_such_package", install="pip install it")
TINY = Workload(
    "tiny",
    "Tiny",
    "fashion-mnist",
    ModelConfig(name="mlp", widths=(8,)),
    samples=60,
    batch=10,
    turn=2,
    measured=40,
    target=0.5,
    search_epochs=1,
    epochs=2,
    only_timed={"Timed": "it is dear"},
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Two contenders that race, one that is timed only and one that is absent; 60 images."""
    entries = (
        Entry("SGD", (0.01, 0.1), nesterov, "momentum"),
        Entry("Exact", (1.0, 1e30), nesterov, "", contenders.EXACT),
        Entry("Timed", (0.1, 0.1, 0.1), nesterov),
        ABSENT,
    )
    monkeypatch.setattr(convergence, "ENTRIES", entries)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(60, 1, 28, 28, generator=generator)
    return images, (images.mean((1, 2, 3)) > 0.5).long()


def settings(**changes: Any) -> dict[str, Any]:
    return {"key": "tiny", "seeds": [1, 2], **changes}


def where(**changes: Any) -> dict[str, Any]:
    named = {"torch": "2", "cpu": "some", "device": "cpu", "threads": 2, "date": "2026-01-02T03"}
    named["wait_policy"] = "default"
    return {**named, **changes}


def losses(result: dict[str, Any]) -> list[Any]:
    runs = [run["losses"] for race in result["races"].values() for run in race.values()]
    return [result["search"], runs]


def test_everybody_searches_as_many_step_sizes() -> None:
    assert {len(entry.rates) for entry in ENTRIES} == {5}
    names = {entry.name for entry in ENTRIES}
    assert len(names) == len(ENTRIES)
    assert all(names > workload.only_timed.keys() for workload in WORKLOADS)


def test_racers_train_on_the_clock_only() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    racer = Racer(model, nesterov(model, 0.1))
    images, labels = torch.randn(40, 4), torch.randint(2, (40,))
    racer.measure(images, labels, 0.0, 0.0)
    assert racer.clock == [0.0]
    for _ in range(20):
        racer.train(images, labels, list(torch.arange(40).split(20)))
    racer.measure(images, labels, 20.0, 0.0)
    assert racer.losses[1] < racer.losses[0]
    assert racer.clock == [0.0, sum(racer.turns)]


def test_contenders_meet_the_same_weights_and_batches(small: Any) -> None:
    seen: list[list[int]] = []

    class Watched(Racer):
        def train(self, images: Any, labels: Any, batches: list[torch.Tensor]) -> None:
            seen.append(torch.cat(batches).tolist())
            super().train(images, labels, batches)

    both = [enter(entry, 0.01, 3, TINY, small[0]) for entry in convergence.ENTRIES[:2]]
    for one, other in zip(both[0].model.parameters(), both[1].model.parameters()):
        assert torch.equal(one, other)
    watched = [Watched(r.model, r.optimizers) for r in both]
    race(watched, *small, dataclasses.replace(TINY, target=0.0), seed=5, epochs=1)
    assert seen[0::2] == seen[1::2]
    assert sorted(index for turn in seen[0::2] for index in turn) == list(range(60))
    assert watched[0].epochs == [0.0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]


def test_who_has_reached_the_target_leaves_two_epochs_later_and_who_diverges_at_once(
    small: Any,
) -> None:
    reaches, diverges = (
        enter(convergence.ENTRIES[0], rate, 0, TINY, small[0]) for rate in (0.01, 1e30)
    )
    workload = dataclasses.replace(TINY, target=10.0)
    race([reaches, diverges], *small, workload, seed=0, epochs=4)
    assert reaches.reached == 0.0
    assert reaches.epochs[-1] == pytest.approx(5 / 3)  # the next turn would end two epochs on
    assert len(diverges.losses) < 6


def test_stopped_work_goes_on_to_the_same_end(small: Any, tmp_path: Path) -> None:
    whole = resumed(None, settings(), where())
    for _ in work(TINY, whole, *small, search_only=False):
        pass
    assert list(whole["timed"]) == ["Timed"]
    assert len(whole["search"]["Exact"]) == 2
    assert whole["search"]["Exact"][1] is None  # η 1e30 diverges, and that is an answer
    assert list(whole["races"]) == ["1", "2"]
    part = resumed(None, settings(), where())
    pieces = 0
    for _ in range(20):  # one piece a process: written, read, continued
        done = next(work(TINY, part, *small, search_only=False), None)
        if done is None:
            break
        pieces += 1
        write_result("state", part, tmp_path)
        kept = json.loads((tmp_path / "state.json").read_text())
        part = resumed(kept, settings(), where(date="2026-01-03T04"))
    assert pieces == 7
    assert losses(part) == losses(whole)


def test_search_alone_leaves_the_races(small: Any) -> None:
    result = resumed(None, settings(), where())
    assert len(list(work(TINY, result, *small, search_only=True))) == 4
    assert not result["races"]


@pytest.mark.parametrize(
    ("new", "place"), [({"epochs": 9}, {}), ({}, {"threads": 4}), ({}, {"wait_policy": "passive"})]
)
def test_other_settings_or_machines_start_anew(new: Any, place: Any) -> None:
    kept = resumed(None, settings(), where())
    kept["search"] = {"SGD": [1.0]}
    assert resumed(kept, settings(), where(date="later"))["search"]
    assert not resumed(kept, settings(**new), where(**place))["search"]


RACED = dataclasses.replace(TINY, target=1.0)


def raced() -> dict[str, Any]:
    """Two seeds of known curves: the second contender costs twice as much and halves faster."""

    def run(losses: list[Any], step: float) -> dict[str, Any]:
        epochs = list(range(len(losses)))
        clock = [step * epoch for epoch in epochs]
        return {"epochs": epochs, "losses": losses, "clock": clock, "turns": [step / 2] * 4}

    result = resumed(None, {**RACED.settings(), "seeds": [1, 2]}, where())
    result |= {"finished": True, "took_seconds": 5.0, "timed": {"Timed": 9.0}}
    result["search"] = {"SGD": [2.0, 1.5], "Exact": [0.5, None]}
    result["races"] = {
        str(seed): {"SGD": run([4.0, 2.0, 1.0], 1.0), "Exact": run([4.0, last, 0.25], 2.0)}
        for seed, last in ((1, 1.0), (2, 0.5))
    }
    return result


def test_summary_tells_cost_and_progress(small: Any) -> None:
    result = raced()
    assert best_rate(convergence.ENTRIES[0], result["search"]) == 0.1
    found = summarised(RACED, result)
    assert found["Absent"] == {"missing": "pip install it"}
    assert found["Timed"] == {"step_ratio": {"median": 9.0}, "left_out": "it is dear"}
    assert found["SGD"]["step_ratio"]["median"] == 1.0
    assert found["Exact"]["step_ratio"]["median"] == 2.0
    assert found["SGD"]["epochs_to_target"]["median"] == pytest.approx(2.0)
    # 4 → 1 in one epoch of 2 s, and 4 → 0.5, which passes 1 after two thirds of it.
    assert found["Exact"]["epochs_to_target"]["highest"] == pytest.approx(1.0)
    assert found["Exact"]["seconds_to_target"]["lowest"] == pytest.approx(4 / 3)


def test_a_target_missed_by_one_seed_is_not_reached(small: Any) -> None:
    result = raced()
    result["races"]["2"]["SGD"]["losses"] = [4.0, 2.0, None]
    found = summarised(RACED, result)
    assert found["SGD"]["epochs_to_target"] is None
    result["contenders"] = found
    (row,) = [line for line in convergence_table([result]).splitlines() if "| SGD" in line]
    assert "not in 2.00 s" in row


def test_tables_show_costs_and_what_to_install(small: Any) -> None:
    result = raced()
    result["contenders"] = summarised(RACED, result)
    assert table(RACED, result).row_count == 4
    lines = convergence_table([result, result]).splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    assert rows["SGD (momentum)"].count("2.00 s · 2.0 · 1.0×") == 2
    assert rows["Exact"].count("**1.67 s** · 0.8 · 2.0×") == 2
    assert rows["Timed"].count("(9.0×)") == 2
    assert "`pip install it`" in rows["Absent"]
    unfinished = copy.deepcopy(result)
    unfinished["finished"] = False
    assert convergence_table([unfinished]) == ""


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_contender_that_is_installed_takes_a_step(entry: Entry) -> None:
    if entry.missing():
        assert entry.missing().startswith("pip install 'proxprop[")
        pytest.skip(f"needs {entry.package}: {entry.missing()}")
    images = torch.rand(6, 1, 28, 28)
    racer = enter(entry, entry.rates[0], 0, TINY, images)
    before = [parameter.clone() for parameter in racer.model.parameters()]
    # SOAP's first step only prepares its bases.
    for _ in range(2):
        racer.train(images, torch.arange(6), [torch.arange(6)])
    for parameter, old in zip(racer.model.parameters(), before):
        assert not torch.equal(parameter, old)


def test_muon_reads_a_convolution_as_one_row_per_output() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 2))
    conv = copy.deepcopy(net[0])
    weight = nn.Parameter(conv.weight.detach().flatten(1).clone())
    by_hand = torch.optim.Muon([weight], lr=0.1, weight_decay=0.0)
    own, _ = muon(net, 0.1)
    assert isinstance(own, MatrixMuon)
    for _ in range(2):
        own.zero_grad()
        gradient = torch.randn(3, 2, 3, 3)
        net[0].weight.grad, weight.grad = gradient, gradient.flatten(1)
        own.step()
        by_hand.step()
    assert torch.equal(net[0].weight.flatten(1), weight)
    assert not torch.equal(net[0].weight, conv.weight)


def test_the_picture_draws_every_contender_over_epochs_and_over_seconds() -> None:
    assert list(LOOKS) == [entry.name for entry in ENTRIES]
    result = read_result("convergence_fashion_small_cpu", RESULTS)
    assert result is not None
    drawing = ElementTree.fromstring(picture(result))
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {*LOOKS, "epoch", "target 0.25"} <= set(texts)
    lines = [line.attrib for line in drawing.iter("{http://www.w3.org/2000/svg}polyline")]
    means = [line for line in lines if line["stroke-width"] == "2.6"]
    assert len(means) == 2 * len(LOOKS)
    assert len(lines) == 2 * len(LOOKS) * 4  # three seeds behind each mean
    assert len({(line["stroke"], line.get("stroke-dasharray")) for line in means}) == len(LOOKS)


def test_the_study_of_tau_takes_the_better_step_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tau_batch, "WORKLOADS", (TINY,))
    monkeypatch.setattr(tau_batch, "STEPS", 12)
    images = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = (images.mean((1, 2, 3)) > 0.5).long()
    found = []
    for rates in ((0.01,), (1e-6,), (1e-6, 0.01), (math.inf,)):
        monkeypatch.setattr(tau_batch, "RATES", rates)
        found.append(tau_batch.trained(images, labels, 10, 0.05))
    good, slow, both, none = found
    assert good is not None
    assert slow is not None
    assert good == both < slow
    assert none is None
    losses = {"10": {"0.05": both, "5.0": None, "0.5": slow}}
    assert tau_batch.table(losses).row_count == 1
