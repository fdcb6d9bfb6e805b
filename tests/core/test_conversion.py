"""Whole models: what convert changes, what it keeps, what it leaves alone and says so."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from proxprop import ProxPropLinear, convert, param_groups, revert, set_prox
from proxprop.conversion import iter_prox_layers
from proxprop.diagnostics import NonFiniteWarning


def mlp(*widths: int) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_converts_all_but_the_last_layer():
    model = mlp(4, 5, 6, 3)
    report = convert(model, tau=0.3, solver="cg", cg_steps=7, cg_rtol=0.1)
    assert report.converted == ["0", "2"]
    assert report.skipped == [("4", "the last layer stays explicit (skip_last=True)")]
    assert [type(layer) for layer in model[::2]] == [ProxPropLinear, ProxPropLinear, nn.Linear]
    for _, layer in iter_prox_layers(model):
        assert (layer.tau, layer.solver, layer.cg_steps, layer.cg_rtol) == (0.3, "cg", 7, 0.1)


def test_skip_last_is_an_option_and_can_change():
    model = mlp(4, 5, 3)
    assert convert(model, skip_last=False).converted == ["0", "2"]
    assert convert(model, tau=2.0).converted == ["0"]
    assert type(model[2]) is nn.Linear
    assert model[0].tau == 2.0


def test_a_layer_can_be_the_model():
    layer = nn.Linear(3, 2)
    assert convert(layer).converted == []
    assert convert(layer, skip_last=False).converted == [""]
    assert type(layer) is ProxPropLinear


def test_modules_and_everything_attached_stay():
    model = mlp(4, 5, 3).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    modules, parameters, state = list(model), list(model.parameters()), model.state_dict()
    seen = []
    model[0].register_forward_hook(lambda *_: seen.append("forward"))
    model[0].register_full_backward_hook(lambda *_: seen.append("backward"))
    convert(model)
    assert all(new is old for new, old in zip(model, modules, strict=True))
    assert all(new is old for new, old in zip(model.parameters(), parameters, strict=True))
    assert list(model.state_dict()) == list(state)
    assert not model[0].training
    before = model[0].weight.clone()
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert seen == ["forward", "backward"]
    assert not torch.equal(model[0].weight, before)


def test_revert_restores_the_plain_model():
    model, untouched = mlp(4, 5, 6, 3), mlp(4, 5, 6, 3)
    keys = [set(layer.__dict__) for layer in model]
    convert(model)
    model[0].observer = lambda record: None
    model(torch.ones(2, 4)).sum().backward()  # leaves a monitor behind
    assert "_monitor" in model[0].__dict__
    assert revert(model) == ["0", "2"]
    assert repr(model) == repr(untouched)
    assert [set(layer.__dict__) for layer in model] == keys
    assert revert(model) == []


def test_shared_modules_stay_shared_and_count_once():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 2))
    assert convert(model).converted == ["0"]
    assert model[0] is model[2] is shared


def test_reports_what_has_no_implicit_step():
    model = nn.Sequential(nn.Embedding(5, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.Linear(4, 2))
    report = convert(model)
    assert report.converted == ["2"]
    assert dict(report.skipped)["0"] == "Embedding has no implicit step"
    assert dict(report.skipped)["1"] == "LayerNorm has no implicit step"


def test_leaves_parametrized_layers_alone():
    spectral = parametrizations.spectral_norm(nn.Linear(4, 4))
    weight = parametrizations.weight_norm(nn.Linear(4, 4))
    model = nn.Sequential(spectral, weight, nn.Linear(4, 4), nn.Linear(4, 2))
    kinds = [type(layer) for layer in model]
    report = convert(model)
    assert report.converted == ["2"]
    assert [type(layer) for layer in model][:2] == kinds[:2]
    assert "parametrization" in dict(report.skipped)["0"]
    assert "parametrization" in dict(report.skipped)["1"]


def test_leaves_subclasses_lazy_and_patched_layers_alone():
    class Scaled(nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    patched = nn.Linear(4, 4)
    patched.forward = lambda input: input
    model = nn.Sequential(Scaled(4, 4), nn.LazyLinear(4), patched, nn.Linear(4, 2))
    reasons = dict(convert(model, skip_last=False).skipped)
    assert "Scaled is a subclass of Linear" in reasons["0"]
    assert "run one batch" in reasons["1"]
    assert "forward was replaced" in reasons["2"]
    assert type(model[0]) is Scaled


def test_warnings_name_a_layer_by_its_place_in_the_model():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2))
    convert(model)
    with pytest.warns(NonFiniteWarning, match=r"^0\.0: its input is not finite"):
        model[0][0](torch.full((3, 4), torch.nan)).sum().backward()


def test_leaves_weights_that_are_not_real_alone():
    model = nn.Sequential(nn.Linear(4, 4, dtype=torch.complex64), nn.Linear(4, 2))
    report = convert(model, skip_last=False)
    assert report.converted == ["1"]
    assert type(model[0]) is nn.Linear
    assert dict(report.skipped)["0"] == (
        "its weight is torch.complex64; an implicit step needs real floating point"
    )


def test_a_parameter_shared_with_an_explicit_module_stays_explicit():
    # A tied decoder would add a direction to the embedding's gradient in one .grad.
    embedding, decoder = nn.Embedding(7, 4), nn.Linear(4, 7, bias=False)
    decoder.weight = embedding.weight
    model = nn.Sequential(embedding, nn.Linear(4, 4), decoder, nn.Linear(7, 2))
    report = convert(model)
    assert report.converted == ["1"]
    assert dict(report.skipped)["2"] == "it shares a parameter with an explicit Embedding"


def test_bad_settings_leave_the_model_as_it_was():
    model = mlp(4, 5, 3)
    with pytest.raises(ValueError, match="tau must be finite"):
        convert(model, tau=-1)
    assert type(model[0]) is nn.Linear
    convert(model)
    with pytest.raises(ValueError, match="cg_steps must be >= 1"):
        set_prox(model, tau=3.0, cg_steps=0)
    assert model[0].tau == 0.05


def test_set_prox_changes_only_what_is_given():
    model = mlp(4, 5, 6, 3)
    convert(model, tau=0.3, cg_steps=7)
    set_prox(model, solver="cg")
    set_prox(model, tau=1)
    for _, layer in iter_prox_layers(model):
        assert (layer.tau, layer.solver, layer.cg_steps) == (1, "cg", 7)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("tau", np.float32(0.25)),
        ("tau", np.int64(2)),
        ("tau", np.array(0.25)),
        ("tau", torch.tensor(0.25)),
        ("cg_steps", np.arange(1, 5)[2]),
        ("cg_rtol", np.float16(0.25)),
        ("decay", torch.tensor(0.5, dtype=torch.float64, requires_grad=True)),
        ("refresh", torch.tensor(3)),
        ("solver", np.array(["cg", "exact"])[0]),
    ],
)
def test_settings_may_come_out_of_arrays(setting, value):
    model = mlp(4, 5, 3)
    convert(model, **{setting: value})
    assert getattr(model[0], setting) == value
    set_prox(model, tau=1, solver="exact")
    set_prox(model, **{setting: value})
    setattr(model[0], setting, value)
    layer = ProxPropLinear(3, 2, **{setting: value})
    for kept in (getattr(model[0], setting), getattr(layer, setting)):
        assert kept == value
        assert type(kept) in (int, float, str)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("tau", np.bool_(True)),
        ("tau", torch.tensor(True)),
        ("tau", torch.ones(1)),
        ("tau", np.ones(2)),
        ("tau", np.complex64(1)),
        ("cg_steps", np.float64(3)),
        ("refresh", torch.tensor(3.0)),
    ],
)
def test_arrays_that_are_no_setting_are_refused(setting, value):
    model = mlp(4, 5, 3)
    with pytest.raises(TypeError, match=f"{setting} must be"):
        convert(model, **{setting: value})
    assert type(model[0]) is nn.Linear


@pytest.mark.parametrize("build", [lambda: mlp(4, 5, 3), lambda: nn.Linear(3, 3), nn.ReLU])
def test_settings_of_a_model_without_proximal_layers_are_refused(build):
    with pytest.raises(ValueError, match=r"no proximal layer: convert\(model\) first"):
        set_prox(build(), tau=0.1)


def test_param_groups_split_by_layer_kind():
    model = mlp(4, 5, 6, 3)
    convert(model)
    proximal, explicit = param_groups(model, 10.0, 0.05, momentum=0.9)
    assert (proximal["name"], proximal["lr"], proximal["momentum"]) == ("proximal", 10.0, 0.9)
    assert (explicit["name"], explicit["lr"], explicit["momentum"]) == ("explicit", 0.05, 0.9)
    assert [id(p) for p in proximal["params"]] == [
        id(p) for layer in (model[0], model[2]) for p in layer.parameters()
    ]
    assert [id(p) for p in explicit["params"]] == [id(p) for p in model[4].parameters()]
    optimizer = torch.optim.SGD([proximal, explicit], lr=1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [10.0, 0.05]


def test_explicit_rate_defaults_to_the_rate_as_in_the_paper():
    model = mlp(4, 5, 3)
    convert(model)
    assert [group["lr"] for group in param_groups(model, 0.7)] == [0.7, 0.7]


def test_every_parameter_is_in_exactly_one_group():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.BatchNorm1d(4), shared, nn.Linear(4, 2))
    convert(model)
    members = [id(p) for group in param_groups(model, 1.0) for p in group["params"]]
    assert sorted(members) == sorted({id(p) for p in model.parameters()})


def test_explicit_conversion_is_the_plain_model_bit_for_bit():
    model = mlp(4, 5, 6, 3)
    plain = copy.deepcopy(model)
    convert(model, solver="explicit")
    for net in (model, plain):
        net(torch.linspace(-1, 1, 12).reshape(3, 4)).square().mean().backward()
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
