"""States to trace: a small MLP and a small ConvNet, with the trace of each."""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor, nn

from proxprop.analysis.slow_motion.step import StepTrace
from proxprop.analysis.state import State
from proxprop.spec.config import RunConfig

LR, EXPLICIT_LR, TAU = 0.7, 0.3, 0.2


def mlp() -> tuple[nn.Sequential, tuple[int, ...]]:
    layers = [nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 4)]
    return nn.Sequential(*layers), (7,)


def convnet() -> tuple[nn.Sequential, tuple[int, ...]]:
    layers = [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 3 * 3, 4),
    ]
    return nn.Sequential(*layers), (2, 6, 6)


CASES = {"mlp": mlp, "convnet": convnet}


def state(case: str, solver: str = "cg", **changes: Any) -> State:
    """Return a state of 11 random samples with its settings."""
    torch.manual_seed(5)
    model, shape = CASES[case]()
    values = {
        "direction.solver": solver,
        "direction.tau": TAU,
        "direction.cg_steps": 3,
        "optimizer.lr": LR,
        "optimizer.explicit_lr": EXPLICIT_LR,
        **changes,
    }
    return State(
        RunConfig().replace(**values),
        model.double().eval(),
        torch.randn(11, *shape, dtype=torch.float64),
        torch.arange(11) % 4,
        0,
        "initial weights",
    )


def traced(case: str, solver: str = "cg", **changes: Any) -> tuple[State, dict[str, Any]]:
    """Return a state and its trace."""
    found = state(case, solver, **changes)
    return found, trace(found)


def trace(state: State) -> dict[str, Any]:
    """Return the step that a state takes next: all that `StepTrace` has to say of it.

    Raises:
        StateError: The weights or the loss are not finite.
    """
    step = StepTrace(state)
    return {**step.motion(), **step.findings()}


def decoded(image: dict[str, Any]) -> Tensor:
    """Return the cells of a picture as numbers; the inverse of `picture`, up to rounding."""
    cells = torch.frombuffer(bytearray(base64.b64decode(image["data"])), dtype=torch.int8)
    values: Tensor = cells.double() * (image["scale"] / 127)
    count = image.get("count", 1)
    values = values.reshape(count, image["rows"], image["cols"])
    return values if image["kind"] == "maps" else values[0]
