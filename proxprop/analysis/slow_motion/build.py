"""`trace`: one training step, both algorithms, every stage."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from proxprop.analysis.slow_motion.checks import Objectives, checks
from proxprop.analysis.slow_motion.frames import FrameWriter, Paired
from proxprop.analysis.slow_motion.layer_step import layer_steps
from proxprop.analysis.slow_motion.measures import CgPaths, layer_measures
from proxprop.analysis.slow_motion.numbers import Steps
from proxprop.analysis.slow_motion.plain import plain_pass
from proxprop.analysis.slow_motion.progress import Progress
from proxprop.analysis.slow_motion.request import TraceRequest
from proxprop.analysis.slow_motion.source import State, Tell, prepare
from proxprop.penalty import (
    PenaltyNetwork,
    StageKind,
    SweepResult,
    Variables,
    explicit_sweep,
    proximal_sweep,
)
from proxprop.spec.config import RunConfig

FORMAT = 2


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
    return trace_state(prepare(request, tell), tell)


def trace_state(state: State, tell: Tell = _quiet) -> dict[str, Any]:
    """Return the step that a prepared state takes next; see `trace`."""
    step = StepTrace(state)
    return {**step.motion(tell), **step.findings(tell)}


class StepTrace:
    """One step in two parts, so that a player need not wait for what is told beside it.

    Args:
        state: Weights and batch.

    Raises:
        TraceError: The weights or the loss are not finite.
    """

    def __init__(self, state: State) -> None:
        _check_finite(state)
        config, direction = state.config, state.config.direction
        self.state = state
        self.cg_steps = direction.cg_steps if direction.solver == "cg" else None
        self.steps = Steps(config.optimizer.lr, config.optimizer.last_lr, direction.tau)
        self.network = PenaltyNetwork.from_model(state.model)
        self._objectives, self._paths = Objectives(), CgPaths()
        self._results: dict[str, SweepResult] = {}
        self._overshoots: dict[str, dict[int, float]] = {}

    def motion(self, tell: Tell = _quiet) -> dict[str, Any]:
        """Follow both algorithms; return ``setting``, ``layers`` and ``frames``."""
        network, state = self.network, self.state
        paired = _paired(network, state, self.steps, self.cg_steps)
        start = _start(network, state)
        sigmas = [_sigma(modules) for modules in network.transfer]
        writer = FrameWriter(network, start, self.steps, sigmas, self.cg_steps)
        implicit: dict[int, float] = {}
        progress = Progress(
            network, start.a[0], self.cg_steps, state.config.direction.layers == "all"
        )
        frames = []
        tell("the forward pass", 0.0)
        for side, stage, other in paired.stages():
            frames.append(writer.frame(side, stage, other))
            self._objectives.take(stage)
            self._paths.take(stage)
            if stage.kind is StageKind.THETA_IMPLICIT and stage.subproblem is not None:
                implicit[stage.layer] = stage.subproblem.overshoot
            tell(f"{frames[-1]['title']}, layer {stage.layer} of {network.depth}", progress(stage))
        self._results = paired.results
        self._overshoots = {"implicit": implicit, "matched": writer.matched}
        return {
            "format": FORMAT,
            "setting": _setting(state, self.steps, self.cg_steps, self._results["explicit"].loss),
            "layers": _layers(network, sigmas, start),
            "frames": frames,
        }

    def findings(self, tell: Tell = _quiet) -> dict[str, Any]:
        """Measure and check what `motion` followed; return ``measures`` and ``checks``."""
        tell("plain backpropagation", 0.0)
        plain = plain_pass(self.state)
        tell("the same step by the layers", 0.2)
        layers = layer_steps(self.state, plain, self.cg_steps)
        tell("comparing", 0.9)
        found = self._results, self._objectives, layers, self.steps, self.cg_steps
        return {
            "measures": layer_measures(
                self.network,
                self._results,
                self._overshoots["implicit"],
                self._overshoots["matched"],
                self._paths.residuals,
                layers,
            ),
            "checks": checks(self.state, plain, self.network, *found),
        }


def _paired(network: PenaltyNetwork, state: State, steps: Steps, cg_steps: int | None) -> Paired:
    task = network, state.inputs, state.targets, F.cross_entropy
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
