"""Measuring a whole network on one batch: spectra and requests of its layers, limits of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F

from proxprop.analysis.capture import backpropagate
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.questions import SpectraQuestion
from proxprop.analysis.spectra import LayerSpectrum, NetworkSpectra
from proxprop.analysis.state import State, load_state
from proxprop.conversion import convert, iter_prox_layers
from proxprop.spec.controls import Report

UNITS = 64  # whose requests are kept; CG differs from unit to unit
SMALL = 200_000  # parameters
PARAMETERS = 3_000_000  # beyond that, Hessian-vector products take minutes
RTOL = 5e-3  # of λ_max: three digits are shown
STILL = 1e-6  # explicit layers' step over η, to see the implicit layers' limit alone
SECONDS = 20.0  # for the limits over all τ; the first ones are always computed


def network_spectra(question: SpectraQuestion, report: Report) -> NetworkSpectra:
    """Return what there is to know of a network on its first training batch.

    Args:
        question: Which network, and the values of τ.
        report: Called with what is done and the fraction done.

    Raises:
        DataError: The data cannot be had.
        StateError: The loss is not finite, or weights do not fit the network.
        CheckpointError: The run's weights cannot be read.
    """
    state = load_state(question, report, batch=0)
    loss, direction = state.loss(), question.config.direction
    convert(state.model, skip_last=direction.layers == "hidden")
    implicit = [name for name, _ in iter_prox_layers(state.model)]
    parameters = sum(parameter.numel() for parameter in state.model.parameters())
    with _threads(1 if parameters < SMALL else torch.get_num_threads()):
        layers = _layers(state, implicit, report)
        if parameters > PARAMETERS:
            limits: dict[str, Any] = {
                "unavailable": f"The network's own limits are left out: {parameters:,} parameters "
                f"are more than {PARAMETERS:,}, and Hessian-vector products would take minutes."
            }
        else:
            limits = _limits(question, state, implicit, report)
    return NetworkSpectra(
        samples=len(state.targets), step=state.step, loss=loss, layers=layers, **limits
    )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch compute with so many threads.

    On a small network threads cost more than they save, much more on a busy machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _layers(state: State, implicit: list[str], report: Report) -> tuple[LayerSpectrum, ...]:
    layers = []
    requests = backpropagate(state.model, F.cross_entropy, state.inputs, state.targets).requests
    for index, (name, (inputs, delta)) in enumerate(requests.items()):
        report(f"Spectrum of layer {name}", 0.1 + 0.4 * index / len(requests))
        problem = LayerProblem(state.model.get_submodule(name), inputs)
        layers.append(problem.asked(delta, name=name, implicit=name in implicit, units=UNITS))
    return tuple(layers)


def _limits(
    question: SpectraQuestion, state: State, implicit: list[str], report: Report
) -> dict[str, Any]:
    """Return λ_max of the network, (τ, λ_max) with its steps, and with explicit layers still."""
    report("Curvature of the whole network", 0.5)
    curvature = NetworkCurvature(
        state.model,
        F.cross_entropy,
        state.inputs,
        state.targets,
        taus=dict.fromkeys(implicit, 1.0),
        grams=state.grams,
        rtol=RTOL,
    )
    plain = curvature.explicit_limit().sharpness
    config = question.config
    own, ratio = config.direction.tau, config.optimizer.last_lr / config.optimizer.lr
    deadline = time.monotonic() + SECONDS
    taus = sorted({own, *question.taus}, key=lambda tau: (tau != own, tau)) if implicit else []
    whole: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    for index, tau in enumerate(taus):
        if whole and time.monotonic() > deadline:
            break
        report(f"The network's limit at τ = {tau:g}", 0.55 + 0.45 * index / len(taus))
        for pairs, share in ((whole, ratio), (alone, STILL)):
            limit = curvature.proximal_limit(tau=tau, explicit_ratio=share)
            pairs.append((tau, limit.sharpness))
    return {"sharpness": plain, "proximal": sorted(whole), "implicit": sorted(alone)}
