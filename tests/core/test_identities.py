"""Identities of the proximal step, for drawn shapes, steps and data."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from proxprop import ProxPropLinear
from proxprop.core.linear import cg_direction
from tests.reference import relative_error

from .cases import backward, batch, columns_of, make_layer

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)

problems = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 20),
        "d_in": st.integers(1, 20),
        "d_out": st.integers(1, 12),
        "bias": st.booleans(),
        "seed": st.integers(0, 10**6),
        "log_tau": st.floats(-4, 2),
    }
)


def problem(rows, d_in, d_out, bias, seed, log_tau, **prox):
    layer = make_layer(d_in, d_out, bias, tau=10**log_tau, **prox)
    input, grad_output = batch((rows, d_in), d_out, seed)
    return layer, input, grad_output


def gradient(layer: ProxPropLinear, input, grad_output):
    return grad_output.T @ columns_of(layer, input)


@SETTINGS
@given(problems)
def test_explicit_is_autograd_bit_for_bit(drawn):
    layer, input, grad_output = problem(**drawn, solver="explicit")
    plain = torch.nn.Linear(layer.in_features, layer.out_features, layer.bias is not None)
    plain.double().load_state_dict(layer.state_dict())
    plain(input).backward(grad_output)
    backward(layer, input, grad_output)
    for ours, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


@SETTINGS
@given(problems)
def test_direction_per_tau_tends_to_the_gradient(drawn):
    drawn["log_tau"] = -9
    layer, input, grad_output = problem(**drawn)
    direction = backward(layer, input, grad_output) / layer.tau
    # D/τ = G (I + τÃᵀÃ)⁻¹ differs from G by at most τ‖ÃᵀÃ‖.
    bound = layer.tau * columns_of(layer, input).square().sum()
    assert relative_error(direction, gradient(layer, input, grad_output)) <= float(bound) + 1e-12


@SETTINGS
@given(problems, st.sampled_from(["exact", "cg"]), st.floats(-12, 12))
def test_direction_is_linear_in_the_loss_scale(drawn, solver, log_scale):
    layer, input, grad_output = problem(**drawn, solver=solver)
    one = backward(layer, input, grad_output)
    scaled = backward(layer, input, grad_output * 10**log_scale)
    assert relative_error(scaled, one * 10**log_scale) < 1e-9


@SETTINGS
@given(problems)
def test_scaling_the_input_is_scaling_tau(drawn):
    # Ã → cÃ with τ → τ/c² leaves ÃᵀÃτ alone, so D → D/c (without a bias: its column is fixed).
    drawn["bias"] = False
    layer, input, grad_output = problem(**drawn)
    one = backward(layer, input, grad_output)
    layer.tau = layer.tau / 100.0
    assert relative_error(backward(layer, input * 10, grad_output) * 10, one) < 1e-8


@SETTINGS
@given(problems, st.sampled_from(["exact", "cg"]))
def test_sample_order_is_irrelevant(drawn, solver):
    layer, input, grad_output = problem(**drawn, solver=solver, cg_steps=2)
    order = torch.randperm(len(input), generator=torch.Generator().manual_seed(drawn["seed"]))
    one = backward(layer, input, grad_output)
    assert relative_error(backward(layer, input[order], grad_output[order]), one) < 1e-8


@SETTINGS
@given(problems)
def test_exact_direction_keeps_the_angle_bound(drawn):
    layer, input, grad_output = problem(**drawn)
    columns = columns_of(layer, input)
    direction, explicit = backward(layer, input, grad_output), gradient(layer, input, grad_output)
    eigenvalues = torch.linalg.svdvals(columns).square()
    eigenvalues = eigenvalues[eigenvalues > 1e-12 * eigenvalues.max()]
    kappa = (1 + layer.tau * eigenvalues.max()) / (1 + layer.tau * eigenvalues.min())
    cosine = (direction * explicit).sum() / (direction.norm() * explicit.norm())
    assert cosine > 0
    assert cosine >= 2 * kappa.sqrt() / (1 + kappa) - 1e-9


@SETTINGS
@given(problems, st.integers(1, 6))
def test_cg_direction_descends_for_every_unit(drawn, steps):
    layer, input, grad_output = problem(**drawn, solver="cg", cg_steps=steps)
    direction, explicit = backward(layer, input, grad_output), gradient(layer, input, grad_output)
    assert ((direction * explicit).sum(1) > 0).all()


@SETTINGS
@given(problems)
def test_exact_step_is_the_subproblems_minimum(drawn):
    layer, input, grad_output = problem(**drawn)
    columns = columns_of(layer, input)
    direction = backward(layer, input, grad_output)

    def objective(step):
        fit = 0.5 * (columns @ step.T - grad_output).square().sum()
        return fit + 0.5 / layer.tau * step.square().sum()

    step = direction.clone().requires_grad_()
    (slope,) = torch.autograd.grad(objective(step), step)
    assert slope.norm() <= 1e-9 * (gradient(layer, input, grad_output).norm() + 1e-300)


@SETTINGS
@given(problems)
def test_dual_and_primal_cg_agree_step_for_step(drawn):
    drawn["log_tau"] = min(drawn["log_tau"], 0.0)
    layer, input, grad_output = problem(**drawn)
    for steps in (1, 2, 3):
        found = []
        for route in ("dual", "primal", "dual-spectral", "primal-spectral"):
            weight, bias, _ = cg_direction(
                input, grad_output, 1 / layer.tau, steps, 0.0, True, route
            )
            found.append(torch.cat([weight, bias[:, None]], dim=1))
        for other in found[1:]:
            assert relative_error(other, found[0]) < 1e-6
