"""The README's table of the paper's experiments, against the files it is read off."""

from __future__ import annotations

import json

import pytest

from benchmarks import paper_table
from proxprop.paper.result import SHIPPED, Recorded, parse_result


def recorded(name: str):
    return json.loads((SHIPPED / f"{name}.json").read_text())


def only(monkeypatch: pytest.MonkeyPatch, *raw) -> str:
    results = tuple(parse_result(json.dumps(one)) for one in raw)
    monkeypatch.setattr(paper_table, "shipped", lambda: Recorded(results))
    return paper_table.paper_tables()


def row(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_rows_are_read_off_the_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = recorded("mlp-main-laptop")
    text = only(monkeypatch, raw)
    plain, exact = (one["seeds"][0] for one in raw["contenders"][:2])
    loss, accuracy, epoch, reached, time = row(text, "implicit (exact)")
    assert loss == f"{exact['train_loss'][-1]:.3f}"
    assert accuracy == f"{100 * exact['test_accuracy']:.1f} %"
    assert epoch == f"{exact['seconds'][-1] / plain['seconds'][-1]:.2f}×"
    before = max(e for e, v in zip(exact["epoch"], exact["train_loss"]) if v > loss_of(plain))
    assert before <= float(reached) <= before + 1
    assert 0 < float(time) < 1


def loss_of(seed) -> float:
    return seed["train_loss"][-1]


def test_the_full_scale_takes_the_laptops_place_and_a_loss_may_not_be_reached(monkeypatch) -> None:
    laptop, full = recorded("mlp-main-laptop"), recorded("mlp-main-laptop")
    full["scale"] = "full"
    for value in full["contenders"][1]["seeds"]:
        value["train_loss"] = [9.0 for _ in value["train_loss"]]
    text = only(monkeypatch, laptop, full)
    assert text.count("CIFAR-10") == 1
    assert row(text, "implicit (exact)")[-2:] == ["not reached", "not reached"]


def test_who_was_not_meant_to_train_as_long_stands_there_with_its_own_epochs(monkeypatch) -> None:
    raw = recorded("mlp-main-laptop")
    plain, _, short = raw["contenders"][:3]
    short["config"]["budget"]["epochs"] = 2.0
    (only_seed,) = short["seeds"]
    for column in ("epoch", "train_loss", "validation_accuracy", "seconds"):
        only_seed[column] = only_seed[column][:3]
    text = only(monkeypatch, raw)
    assert f"{plain['seeds'][0]['epoch'][-1]:g} epochs, 1 seed" in text
    loss, accuracy, *_ = row(text, short["label"])
    assert (loss, accuracy) == (f"{loss_of(only_seed):.3f} after 2 epochs", "–")
