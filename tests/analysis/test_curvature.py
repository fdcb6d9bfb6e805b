"""Limits of whole networks: against dense Hessians, and against running the training they limit."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from proxprop import convert, set_prox
from proxprop.analysis.curvature import NetworkCurvature

from .cases import digits, layer_inputs, mlp, with_ones

TAU = 0.3


def dense_hessian(model: nn.Module, x: Tensor, y: Tensor, loss: Callable) -> Tensor:
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    shapes = [dict(model.named_parameters())[name].shape for name in names]
    flat = torch.cat([dict(model.named_parameters())[n].detach().flatten() for n in names])

    def objective(vector: Tensor) -> Tensor:
        pieces = vector.split([shape.numel() for shape in shapes])
        values = {n: piece.reshape(s) for n, piece, s in zip(names, pieces, shapes)}
        return loss(functional_call(model, values, (x,)), y)

    return torch.autograd.functional.hessian(objective, flat)


def dense_preconditioner(model: nn.Module, x: Tensor, taus: dict[str, float]) -> Tensor:
    """P on the flattened parameters, explicit blocks the identity, one unit vector at a time."""
    inputs = layer_inputs(model, x)
    inverses = {}
    for name, tau in taus.items():
        layer, a = model.get_submodule(name), inputs[name]
        if isinstance(layer, nn.Conv2d):
            assert layer.padding == (0, 0)
            a = F.unfold(a, layer.kernel_size, stride=layer.stride).transpose(1, 2).flatten(0, 1)
        rows = with_ones(a) if layer.bias is not None else a
        eye = torch.eye(rows.shape[1], dtype=rows.dtype)
        inverses[name] = torch.linalg.inv(rows.T @ rows + eye / tau)
    shapes = {name: p.shape for name, p in model.named_parameters()}
    size = sum(shape.numel() for shape in shapes.values())
    columns = []
    for unit in torch.eye(size, dtype=torch.float64):
        pieces = unit.split([shape.numel() for shape in shapes.values()])
        parts = dict(zip(shapes, pieces))
        for name, inverse in inverses.items():
            weight = parts[f"{name}.weight"].reshape(shapes[f"{name}.weight"]).flatten(1)
            bias = parts.get(f"{name}.bias")
            theta = weight if bias is None else torch.cat([weight, bias[:, None]], dim=1)
            image = theta @ inverse
            parts[f"{name}.weight"] = image[:, : weight.shape[1]].flatten()
            if bias is not None:
                parts[f"{name}.bias"] = image[:, -1]
        columns.append(torch.cat([parts[name].flatten() for name in shapes]))
    return torch.stack(columns, dim=1)


def small_batch() -> tuple[Tensor, Tensor]:
    x, y = digits()
    return x[:12, ::4], y[:12]


def small_convnet() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 3, 2, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(12, 5, bias=False),
        nn.Tanh(),
        nn.Linear(5, 10),
    ).double()


NETS = {
    "mlp": (lambda: mlp(16, 6, 5, 10), {"0": TAU, "2": 2 * TAU}),
    "wide-mlp": (lambda: mlp(16, 30, 10), {"0": TAU, "2": TAU}),
    "convnet": (small_convnet, {"1": TAU, "4": TAU}),
}


@pytest.mark.parametrize("name", NETS)
def test_hessian_products_and_limit(name: str) -> None:
    build, _ = NETS[name]
    model, (x, y) = build(), small_batch()
    hessian = dense_hessian(model, x, y, F.cross_entropy)
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, rtol=1e-9)
    vector = torch.randn(len(hessian), dtype=torch.float64)
    torch.testing.assert_close(
        curvature.hessian_product(vector), hessian @ vector, rtol=1e-10, atol=1e-11
    )
    largest = torch.linalg.eigvalsh(hessian)[-1].item()
    found = curvature.explicit_limit()
    assert found.converged
    assert found.sharpness == pytest.approx(largest, rel=1e-8)
    assert found.limit == pytest.approx(2 / largest, rel=1e-8)
    assert curvature.explicit_limit(0.9).limit == pytest.approx(3.8 / largest, rel=1e-8)
    nesterov = curvature.explicit_limit(0.9, nesterov=True)
    assert nesterov.limit == pytest.approx(3.8 / 2.8 / largest, rel=1e-8)


@pytest.mark.parametrize("ratio", [1.0, 0.05, 20.0])
@pytest.mark.parametrize("name", NETS)
def test_preconditioned_limit(name: str, ratio: float) -> None:
    build, taus = NETS[name]
    model, (x, y) = build(), small_batch()
    hessian = dense_hessian(model, x, y, F.cross_entropy)
    matrix = dense_preconditioner(model, x, taus)
    implicit = torch.cat(
        [
            torch.full((p.numel(),), n.rpartition(".")[0] in taus, dtype=torch.bool)
            for n, p in model.named_parameters()
        ]
    )
    scale = torch.where(implicit, 1.0, ratio).double()
    eigenvalues = torch.linalg.eigvals(scale[:, None] * (matrix @ hessian))
    largest = eigenvalues.real.max().item()
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, taus=taus, rtol=1e-8, max_steps=300)
    found = curvature.proximal_limit(0.5, explicit_ratio=ratio)
    assert found.converged
    assert found.sharpness == pytest.approx(largest, rel=1e-7)
    assert found.limit == pytest.approx(3 / largest, rel=1e-7)


def test_limit_with_a_fixed_step_size_on_explicit_layers() -> None:
    build, taus = NETS["mlp"]
    model, (x, y) = build(), small_batch()
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, taus=taus, rtol=1e-6)
    explicit_lr = 0.5
    found = curvature.proximal_limit_at(explicit_lr)
    # At the limit, the ratio held fixed gives the same limit again.
    again = curvature.proximal_limit(explicit_ratio=explicit_lr / found.limit)
    assert again.limit == pytest.approx(found.limit, rel=1e-5)
    assert found.limit > curvature.proximal_limit().limit
    assert curvature.proximal_limit_at(1e4).limit == 0.0


def test_a_proximal_model_brings_its_own_settings() -> None:
    model, (x, y) = mlp(16, 6, 5, 10), small_batch()
    explicit = NetworkCurvature(model, F.cross_entropy, x, y, taus={"0": TAU, "2": TAU})
    convert(model, tau=TAU)
    before = copy.deepcopy(model.state_dict())
    proximal = NetworkCurvature(model, F.cross_entropy, x, y)
    assert proximal.taus == {"0": TAU, "2": TAU}
    assert proximal.explicit_limit() == explicit.explicit_limit()
    assert proximal.proximal_limit() == explicit.proximal_limit()
    assert proximal.proximal_limit(tau=2.0).limit != proximal.proximal_limit().limit
    assert model[0].tau == TAU
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    set_prox(model, solver="explicit")
    plain = NetworkCurvature(model, F.cross_entropy, x, y)
    assert plain.taus == {}
    assert plain.proximal_limit() == plain.explicit_limit()


def test_float32_models_are_measured_too() -> None:
    model, (x, y) = mlp(16, 6, 5, 10), small_batch()
    taus = {"0": TAU, "2": TAU}
    exact = NetworkCurvature(model, F.cross_entropy, x, y, taus=taus, rtol=1e-8)
    single = NetworkCurvature(model.float(), F.cross_entropy, x.float(), y, taus=taus)
    for method in ("explicit_limit", "proximal_limit"):
        limit = getattr(exact, method)().limit
        assert getattr(single, method)().limit == pytest.approx(limit, rel=2e-3)


def test_small_tau_is_the_explicit_limit_of_the_hidden_layers() -> None:
    """As τ → 0, P → τ on implicit layers: η·τ takes the place of η."""
    model, (x, y) = mlp(16, 6, 10), small_batch()
    model[2].requires_grad_(False)
    tau = 1e-7
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, taus={"0": tau}, rtol=1e-8)
    limit = curvature.proximal_limit().limit * tau
    assert limit == pytest.approx(curvature.explicit_limit().limit, rel=1e-4)


def test_frozen_parameters_do_not_count() -> None:
    model, (x, y) = mlp(16, 6, 10), small_batch()
    model[0].bias.requires_grad_(False)
    hessian = dense_hessian(model, x, y, F.cross_entropy)
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, taus={"0": TAU}, rtol=1e-8)
    largest = torch.linalg.eigvalsh(hessian)[-1].item()
    assert curvature.explicit_limit().sharpness == pytest.approx(largest, rel=1e-7)
    assert curvature.proximal_limit().converged


def test_what_cannot_be_preconditioned_is_refused() -> None:
    model, (x, y) = mlp(16, 6, 10), small_batch()
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, taus={"1": TAU})
    with pytest.raises(ValueError, match="implicit layer '1' must be a Linear or Conv2d"):
        curvature.proximal_limit()
    curvature = NetworkCurvature(model, F.cross_entropy, x, y, taus={"0": TAU})
    with pytest.raises(ValueError, match=r"tau must be finite and > 0, got -1.0"):
        curvature.proximal_limit(tau=-1.0)


def test_a_running_gram_takes_the_batchs_place_in_the_preconditioner() -> None:
    model, (x, y) = mlp(16, 6, 5, 10), small_batch()
    hessian = dense_hessian(model, x, y, F.cross_entropy)
    convert(model, tau=TAU, gram="running", decay=0.0)
    seen = 2 * x.flip(0)[:9]
    F.cross_entropy(model(seen), y[:9]).backward()
    taus = {"0": TAU, "2": TAU}
    for inputs, changes in ((seen, {}), (x, {"grams": {}})):
        preconditioner = dense_preconditioner(model, inputs, taus)
        largest = torch.linalg.eigvals(preconditioner @ hessian).real.max().item()
        found = NetworkCurvature(model, F.cross_entropy, x, y, rtol=1e-9, **changes)
        assert found.proximal_limit().sharpness == pytest.approx(largest, rel=1e-7)
