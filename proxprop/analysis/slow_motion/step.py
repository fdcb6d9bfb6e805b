"""One training step, both algorithms, every stage."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import nn

from proxprop.analysis.slow_motion.findings import Findings, StepSizes, SweepNotes
from proxprop.analysis.slow_motion.frames import FrameWriter, PairedSweeps
from proxprop.analysis.slow_motion.progress import StageProgress
from proxprop.analysis.state import State
from proxprop.data.source import quiet
from proxprop.penalty import PenaltyNetwork, Variables, explicit_sweep, proximal_sweep
from proxprop.spec.controls import Report

FORMAT = 2
_NAMES = {"MaxPool2d": "pooling", "AvgPool2d": "pooling", "Flatten": "", "Identity": ""}


class StepTrace:
    """One step in two parts, so that a player need not wait for what stands beside it.

    Algorithm 1 takes its explicit steps and Algorithm 2 its implicit ones, both of size η from the
    same weights and the same batch (Frerix et al. 2018), in float64.

    Args:
        state: Weights and batch.

    Raises:
        StateError: The weights or the loss are not finite.
    """

    def __init__(self, state: State) -> None:
        state.loss()  # refuses one that is not finite
        direction, optimizer = state.config.direction, state.config.optimizer
        self.state = state
        self.cg_steps = direction.cg_steps if direction.solver == "cg" else None
        self.steps = StepSizes(optimizer.lr, optimizer.last_lr, direction.tau)
        self.network = PenaltyNetwork.from_model(state.model)
        self._notes = SweepNotes()
        self._sweeps = self._paired_sweeps()

    def motion(self, report: Report = quiet) -> dict[str, Any]:
        """Follow both algorithms; return ``setting``, ``layers`` and ``frames``."""
        network = self.network
        start = Variables.given(network, self.state.inputs)
        sigmas = [_sigma(modules) for modules in network.transfer]
        writer = FrameWriter(network, start, self.steps, sigmas, self.cg_steps, self._notes)
        last = self.state.config.direction.layers == "all"
        progress = StageProgress(network, start.a[0], self.cg_steps, last)
        frames = []
        report("the forward pass", 0.0)
        for side, stage, other in self._sweeps.stages():
            frames.append(writer.frame(side, stage, other))
            self._notes.take(stage)
            title = f"{frames[-1]['title']}, layer {stage.layer} of {network.depth}"
            report(title, progress(stage))
        return {
            "format": FORMAT,
            "setting": self._setting(),
            "layers": _layers(network, sigmas, start),
            "frames": frames,
        }

    def findings(self, report: Report = quiet) -> dict[str, Any]:
        """Measure and check what `motion` followed; return ``measures`` and ``checks``."""
        followed = self._sweeps.results, self._notes
        findings = Findings(self.state, self.network, self.steps, self.cg_steps, *followed)
        return findings.measured(report)

    def _paired_sweeps(self) -> PairedSweeps:
        state, steps = self.state, self.steps
        task = self.network, state.inputs, state.targets, F.cross_entropy
        return PairedSweeps(
            explicit_sweep(*task, lr=steps.lr, explicit_lr=steps.explicit_lr),
            proximal_sweep(
                *task,
                lr=steps.lr,
                explicit_lr=steps.explicit_lr,
                tau=steps.tau,
                cg_steps=self.cg_steps,
                last="implicit" if state.config.direction.layers == "all" else "explicit",
            ),
        )

    def _setting(self) -> dict[str, Any]:
        state = self.state
        return {
            "data": state.config.data.name,
            "model": state.config.model.name,
            "state": state.origin,
            "step": state.step,
            "batch": len(state.inputs),
            **self.steps._asdict(),
            "cg_steps": self.cg_steps,
            "loss": self._sweeps.results["explicit"].loss,
        }


def _layers(network: PenaltyNetwork, sigmas: list[str], start: Variables) -> list[dict[str, Any]]:
    rows = []
    for affine in network.affine:
        theta = start.theta[affine.index]
        hidden = affine.index < network.depth
        rows.append(
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
    return rows


def _sigma(modules: tuple[nn.Module, ...]) -> str:
    """Return what stands between two layers, in words: "ReLU", "ReLU and pooling"."""
    names = [_NAMES.get(type(module).__name__, type(module).__name__) for module in modules]
    return " and ".join(name for name in names if name) or "The identity"
