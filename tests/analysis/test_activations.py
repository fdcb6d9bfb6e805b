"""What a step does to a probe's activations, against two forward passes of plain copies."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import convert, param_groups, revert
from proxprop.analysis.activations import HIDDEN, OUTPUT, ActivationProbe, Probe
from proxprop.analysis.recorder import LayerRecorder
from proxprop.conversion import iter_prox_layers
from proxprop.data.dataset import few_of_each

TAU, LR, LAST = 0.3, 0.05, 0.02
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True),
    "adam": torch.optim.Adam,
}


def mlp():
    return [nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 5, False), nn.Tanh(), nn.Linear(5, 3)]


def convnet():
    conv = nn.Conv2d(2, 4, 3, padding=1, groups=2)
    return [conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5), nn.Sigmoid(),
            nn.Linear(5, 3)]  # fmt: skip


NETS = {"mlp": (mlp, (7,)), "conv": (convnet, (2, 4, 4))}


class Step:
    """The third step of a net, recorded, with plain copies from before and after."""

    def __init__(self, net, solver, optimizer, count=20):
        torch.manual_seed(0)
        layers, shape = NETS[net]
        self.model = nn.Sequential(*layers()).double()
        convert(self.model, tau=TAU, solver=solver)
        size = count, *shape
        self.inputs, self.targets = torch.randn(size).double(), torch.randint(3, (count,))
        few, classes = torch.randn(6, *shape).double(), torch.arange(6) % 3
        self.probe = Probe(few, classes, count)
        self.watch = LayerRecorder(self.model, ActivationProbe(self.model, self.probe))
        for name, layer in iter_prox_layers(self.model):
            layer.observer = lambda record, name=name: self.watch.solved(name, record)
        groups = param_groups(self.model, lr=LR, explicit_lr=LAST)
        self.lr = {id(p): group["lr"] for group in groups for p in group["params"]}
        self.optimizer = OPTIMIZERS[optimizer](groups)
        for _ in range(3):
            self.before = self.plain()
            self.watch.begin("cheap", lambda parameter: self.lr[id(parameter)])
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(self.inputs), self.targets).backward()
            self.watch.measure_directions(TAU)
            self.optimizer.step()
            self.watch.measure_updates()
        self.after = self.plain()
        self.values = self.watch.values()

    def plain(self):
        plain = copy.deepcopy(self.model)
        for _, layer in iter_prox_layers(plain):
            layer.observer = None
        revert(plain)
        return plain

    def passed(self, net, inputs, loss):
        """Return every module's output, with the gradients of `loss` in them."""
        values = [inputs]
        for module in net:
            values.append(module(values[-1]))
            values[-1].retain_grad()
        loss(values[-1]).backward()
        return values


@pytest.fixture(
    scope="module",
    params=[
        (net, solver, optimizer)
        for net in NETS
        for solver in ("explicit", "exact")
        for optimizer in OPTIMIZERS
    ],
    ids="-".join,
)
def step(request):
    return Step(*request.param)


def relative(change, size):
    return float(change.detach().norm() / size.detach().norm())


def cosine(left, right):
    return float(F.cosine_similarity(left.detach().flatten(), right.flatten(), 0))


def test_every_measure_is_that_of_two_forward_passes(step):
    probe, values = step.probe, step.values
    on_probe = lambda output: F.cross_entropy(output, probe.targets, reduction="sum") / 20  # noqa: E731
    old = step.passed(step.before, probe.inputs, on_probe)
    new = step.passed(step.after, probe.inputs, on_probe)
    step.before.zero_grad()
    F.cross_entropy(step.before(step.inputs), step.targets).backward()
    places = [i for i, m in enumerate(step.model) if isinstance(m, nn.Linear | nn.Conv2d)]
    expected = {}
    for place, following in zip(places, [*places[1:], None]):
        layer = step.model[place]
        lr = step.lr[id(layer.weight)]
        z, asked = old[place + 1], -lr * old[place + 1].grad
        own = step.after[place](old[place]) - z
        whole = new[place + 1] - z
        at = {
            "asked": relative(asked, z),
            "made": relative(own, z),
            "made_all": relative(whole, z),
            "reach": relative(own, asked),
            "reach_all": relative(whole, asked),
            "agree": cosine(own, asked),
            "agree_all": cosine(whole, asked),
        }
        if following is not None:
            sigma = step.model[place + 1 : following]
            a, active = old[following], sigma[0]
            values_after = new[place + 2].detach()
            at |= {
                "asked_a": relative(lr * a.grad, a),
                "made_a": relative(sigma(step.after[place](old[place])) - a, a),
                "made_all_a": relative(new[following] - a, a),
                "mean": values_after.mean().item(),
                "spread": values_after.std().item(),
                "saturated": (slope(active, new[place + 1]) < 0.05).double().mean().item(),
            }
            if isinstance(active, nn.ReLU):
                flips = (new[place + 1] > 0) != (z > 0)
                at["switched"] = flips.double().mean().item()
            matched = copy.deepcopy(step.before[place])
            for moved, mine in zip(matched.parameters(), step.before[place].parameters()):
                moved.data -= TAU * mine.grad
            at["reach_explicit"] = relative(matched(old[place]) - z, old[place + 1].grad)
        expected |= {f"{measure}/{place}": value for measure, value in at.items()}
    for column, value in expected.items():
        assert values[column] == pytest.approx(value, rel=1e-8, abs=1e-12), column
    measured = {column for column in values if column.split("/")[0] in (*OUTPUT, *HIDDEN)}
    silent = measured - set(expected)
    assert all(column.startswith("switched/") for column in silent)
    assert all(values[column] != values[column] for column in silent)


def slope(activation, z):
    """Return |σ′| over its largest value, from the functions' own formulas."""
    if isinstance(activation, nn.ReLU):
        return (z > 0).double()
    if isinstance(activation, nn.Tanh):
        return 1 - z.tanh() ** 2
    return 4 * z.sigmoid() * (1 - z.sigmoid())


def test_an_implicit_layer_reaches_less_than_it_is_asked_on_its_own_batch():
    step = Step("mlp", "exact", "sgd")
    own = ActivationProbe(step.model, Probe(step.inputs, step.targets, 20))
    watch = LayerRecorder(step.model, own)
    watch.begin("cheap", lambda parameter: step.lr[id(parameter)])
    step.optimizer.zero_grad()
    F.cross_entropy(step.model(step.inputs), step.targets).backward()
    watch.measure_directions(TAU)
    step.optimizer.step()
    watch.measure_updates()
    values = watch.values()
    for name in ("0", "2"):
        assert values[f"reach/{name}"] < 1
        assert values[f"agree/{name}"] > 0
        assert values[f"reach/{name}"] < values[f"reach_explicit/{name}"]
    assert values["reach/0"] == values["reach_all/0"]  # its input stands still
    assert values["reach/2"] != values["reach_all/2"]


def test_a_probe_changes_no_number_of_a_step():
    step = Step("conv", "exact", "adam")
    torch.manual_seed(0)
    again = nn.Sequential(*convnet()).double()
    convert(again, tau=TAU, solver="exact")
    optimizer = torch.optim.Adam(param_groups(again, lr=LR, explicit_lr=LAST))
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(again(step.inputs), step.targets).backward()
        optimizer.step()
    for mine, other in zip(step.model.parameters(), again.parameters()):
        assert torch.equal(mine, other)


def test_pictures_show_samples_by_units_and_channels_by_their_means():
    step = Step("conv", "explicit", "sgd")
    pictures = step.watch.probe.pictures()
    assert {name: tuple(picture.values.shape) for name, picture in pictures.items()} == {
        "0": (6, 4),
        "4": (6, 5),
        "6": (6, 3),
    }
    before, after = (net[:2](step.probe.inputs).mean((2, 3)) for net in (step.before, step.after))
    assert torch.allclose(pictures["0"].values, after)
    assert torch.allclose(pictures["0"].change, after - before)


def test_a_few_samples_of_each_class_are_drawn_by_seed_alone():
    targets = torch.arange(1000) % 10
    chosen = few_of_each(targets, seed=3)
    assert targets[chosen].bincount().tolist() == [2] * 10
    assert torch.equal(chosen, few_of_each(targets, seed=3))
    assert not torch.equal(chosen, few_of_each(targets, seed=4))
    assert few_of_each(torch.arange(2000) % 2, seed=0).numel() == 16
    assert few_of_each(torch.arange(100), seed=0).numel() == 24
    assert few_of_each(torch.tensor([1, 0, 1]), seed=0).numel() == 3
