"""`trace`: one training step, both algorithms, every stage."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from proxprop.config import RunConfig
from proxprop.penalty import (
    PenaltyNetwork,
    StageKind,
    Variables,
    explicit_sweep,
    proximal_sweep,
)
from proxprop.slowmotion.checks import Objectives, checks
from proxprop.slowmotion.frames import FrameWriter, Paired
from proxprop.slowmotion.layer_step import layer_steps
from proxprop.slowmotion.measures import CgPaths, layer_measures
from proxprop.slowmotion.numbers import Steps
from proxprop.slowmotion.request import TraceRequest
from proxprop.slowmotion.source import State, Tell, prepare

FORMAT = 1


class TraceError(RuntimeError):
    """A step cannot be shown; the message says why and what to do."""


def _quiet(words: str, fraction: float | None) -> None:
    """Tell nobody."""


def trace(request: TraceRequest, tell: Tell = _quiet) -> dict[str, Any]:
    """Return one training step in slow motion, as JSON-able data.

    Algorithm 1 takes its explicit steps and Algorithm 2 its implicit ones, both of size η from the
    same weights and the same batch (Frerix et al. 2018), in float64.

    Args:
        request: Settings, and whose weights.
        tell: Called with words and the fraction done.

    Returns:
        ``setting``, ``layers``, ``frames``, ``measures`` and ``checks``.

    Raises:
        TraceError: The weights or the loss are not finite.
        ConfigError: The request is refused.
        DataError: The data cannot be had.
    """
    state = prepare(request, tell)
    return trace_state(state, tell)


def trace_state(state: State, tell: Tell = _quiet) -> dict[str, Any]:
    """Return the step that a prepared state takes next; see `trace`."""
    _check_finite(state)
    config, direction = state.config, state.config.direction
    cg_steps = direction.cg_steps if direction.solver == "cg" else None
    steps = Steps(config.optimizer.lr, config.optimizer.last_lr, direction.tau)
    network = PenaltyNetwork.from_model(state.model)
    tell("following both algorithms", 0.2)
    paired = _paired(state, steps, cg_steps)
    start = _start(network, state)
    sigmas = [_sigma(modules) for modules in network.transfer]
    writer = FrameWriter(network, start, steps, sigmas, cg_steps)
    objectives, paths = Objectives(), CgPaths(network, steps)
    overshoots: dict[int, float] = {}
    frames = []
    for side, stage, other in paired.stages():
        frames.append(writer.frame(side, stage, other))
        objectives.take(stage)
        paths.take(stage, start)
        if stage.kind is StageKind.THETA_IMPLICIT and stage.subproblem is not None:
            overshoots[stage.layer] = stage.subproblem.overshoot
    tell("checking against the layers", 0.7)
    layers = layer_steps(state, cg_steps)
    return {
        "format": FORMAT,
        "setting": _setting(state, steps, cg_steps, paired.results["explicit"].loss),
        "layers": _layers(network, sigmas, start),
        "frames": frames,
        "measures": layer_measures(
            network, paired.results, overshoots, paths.residuals, layers, steps
        ),
        "checks": checks(state, network, paired.results, objectives, layers, steps, cg_steps),
    }


def _paired(state: State, steps: Steps, cg_steps: int | None) -> Paired:
    task = state.model, state.inputs, state.targets, F.cross_entropy
    last = "implicit" if state.config.direction.layers == "all" else "explicit"
    return Paired(
        explicit_sweep(*task, lr=steps.lr, explicit_lr=steps.explicit_lr),
        proximal_sweep(
            *task,
            lr=steps.lr,
            explicit_lr=steps.explicit_lr,
            tau=steps.tau,
            cg_steps=cg_steps,
            last="implicit" if last == "implicit" else "explicit",
        ),
    )


def _start(network: PenaltyNetwork, state: State) -> Variables:
    theta = {layer.index: layer.theta() for layer in network.affine}
    first = state.inputs
    for module in network.prefix:
        first = module(first)
    return Variables(theta, {0: first}, {})


def _check_finite(state: State) -> None:
    with torch.no_grad():
        loss = float(F.cross_entropy(state.model(state.inputs), state.targets))
    if not math.isfinite(loss):
        raise TraceError(
            f"The loss at {state.words} is not finite: the run has diverged. Choose another run, "
            "or the initial weights."
        )


def _setting(state: State, steps: Steps, cg_steps: int | None, loss: float) -> dict[str, Any]:
    config: RunConfig = state.config
    return {
        "data": config.data.name,
        "model": config.model.name,
        "state": state.words,
        "step": state.step,
        "batch": len(state.inputs),
        "lr": steps.lr,
        "explicit_lr": steps.explicit_lr,
        "tau": steps.tau,
        "cg_steps": cg_steps,
        "loss": loss,
    }


def _layers(network: PenaltyNetwork, sigmas: list[str], start: Variables) -> list[dict[str, Any]]:
    found = []
    for affine in network.affine:
        theta = start.theta[affine.index]
        hidden = affine.index < network.depth
        found.append(
            {
                "layer": affine.index,
                "name": affine.name,
                "kind": "conv" if isinstance(affine.module, nn.Conv2d) else "linear",
                "sigma": sigmas[affine.index - 1] if hidden else "",
                "theta": list(theta.shape),
                "inputs": list(start.a[affine.index - 1].shape[1:]),
                "outputs": list(start.z[affine.index].shape[1:]) if hidden else [len(theta)],
            }
        )
    return found


def _sigma(modules: tuple[nn.Module, ...]) -> str:
    """Return what stands between two layers, in words: "ReLU", "ReLU and pooling"."""
    names = [_NAMES.get(type(module).__name__, type(module).__name__) for module in modules]
    told = [name for name in names if name]
    return " and ".join(told) if told else "The identity"


_NAMES = {"MaxPool2d": "pooling", "AvgPool2d": "pooling", "Flatten": "", "Identity": ""}
