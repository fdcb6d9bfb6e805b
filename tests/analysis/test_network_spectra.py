"""What is measured of a network, against dense matrices, the paper's algorithms and the limits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from proxprop.analysis.capture import backpropagate
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.analysis.network_spectra import network_spectra
from proxprop.analysis.questions import SpectraQuestion
from proxprop.analysis.spectra import NetworkSpectra
from proxprop.analysis.state import StateError
from proxprop.data.dataset import epoch_permutation, load
from proxprop.models import build_model
from proxprop.penalty import Affine, conjugate_gradients
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Snapshot

CONFIG = RunConfig().replace(
    **{"model.widths": (12, 7), "batch_size": 40, "seed": 3, "optimizer.explicit_lr": 0.25}
)
CONV = RunConfig().replace(
    **{"model.name": "small-convnet", "model.widths": (3, 4), "batch_size": 10}
)


def measured(config: RunConfig, run: str | None = None) -> NetworkSpectra:
    """Return the spectra as they come out of the file they are kept in."""
    question = SpectraQuestion(config=config, run=run, taus=(0.01, 1.0))
    spectra = network_spectra(question, lambda doing, share: None)
    return NetworkSpectra.parse_json(spectra.model_dump_json())


def task(config: RunConfig) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    data = load(config.data)
    model = build_model(config.model, data.shape, len(data.classes), config.seed, torch.float64)
    order = epoch_permutation(config.seed, 0, len(data.train))[: config.batch_size]
    return model, data.prepare(data.train.inputs[order], torch.float64), data.train.targets[order]


@pytest.mark.parametrize("config", [CONFIG, CONV], ids=["linear", "conv"])
@pytest.mark.parametrize(("tau", "steps"), [(0.05, 2), (3.0, 1)])
def test_layers_respond_as_dense_steps_do(config: RunConfig, tau: float, steps: int) -> None:
    spectra = measured(config)
    model, inputs, targets = task(config)
    requests = backpropagate(model, F.cross_entropy, inputs, targets).requests
    assert [layer.name for layer in spectra.layers] == list(requests)
    for layer in spectra.layers:
        affine = Affine(1, layer.name, model.get_submodule(layer.name))
        rows = affine.rows(requests[layer.name][0])
        delta = affine.as_rows(requests[layer.name][1])
        left, singular, _ = torch.linalg.svd(rows, full_matrices=False)
        values, kept = singular.square(), len(layer.eigenvalues)
        np.testing.assert_allclose(layer.eigenvalues, values[:kept], rtol=1e-8)
        assert float(values[kept:].sum()) < 1e-12 * float(values[0])
        along = left.T @ delta / delta.norm()
        np.testing.assert_allclose(
            layer.energy, along.square().sum(dim=1)[:kept], rtol=1e-6, atol=1e-14
        )
        gradient = delta.T @ rows
        system = rows.T @ rows + torch.eye(rows.shape[1]).double() / tau
        *_, last = conjugate_gradients(rows, 1 / tau, gradient, steps)
        directions = {
            "explicit": tau * gradient,
            "exact": torch.linalg.solve(system, gradient.T).T,
            "cg": last.correction,
        }
        response = layer.response(tau, steps)
        for step, direction in directions.items():
            change = rows @ direction.T
            over = float((delta - change).norm() / delta.norm())
            assert response.overshoot[step] == pytest.approx(over, rel=1e-6), step
            delivered = (left.T @ change / delta.norm() * along).sum(dim=1)[:kept].numpy()
            np.testing.assert_allclose(
                response.gains[step] * layer.energy, delivered, rtol=1e-6, atol=1e-12
            )
        assert layer.lambda_max == pytest.approx(float(values[0]), rel=1e-9)
        smallest = float(values[kept - 1])
        condition = (1 + tau * float(values[0])) / (1 + tau * smallest)
        assert layer.condition(tau) == pytest.approx(condition, rel=1e-9)
        assert layer.trace == pytest.approx(float(values.sum()), rel=1e-10)
        assert layer.coverage == 1.0


def test_limits_are_the_networks() -> None:
    result = measured(CONFIG)
    model, inputs, targets = task(CONFIG)
    taus = dict.fromkeys([layer.name for layer in result.layers if layer.implicit], 1.0)
    assert list(taus) == [layer.name for layer in result.layers][:-1]
    curvature = NetworkCurvature(model, F.cross_entropy, inputs, targets, taus=taus, rtol=1e-6)
    assert result.sharpness == pytest.approx(curvature.explicit_limit().sharpness, rel=1e-2)
    assert [tau for tau, _ in result.proximal] == [0.01, CONFIG.direction.tau, 1.0]
    for tau, sharpness in result.proximal:
        exact = curvature.proximal_limit(tau=tau, explicit_ratio=0.25).sharpness
        assert sharpness == pytest.approx(exact, rel=1e-2)
    for tau, sharpness in result.implicit:
        still = curvature.proximal_limit(tau=tau, explicit_ratio=1e-9).sharpness
        assert sharpness == pytest.approx(still, rel=1e-2)
    assert result.loss == pytest.approx(F.cross_entropy(model(inputs), targets).item(), rel=1e-12)


def test_limit_between_measured_taus_lies_on_the_line_in_log_log() -> None:
    result = NetworkSpectra(
        samples=1, step=0, loss=1.0, sharpness=1.0, proximal=((0.01, 1.0), (1.0, 100.0)), layers=()
    )
    assert result.sharpness_at(0.1) == pytest.approx(10.0)
    assert result.sharpness_at(50.0) == pytest.approx(100.0)
    assert result.sharpness_at(0.1, alone=True) is None


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    opened = Store()
    yield opened
    opened.close()


def save(store: Store, run_id: str, model: torch.nn.Module) -> None:
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    Checkpoints(store, run_id).save(Snapshot(40, tensors, {}, "cadence"))


def test_weights_of_a_run_are_looked_into_on_the_first_batch(store: Store) -> None:
    model, inputs, targets = task(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7)
    run_id = store.create_run(CONFIG)
    save(store, run_id, model)
    spectra = measured(CONFIG, run_id)
    assert spectra.step == 40
    assert spectra.loss == pytest.approx(F.cross_entropy(model(inputs), targets).item(), rel=1e-12)


def test_weights_that_diverged_are_refused(store: Store) -> None:
    model, _, _ = task(CONFIG)
    with torch.no_grad():
        model[1].weight.fill_(torch.inf)
    run_id = store.create_run(CONFIG)
    save(store, run_id, model)
    with pytest.raises(StateError, match="diverged"):
        measured(CONFIG, run_id)


def test_threads_are_as_they_were() -> None:
    before = torch.get_num_threads()
    measured(CONFIG)
    assert torch.get_num_threads() == before


def test_strong_units_stand_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measured(CONFIG)
    monkeypatch.setattr("proxprop.analysis.network_spectra.UNITS", 5)
    part = measured(CONFIG)
    first = part.layers[0]
    assert first.components.shape[0] == 5
    strength = (whole.layers[0].components ** 2).sum(axis=1)
    assert first.coverage == pytest.approx(np.sort(strength)[-5:].sum() / strength.sum())
    np.testing.assert_allclose(first.energy, whole.layers[0].energy)
