"""What a probe measures, against the library's own layers and limits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from proxprop.analysis.capture import backpropagate
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.analysis.layer_problem import LayerProblem, layer_spectrum
from proxprop.analysis.probe import ProbeRequest, ProbeResult, layer_views, read_result
from proxprop.analysis.probe.measure import measure, write
from proxprop.data.dataset import epoch_permutation, load
from proxprop.models import build_model
from proxprop.spec.config import RunConfig

CONFIG = RunConfig().replace(
    **{"model.widths": (12, 7), "batch_size": 40, "seed": 3, "optimizer.explicit_lr": 0.25}
)
CONV = RunConfig().replace(
    **{"model.name": "small-convnet", "model.widths": (3, 4), "batch_size": 10}
)


def probe(config: RunConfig, folder: Path, weights: str | None = None) -> ProbeResult:
    request = ProbeRequest(config=config, weights=weights, taus=(0.01, 1.0))
    write(folder / "result.npz", measure(request, lambda words, progress: None))
    return read_result(folder / "result.npz")


def task(config: RunConfig) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    data = load(config.data)
    model = build_model(config.model, data.shape, len(data.classes), config.seed, torch.float64)
    order = epoch_permutation(config.seed, 0, len(data.train))[: config.batch_size]
    return model, data.prepare(data.train.inputs[order], torch.float64), data.train.targets[order]


@pytest.mark.parametrize("config", [CONFIG, CONV], ids=["linear", "conv"])
@pytest.mark.parametrize(("tau", "steps"), [(0.05, 2), (3.0, 1)])
def test_layers_respond_as_the_library_says(
    config: RunConfig, tau: float, steps: int, tmp_path: Path
) -> None:
    result = probe(config, tmp_path)
    model, inputs, targets = task(config)
    requests = backpropagate(model, F.cross_entropy, inputs, targets).requests
    views = layer_views(result.layers, tau, steps)
    assert [view.probe.name for view in views] == list(requests)
    for view in views:
        layer = model.get_submodule(view.probe.name)
        received, delta = requests[view.probe.name]
        expected = LayerProblem(layer, received).asked(delta).response(tau, steps)
        np.testing.assert_allclose(view.probe.eigenvalues, expected.layer.eigenvalues, rtol=1e-9)
        np.testing.assert_allclose(view.probe.energy, expected.layer.energy, rtol=1e-8, atol=1e-14)
        for step in ("explicit", "exact"):
            np.testing.assert_allclose(view.gains[step], expected.gains[step], rtol=1e-9)
        # Directions without a share of the request have no gain of their own under CG.
        asked = view.probe.energy > 1e-10
        cg = expected.gains["cg"]
        np.testing.assert_allclose(view.gains["cg"][asked], cg[asked], rtol=1e-6, atol=1e-9)
        assert view.overshoot == pytest.approx(expected.overshoot, rel=1e-6)
        spectrum = layer_spectrum(layer, requests[view.probe.name][0])
        assert view.probe.lambda_max == pytest.approx(spectrum.lambda_max, rel=1e-9)
        assert view.condition == pytest.approx(spectrum.condition(tau), rel=1e-9)
        assert view.probe.coverage == 1.0


def test_limits_are_the_networks(tmp_path: Path) -> None:
    result = probe(CONFIG, tmp_path)
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
    result = ProbeResult(1, 0, 1.0, 1.0, ((0.01, 1.0), (1.0, 100.0)), (), "", ())
    assert result.sharpness_at(0.1) == pytest.approx(10.0)
    assert result.sharpness_at(50.0) == pytest.approx(100.0)
    assert result.sharpness_at(0.1, alone=True) is None


def test_weights_of_a_run_are_looked_into(tmp_path: Path) -> None:
    model, inputs, targets = task(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7)
    file = tmp_path / "0000000007.safetensors"
    save_file({f"model/{name}": tensor for name, tensor in model.state_dict().items()}, file)
    result = probe(CONFIG, tmp_path, str(file))
    assert result.loss == pytest.approx(F.cross_entropy(model(inputs), targets).item(), rel=1e-12)


def test_strong_units_stand_for_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = probe(CONFIG, tmp_path)
    monkeypatch.setattr("proxprop.analysis.probe.measure.UNITS", 5)
    part = probe(CONFIG, tmp_path)
    first = part.layers[0]
    assert first.components.shape[0] == 5
    strength = (whole.layers[0].components ** 2).sum(axis=1)
    assert first.coverage == pytest.approx(np.sort(strength)[-5:].sum() / strength.sum())
    np.testing.assert_allclose(first.energy, whole.layers[0].energy)


def test_process_refuses_in_words(tmp_path: Path) -> None:
    question, answer = tmp_path / "question.json", tmp_path / "answer.npz"
    broken = tmp_path / "w.safetensors"
    broken.write_bytes(b"nothing of the kind")
    request = ProbeRequest(config=CONFIG, weights=str(broken))
    question.write_text(request.model_dump_json())
    process = subprocess.Popen(
        [sys.executable, "-m", "proxprop.analysis.probe", str(question), str(answer)],
        stdin=subprocess.PIPE,  # kept open: its end would end the process
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout]
    assert process.returncode == 1
    assert "w.safetensors cannot be read" in lines[-1]["error"]
    assert not answer.exists()
