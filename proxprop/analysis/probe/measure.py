"""Measuring a network: spectra and requests of its layers, sharpness of its loss. Needs torch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from proxprop.analysis.capture import backpropagate
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.probe.request import ProbeRequest
from proxprop.conversion import convert, iter_prox_layers
from proxprop.data.dataset import epoch_permutation, load
from proxprop.files import atomic_file
from proxprop.models import build_model
from proxprop.runs.checkpoints import MODEL_PREFIX
from proxprop.spec.config import RunConfig

Tell = Callable[[str, float | None], None]

UNITS = 64  # whose requests are kept; CG differs from unit to unit
SMALL = 200_000  # parameters
PARAMETERS = 3_000_000  # beyond that, Hessian-vector products take minutes
RTOL = 5e-3  # of λ_max: three digits are shown
STILL = 1e-6  # explicit layers' step over η, to see the implicit layers' limit alone
SECONDS = 20.0  # for the limits over all τ; the first ones are always computed


@dataclass(frozen=True)
class Batch:
    """The network on the batch it is probed with."""

    model: nn.Sequential
    inputs: Tensor
    targets: Tensor
    implicit: tuple[str, ...]


def measure(request: ProbeRequest, tell: Tell) -> dict[str, Any]:
    """Return the arrays of a result (see `proxprop.analysis.probe`).

    Raises:
        DataError: If the data cannot be had.
        ValueError: If weights do not fit the network, or the loss is not finite.
    """
    tell("Loading data and network", 0.0)
    batch = _batch(request)
    with torch.no_grad():
        loss = float(F.cross_entropy(batch.model(batch.inputs), batch.targets))
    if not np.isfinite(loss):
        raise ValueError("These weights give no finite loss: the run diverged. Choose another.")
    arrays: dict[str, Any] = {}
    layers = _layers(batch, arrays, tell)
    limits = _limits(request, batch, tell)
    meta = {
        "samples": len(batch.targets),
        "step": request.step,
        "loss": loss,
        **limits,
        "layers": layers,
    }
    return {"meta": np.array(json.dumps(meta)), **arrays}


def _batch(request: ProbeRequest) -> Batch:
    config = request.config
    data = load(config.data)
    model = build_model(
        config.model, data.shape, len(data.classes), config.seed, torch.float64
    ).eval()
    if request.weights is not None:
        _load_weights(model, Path(request.weights))
    if sum(parameter.numel() for parameter in model.parameters()) < SMALL:
        torch.set_num_threads(1)  # threads cost more than they save, much more on a busy machine
    convert(model, skip_last=config.direction.layers == "hidden")
    order = epoch_permutation(config.seed, 0, len(data.train))[: config.batch_size]
    inputs = data.prepare(data.train.inputs[order], torch.float64)
    implicit = tuple(name for name, _ in iter_prox_layers(model))
    return Batch(model, inputs, data.train.targets[order], implicit)


def _load_weights(model: nn.Module, path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"The weights in {path.name} cannot be read: {error}. Choose the initial ones."
        ) from error
    inside = {name: t for name, t in tensors.items() if name.startswith(MODEL_PREFIX)} or tensors
    plain = {name.removeprefix(MODEL_PREFIX): tensor.double() for name, tensor in inside.items()}
    try:
        model.load_state_dict(plain)
    except RuntimeError as error:
        raise ValueError(f"The weights in {path.name} do not fit this network: {error}") from error


def _layers(batch: Batch, arrays: dict[str, Any], tell: Tell) -> list[dict[str, Any]]:
    found = []
    requests = backpropagate(batch.model, F.cross_entropy, batch.inputs, batch.targets).requests
    for index, (name, (inputs, delta)) in enumerate(requests.items()):
        tell(f"Spectrum of layer {name}", 0.1 + 0.4 * index / len(requests))
        problem = LayerProblem(batch.model.get_submodule(name), inputs)
        fields = problem.asked(
            delta, name=name, implicit=name in batch.implicit, units=UNITS
        ).model_dump()
        for array in ("eigenvalues", "energy", "components"):
            arrays[f"{index}.{array}"] = np.array(fields.pop(array))
        found.append(fields)
    return found


def _limits(request: ProbeRequest, batch: Batch, tell: Tell) -> dict[str, Any]:
    parameters = sum(parameter.numel() for parameter in batch.model.parameters())
    if parameters > PARAMETERS:
        words = (
            f"The network's own limits are left out: {parameters:,} parameters are more than "
            f"{PARAMETERS:,}, and Hessian-vector products would take minutes."
        )
        return {"sharpness": None, "proximal": [], "implicit": [], "unavailable": words}
    tell("Curvature of the whole network", 0.5)
    curvature = NetworkCurvature(
        batch.model,
        F.cross_entropy,
        batch.inputs,
        batch.targets,
        taus=dict.fromkeys(batch.implicit, 1.0),
        rtol=RTOL,
    )
    plain = curvature.explicit_limit().sharpness
    whole, alone = _proximal(request, curvature, tell) if batch.implicit else ([], [])
    return {"sharpness": plain, "proximal": whole, "implicit": alone, "unavailable": ""}


def _proximal(
    request: ProbeRequest, curvature: NetworkCurvature, tell: Tell
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return (τ, sharpness) of the network, and with its explicit layers as good as still."""
    own = request.config.direction.tau
    ratio = explicit_ratio(request.config)
    deadline = time.monotonic() + SECONDS
    taus = sorted({own, *request.taus}, key=lambda tau: (tau != own, tau))
    whole: dict[float, float] = {}
    alone: dict[float, float] = {}
    for index, tau in enumerate(taus):
        if whole and time.monotonic() > deadline:
            break
        tell(f"The network's limit at τ = {tau:g}", 0.55 + 0.45 * index / len(taus))
        whole[tau] = curvature.proximal_limit(tau=tau, explicit_ratio=ratio).sharpness
        alone[tau] = curvature.proximal_limit(tau=tau, explicit_ratio=STILL).sharpness
    return sorted(whole.items()), sorted(alone.items())


def explicit_ratio(config: RunConfig) -> float:
    """Return the explicit layers' step size over η."""
    return config.optimizer.last_lr / config.optimizer.lr


def write(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write a result, whole or not at all."""
    with atomic_file(path) as file:
        np.savez(file, **arrays)
