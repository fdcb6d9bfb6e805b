from __future__ import annotations

import inspect
from itertools import pairwise
from math import prod

import pytest
import torch
from torch import nn

from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import ACTIVATIONS, MODELS, layer_table
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVERS, OptimizerSpec
from proxprop.spec.config import DataConfig, ModelConfig, OptimizerConfig

TORCHS_OWN = [name for name, spec in OPTIMIZERS.items() if not spec.package]


@pytest.mark.parametrize("name", TORCHS_OWN)
def test_optimizers_exist_in_torch_and_take_their_fields(name: str) -> None:
    spec = OPTIMIZERS[name]
    constructor = getattr(torch.optim, spec.torch_name)
    assert issubclass(constructor, torch.optim.Optimizer)
    # A partner (Muon's AdamW) takes fields too.
    accepted = set(inspect.signature(constructor).parameters)
    if spec.partner:
        partner = getattr(torch.optim, OPTIMIZERS[spec.partner].torch_name)
        accepted |= set(inspect.signature(partner).parameters)
    assert "lr" in accepted
    assert set(spec.fields) <= accepted
    assert set(spec.fields) <= set(OptimizerConfig.model_fields)


def test_catalog_keys_are_names() -> None:
    for catalog in (DATA, MODELS, OPTIMIZERS):
        assert all(name == spec.name and spec.label for name, spec in catalog.items())


def test_every_first_order_optimizer_of_torch_is_considered() -> None:
    listed = {spec.torch_name for spec in OPTIMIZERS.values()}
    dense = {
        name
        for name, found in vars(torch.optim).items()
        if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer)
    } - {"Optimizer", "SparseAdam"}
    assert dense - listed == set()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_pairings_that_need_an_explanation_have_one(name: str, solver: str) -> None:
    pairing = OPTIMIZERS[name].pairing(solver)  # type: ignore[arg-type]
    assert pairing.support in ("yes", "heuristic", "no")
    assert pairing.support == "yes" or pairing.note


# Plain steps shrink the weights by ηλ either way; Rprop and L-BFGS have no decay; Adafactor's
# steps depend on the weights, so that the recursion below does not describe them.
ALIKE = ("sgd", "asgd", "rprop", "lbfgs", "adafactor")


@pytest.mark.parametrize("name", [name for name in TORCHS_OWN if name not in ALIKE])
def test_decoupled_decay_is_what_torch_does(name: str) -> None:
    """Decoupled means w ← (1 − ηλ)w + u, with the u of a run without decay."""
    spec = OPTIMIZERS[name]
    directions = torch.randn(12, 4, 3, generator=torch.Generator().manual_seed(0)).double()
    free, decayed = (_weights(spec, decay, directions) for decay in (0.0, 0.5))
    expected = [free[0]]
    for before, after in pairwise(free):
        expected.append((1 - 0.1 * 0.5) * expected[-1] + (after - before))
    decoupled = torch.allclose(torch.stack(expected), torch.stack(decayed), rtol=1e-6)
    assert decoupled == spec.decoupled_decay


def _weights(spec: OptimizerSpec, decay: float, directions: torch.Tensor) -> list[torch.Tensor]:
    weight = nn.Parameter(torch.ones(4, 3, dtype=torch.float64))
    options = {"momentum": 0.9} if "momentum" in spec.fields else {}
    optimizer = getattr(torch.optim, spec.torch_name)(
        [weight], lr=0.1, weight_decay=decay, **options
    )
    path = [weight.detach().clone()]
    for direction in directions:
        weight.grad = direction.clone()
        optimizer.step()
        path.append(weight.detach().clone())
    return path


def _plain_model(
    name: str, widths: tuple[int, ...], shape: tuple[int, ...], bias: bool
) -> nn.Module:
    """The same architectures from torch's layers, written without the table."""
    if name in ("mlp", "paper-mlp"):
        sizes = [prod(shape), *(widths if name == "mlp" else (4000, 1000, 4000)), 10]
        layers = [nn.Linear(a, b, bias=bias) for a, b in pairwise(sizes)]
        return nn.Sequential(nn.Flatten(), *layers)
    if name == "paper-convnet":
        convs: list[nn.Module] = [
            nn.Conv2d(shape[0], 16, 5, padding=2, bias=bias),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 20, 5, padding=2, bias=bias),
            nn.MaxPool2d(2),
            nn.Conv2d(20, 20, 5, padding=2, bias=bias),
        ]
    else:
        sizes = [shape[0], *widths]
        convs = [
            layer
            for a, b in pairwise(sizes)
            for layer in (nn.Conv2d(a, b, 3, padding=1, bias=bias), nn.MaxPool2d(2))
        ]
    features = nn.Sequential(*convs, nn.Flatten())
    flat = features(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(*features, nn.Linear(flat, 10, bias=bias))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 17, 23)])
@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("mlp", (5,)),
        ("mlp", (128, 64)),
        ("paper-mlp", (1,)),
        ("paper-convnet", (1,)),
        ("small-convnet", (8, 16)),
        ("small-convnet", (4, 5, 6)),
    ],
)
def test_layer_table_counts_what_torch_builds(
    name: str, widths: tuple[int, ...], shape: tuple[int, ...], bias: bool
) -> None:
    rows = layer_table(name, widths, "relu", shape, 10, bias)
    model = _plain_model(name, widths, shape, bias)
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
    value = torch.zeros(1, *shape)
    shapes = []
    for layer in model:
        value = layer(value)
        shapes.append(tuple(value.shape[1:]))
    assert [row.shape for row in rows] == shapes


def test_the_papers_networks_have_their_published_sizes() -> None:
    mlp = layer_table("paper-mlp", (), "relu", (3, 32, 32), 10)
    assert [row.shape for row in mlp if row.kind == "linear"] == [(4000,), (1000,), (4000,), (10,)]
    convnet = layer_table("paper-convnet", (), "relu", (3, 32, 32), 10)
    assert [(row.shape[0], row.kernel) for row in convnet if row.kind == "conv"] == [
        (16, 5),
        (20, 5),
        (20, 5),
    ]


def test_activations_follow_every_hidden_layer_and_not_the_last() -> None:
    for name in MODELS:
        rows = layer_table(name, (4, 4), "tanh", (1, 16, 16), 10)
        weighted = [row for row in rows if row.kind in ("linear", "conv")]
        assert [row.activation for row in weighted] == ["tanh"] * (len(weighted) - 1) + ["identity"]
        assert len({row.name for row in rows}) == len(rows)


def test_points_need_no_flattening() -> None:
    rows = layer_table("mlp", (3,), "relu", (2,), 2)
    assert [(row.kind, row.shape, row.parameters) for row in rows] == [
        ("linear", (3,), 9),
        ("linear", (2,), 8),
    ]


def test_models_refuse_what_they_cannot_see() -> None:
    with pytest.raises(ValueError, match=r"small-convnet needs images .* got samples of shape"):
        layer_table("small-convnet", (8,), "relu", (2,), 2)
    with pytest.raises(ValueError, match="too many for 8×8 images; use fewer"):
        layer_table("small-convnet", (8,) * 4, "relu", (1, 8, 8), 10)


def test_data_specs_fit_their_kind() -> None:
    for spec in DATA.values():
        assert (spec.shape is None) == (spec.kind == "folder")
        assert (spec.test_size is not None) == (spec.kind == "download")
        assert (spec.megabytes > 0) == (spec.kind == "download")
        assert spec.about.endswith(".")
        assert len(set(spec.classes)) == len(spec.classes)


def test_config_defaults_are_catalogued() -> None:
    assert DataConfig().name in DATA
    assert ModelConfig().name in MODELS
    assert ModelConfig().widths == MODELS[ModelConfig().name].widths
    assert ModelConfig().activation in ACTIVATIONS
    assert OptimizerConfig().name in OPTIMIZERS
