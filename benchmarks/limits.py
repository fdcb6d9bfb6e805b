"""Where full-batch descent first fails to lower the loss, over the limit predicted at the start.

``python -m benchmarks.limits``. Digits, float64, several seeds. The limit of plain gradient descent
is ``2/λ_max(∇²J)``, ProxProp's ``2/λ_max(P∇²J)``. The observed boundary is the least η at which
some step of the first ``--steps`` fails to lower the loss: sought from far below upwards, since
larger steps may happen to descend again, then bisected. All of it by running.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.table import Table
from torch import Tensor, nn

from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop import convert, param_groups
from proxprop.analysis.curvature import NetworkCurvature
from proxprop.data.dataset import load
from proxprop.models import build_model
from proxprop.spec.config import DataConfig, ModelConfig

FACTOR = 1.2  # within which a prediction counts as holding
TAU = 0.05
_PRECISION = 1.02  # of the observed boundary
_RTOL = 1e-2  # of the residual; the error of an eigenvalue is of the order of its square
_LOWEST, _HIGHEST = 1 / 64, 16.0  # where it is sought, in units of the limit
_STRIDE = 1.25  # of the search upwards

_NETS = ((32, 16), (128, 64))
_ACTIVATIONS = ("tanh", "relu")


class Method(NamedTuple):
    """A way to descend: its name, and the explicit layers' step size over η; None for plain."""

    name: str
    explicit_ratio: float | None


METHODS = (
    Method("plain", None),
    Method("ProxProp, last layer at η", 1.0),
    Method("ProxProp, last layer at η/100", 0.01),
)


def squared_error(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean over samples of half the squared distance to the one-hot target."""
    wanted = F.one_hot(targets, scores.shape[1]).to(scores.dtype)
    return 0.5 * (scores - wanted).square().sum(1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared error": squared_error,
    "cross-entropy": F.cross_entropy,
}


class Problem:
    """One network at its initial weights on one full batch.

    Args:
        widths: Of the hidden layers.
        activation: Name in the model catalog.
        loss: Name in `LOSSES`.
        seed: Of the initial weights.
        samples: How many digits; None for all.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        activation: str,
        loss: str,
        seed: int,
        samples: int | None = None,
    ) -> None:
        data = load(DataConfig(name="digits", validation=0.0, samples=samples))
        self.inputs = data.prepare(data.train.inputs, torch.float64)
        self.targets = data.train.targets
        self.loss = LOSSES[loss]
        model = ModelConfig.model_validate({"widths": widths, "activation": activation})
        self._new = lambda: build_model(
            model, data.shape, len(data.classes), seed, dtype=torch.float64
        )

    def model(self, method: Method) -> nn.Module:
        """Return the network at its initial weights, converted for the method."""
        model = self._new()
        if method.explicit_ratio is not None:
            convert(model, tau=TAU, solver="exact", skip_last=True)
        return model

    def predicted(self, method: Method) -> float:
        """Return the limit on η at the initial weights."""
        curvature = NetworkCurvature(
            self.model(method), self.loss, self.inputs, self.targets, rtol=_RTOL, max_steps=200
        )
        if method.explicit_ratio is None:
            return curvature.explicit_limit().limit
        return curvature.proximal_limit(explicit_ratio=method.explicit_ratio).limit

    def descends(self, method: Method, lr: float, steps: int) -> bool:
        """Run; return whether every step lowered the loss."""
        model = self.model(method)
        groups = param_groups(model, lr, lr * (method.explicit_ratio or 1.0))
        optimizer = torch.optim.SGD(groups, lr=lr)
        before = math.inf
        for step in range(steps + 1):
            optimizer.zero_grad()
            loss = self.loss(model(self.inputs), self.targets)
            if not loss.item() < before:
                return False
            before = loss.item()
            if step < steps:
                loss.backward()
                optimizer.step()
        return True

    def observed(self, method: Method, around: float, steps: int) -> tuple[float, float]:
        """Return the largest η found below every failure, and the least that fails; inf if none."""
        low, high = 0.0, around * _LOWEST
        while self.descends(method, high, steps):
            low, high = high, high * _STRIDE
            if high > around * _HIGHEST:
                return low, math.inf
        while low > 0 and high > low * _PRECISION:
            middle = math.sqrt(low * high)
            if self.descends(method, middle, steps):
                low = middle
            else:
                high = middle
        return low, high


def measure(problem: Problem, method: Method, steps: int) -> dict[str, Any]:
    """Return a method's predicted and observed limit on a problem, and how they compare."""
    predicted = problem.predicted(method)
    descends, fails = problem.observed(method, predicted, steps)
    ratio = fails / predicted if math.isfinite(fails) else None
    return {
        "method": method.name,
        "predicted": predicted,
        "descends": descends,
        "fails": fails if ratio is not None else None,
        "ratio": ratio,
        "within_factor": ratio is not None and 1 / FACTOR <= ratio <= FACTOR,
    }


def main() -> None:
    """Measure, print and write."""
    arguments = _arguments()
    console = make_console()
    started = time.perf_counter()
    rows = []
    for loss, activation, widths in itertools.product(LOSSES, _ACTIVATIONS, _NETS):
        for seed in range(arguments.seeds):
            problem = Problem(widths, activation, loss, seed)
            place = {"loss": loss, "activation": activation, "widths": widths, "seed": seed}
            rows += [{**place, **measure(problem, m, arguments.steps)} for m in METHODS]
        console.print(f"{time.perf_counter() - started:4.0f} s: {loss}, {activation}, {widths}")
    console.print(_table(rows))
    held = {loss: _held(row for row in rows if row["loss"] == loss) for loss in LOSSES}
    result = {
        "environment": environment(torch.device("cpu")),
        "steps": arguments.steps,
        "seeds": arguments.seeds,
        "tau": TAU,
        "factor": FACTOR,
        "within_factor": held,
        "rows": rows,
    }
    console.print(str(write_result("limits", result, arguments.output)))


def _held(rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Method → how many of its predictions hold."""
    found: dict[str, list[bool]] = {}
    for row in rows:
        found.setdefault(row["method"], []).append(row["within_factor"])
    return {name: f"{sum(values)} of {len(values)}" for name, values in found.items()}


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"observed / predicted at the start; * all within a factor {FACTOR}")
    for heading in ("loss", "activation", "net", *(method.name for method in METHODS)):
        table.add_column(heading)
    for key, group in itertools.groupby(rows, lambda r: (r["loss"], r["activation"], r["widths"])):
        members = list(group)
        cells = []
        for method in METHODS:
            own = [row for row in members if row["method"] == method.name]
            ratios = [row["ratio"] or math.inf for row in own]
            mark = " *" if all(row["within_factor"] for row in own) else ""
            cells.append(f"{min(ratios):.2f}-{max(ratios):.2f}{mark}")
        net = "-".join(map(str, (64, *key[2], 10)))
        table.add_row(key[0], key[1], net, *cells)
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="initial weights; default 3")
    parser.add_argument("--steps", type=int, default=40, help="steps of every run; default 40")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
