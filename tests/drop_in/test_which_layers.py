"""Which layers are converted: by an example, by include and exclude, or by a guess."""

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from proxprop import ProxPropLinear, convert, param_groups
from proxprop.conversion import iter_prox_layers
from proxprop.diagnostics import LastLayerWarning, NothingConvertedWarning, ProxPropWarning


class HeadFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(32, 10)
        self.body = nn.Sequential(nn.Linear(32, 32), nn.ReLU())

    def forward(self, input):
        return self.head(self.body(input))


class TwoHeads(nn.Module):
    """Both heads end in what has parameters, but multiplies by none of a layer's kind."""

    def __init__(self):
        super().__init__()
        self.classes, self.boxes = nn.Linear(32, 10), nn.Linear(32, 4)
        self.body = nn.Linear(32, 32)
        self.shift = nn.Parameter(torch.zeros(4))

    def forward(self, input):
        hidden = torch.empty(len(input), 32)
        hidden[:] = self.body(input).relu_()
        return {"classes": self.classes(hidden), "boxes": self.boxes(hidden) + self.shift}


class Attention(nn.Module):
    """Reads its last layer's weight without calling it; learned queries pass through layers too."""

    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(3, 32))
        self.ask, self.offer, self.join = (nn.Linear(32, 32) for _ in range(3))
        self.unused = nn.Linear(32, 32)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, input):
        self.seen += 1
        scores = self.ask(self.queries) @ self.offer(input).mT
        return F.linear(F.dropout(scores.softmax(-1)) @ input, self.join.weight.clone())


class Norms(nn.Module):
    """A spectral norm multiplies by weights too, and batch normalisation ends the model."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(32, 32)
        self.second = nn.utils.parametrizations.spectral_norm(nn.Linear(32, 32))
        self.third = nn.Linear(32, 8)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, input):
        return self.norm(self.third(self.second(self.first(input))))


CASES = {
    "head first": (HeadFirst, {"head"}, set()),
    "two heads": (TwoHeads, {"classes", "boxes"}, set()),
    "attention": (Attention, set(), {"join", "unused"}),
    "norms": (Norms, {"third"}, {"second"}),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(32, 4, 16, batch_first=True),
        {"linear2"},
        {"self_attn.out_proj"},
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_an_example_finds_what_is_called_and_what_gives_the_output(case, training):
    build, outputs, others = CASES[case]
    torch.manual_seed(0)
    model = build().train(training)
    state, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    buffers = list(model.buffers())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ProxPropWarning)
        report = convert(
            model,
            torch.randn(1, 5, 32) if case in ("attention", "transformer") else torch.randn(1, 32),
        )
    reasons = dict(report.skipped)
    named = {name for name, why in report.skipped if why.startswith("an output layer")}
    assert named == outputs
    assert others <= set(reasons)
    layers = {n for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    assert set(report.converted) == layers - outputs - others
    assert set(report.converted) == {name for name, _ in iter_prox_layers(model)}
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(new is old for new, old in zip(model.buffers(), buffers, strict=True))


def test_the_example_leaves_random_numbers_alone_and_gives_reasons():
    torch.manual_seed(0)
    model, example = Attention(), torch.randn(1, 5, 32)
    numbers = torch.get_rng_state()
    reasons = dict(convert(model, example).skipped)
    assert torch.equal(torch.get_rng_state(), numbers)
    assert reasons["join"] == "the model reads its weight without calling it"
    assert reasons["unused"] == "the example input does not reach it"


def test_an_example_can_be_several_arguments_and_an_error_leaves_the_model():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.last = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, left, right):
            return self.last(self.left(left) + self.right(right))

    part = torch.ones(2, 4)
    assert convert(Sum(), (part, part)).converted == ["left", "right"]
    assert convert(Sum(), {"left": part, "right": part}).converted == ["left", "right"]
    model = Sum()
    with pytest.raises(TypeError, match="right") as caught:
        convert(model, part)
    assert "nothing has been converted" in caught.value.__notes__[0]
    assert not list(iter_prox_layers(model))


@pytest.mark.parametrize("case", ["head first", "two heads"])
def test_a_last_layer_that_is_a_guess_is_said(case):
    build, outputs, _ = CASES[case]
    with pytest.warns(LastLayerWarning, match="may give the model's output too"):
        convert(build())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ProxPropWarning)
        report = convert(build(), exclude=outputs, skip_last=False)
    assert {name for name, why in report.skipped if why == "left out by exclude"} == outputs


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(nn.Linear(4, 7), nn.Sequential(nn.Linear(7, 3), nn.ReLU())),
        lambda: nn.ModuleList([nn.Linear(10, 64), nn.Linear(64, 64), nn.Linear(64, 10)]),
        lambda: nn.ModuleList([nn.Conv2d(3, 5, 3), nn.Conv2d(5, 8, 3), nn.Linear(8 * 49, 10)]),
        lambda: nn.ModuleList([nn.Linear(16, 48), nn.Linear(16, 64), nn.Linear(64, 2)]),
    ],
)
def test_a_last_layer_that_is_not_in_doubt_is_not(build):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ProxPropWarning)
        convert(build())


def network() -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()),
        nn.Flatten(),
        nn.Linear(8, 6),
        nn.Linear(6, 5),
        nn.Linear(5, 2),
    )


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("2", ["2"]),
        ("0", ["0.0"]),  # what is inside a module of that name
        ("[23]", ["2", "3"]),
        ("0.*", ["0.0"]),
        (nn.Conv2d, ["0.0"]),
        (lambda name, layer: isinstance(layer, nn.Linear) and layer.in_features == 6, ["3"]),
        (["2", nn.Conv2d], ["0.0", "2"]),
    ],
)
def test_include_and_exclude(selector, chosen):
    model = network()
    report = convert(model, include=selector)
    assert report.converted == chosen == [name for name, _ in iter_prox_layers(model)]
    assert all(why == "not among include" for name, why in report.skipped if name != "4")
    report = convert(model, exclude=selector, skip_last=False)
    assert report.converted == [n for n in ("0.0", "2", "3", "4") if n not in chosen]
    assert [name for name, _ in report.skipped] == chosen
    assert report.converted == [name for name, _ in iter_prox_layers(model)]


def test_a_name_that_fits_nothing_is_refused():
    model = network()
    with pytest.raises(ValueError, match=r"exclude names 'head', but .* there are 0\.0, 2, 3, 4"):
        convert(model, exclude="head")
    assert not list(iter_prox_layers(model))
    with pytest.raises(TypeError, match="a selector must be a name"):
        convert(model, include=[3])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Linear(3, 2), r"the model itself: the last layer .*skip_last"),
        (nn.Sequential(nn.LayerNorm(3), nn.ReLU()), "LayerNorm has no implicit step"),
        (nn.ReLU(), "no parameters"),
    ],
)
def test_a_model_with_nothing_to_convert_says_so(model, words):
    with pytest.warns(NothingConvertedWarning, match=words):
        assert not convert(model).converted
    with warnings.catch_warnings():
        warnings.simplefilter("error", ProxPropWarning)
        convert(model, solver="explicit")


def test_transposed_linear_layers_are_named():
    class Conv1D(nn.Module):  # as in GPT-2
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.ones(4))

    reasons = dict(convert(nn.Sequential(Conv1D(), nn.Linear(4, 4), nn.Linear(4, 2))).skipped)
    assert "a linear layer with a transposed weight" in reasons["0"]


def test_groups_go_by_the_solver_a_layer_has_now():
    model = HeadFirst()
    convert(model, skip_last=False)
    assert len(param_groups(model, 10.0, 0.05)) == 1
    model.head.solver = "explicit"
    proximal, explicit = param_groups(model, 10.0, 0.05)
    assert [id(p) for p in proximal["params"]] == [id(p) for p in model.body.parameters()]
    assert [id(p) for p in explicit["params"]] == [id(p) for p in model.head.parameters()]
    assert isinstance(model.head, ProxPropLinear)
    model.body[0].weight = nn.Parameter(model.body[0].weight.detach())
    tied = ProxPropLinear(32, 32, solver="explicit")
    tied.weight = model.body[0].weight  # a gradient of one user, a direction of the other
    groups = param_groups(nn.Sequential(model, tied), 10.0, 0.05)
    assert [len(group["params"]) for group in groups] == [1, 4]


def test_l_bfgs_says_what_to_give_it():
    model = HeadFirst()
    convert(model, exclude="head", skip_last=False)
    with pytest.raises(ValueError, match=r"L-BFGS .* give it model\.parameters\(\)"):
        torch.optim.LBFGS(param_groups(model, 1.0, 0.1))
    torch.optim.LBFGS(param_groups(HeadFirst(), 1.0))
    for optimizer in (torch.optim.Adam, torch.optim.Rprop, torch.optim.Adagrad):
        optimizer(param_groups(model, 1.0, 0.1))
