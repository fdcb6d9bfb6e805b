"""Models that people bring: convert, a step, state both ways, revert, and plain as before."""

import copy

import pytest
import torch

from benchmarks.provenance import read_result
from benchmarks.zoo import PAGE, entries, loss_of, row, step, steps_section
from proxprop import convert, revert

ZOO = entries()
SMALL = ["maxvit (small)", "resnet18", "squeezenet1_0"]
SMALL += [name for name in ZOO if name.endswith(" blocks")]
LINES = PAGE.read_text(encoding="utf-8").splitlines()


def check_states_and_reversal(model, plain, report):
    plain.load_state_dict(model.state_dict(), strict=True)
    model.load_state_dict(plain.state_dict(), strict=True)
    assert revert(model) == report.converted
    assert repr(model) == repr(plain)
    assert [type(m) for m in model.modules()] == [type(m) for m in plain.modules()]


@pytest.mark.parametrize("name", ZOO)
def test_a_step_without_values_is_what_the_page_shows(name):
    try:
        with torch.device("meta"):
            model = ZOO[name].build()
    except NotImplementedError:  # the constructor reads values
        model = ZOO[name].build().to("meta")
    plain, batch = copy.deepcopy(model), ZOO[name].batch(2).to("meta")
    report = convert(model, batch)
    solved = step(model, batch, torch.arange(2, device="meta"))
    assert solved == set(report.converted)
    assert row(name, report, solved) in LINES, "python -m benchmarks.zoo writes the page anew"
    check_states_and_reversal(model, plain, report)


@pytest.mark.parametrize("name", SMALL)
def test_a_model_is_converted_trained_and_plain_again(name):
    torch.manual_seed(0)
    model, batch, labels = ZOO[name].build(), ZOO[name].batch(2), torch.arange(2)
    plain = copy.deepcopy(model)
    report = convert(model, batch)
    solved = step(model, batch, labels)
    assert solved == set(report.converted)
    assert all(p.isfinite().all() for p in model.parameters())
    check_states_and_reversal(model, plain, report)
    for each in (model, plain):
        each.zero_grad()
        torch.manual_seed(1)
        loss_of(each, batch, labels).backward()
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None)
        assert ours.grad is None or torch.equal(ours.grad, theirs.grad)


def test_the_page_shows_every_model():
    page = PAGE.read_text(encoding="utf-8")
    rows = [row for row in page.partition("\n## ")[0].splitlines() if row.startswith("| ")][1:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(ZOO)
    assert page.endswith(steps_section(read_result("zoo_steps")))


@pytest.mark.parametrize("name", ["squeezenet1_0", "GPT blocks", "BEiT blocks"])
def test_a_converted_model_is_exported(name):
    torch.manual_seed(0)
    model, batch = ZOO[name].build(), ZOO[name].batch(2)
    convert(model, batch)
    model.eval()
    exported = torch.export.export(model, (batch,)).module()
    torch.testing.assert_close(exported(batch), model(batch))
