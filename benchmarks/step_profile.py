"""Where a proximal step of the paper's ConvNet spends its time.

``python -m benchmarks.step_profile`` prints and writes it.

Each part is timed inside the running step, layer by layer; its median over the steps is shown.
Beside the Gram stand two floors that no implementation of it gets under: its multiply-adds at the
speed of a large matrix product, and one reading of the layer's input at the speed of a copy.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.table import Table
from torch import Tensor

from benchmarks.allocator import keep_freed_memory
from benchmarks.cases import CONTENDERS, Case, Contender, make_batches
from benchmarks.provenance import RESULTS, environment, make_console, write_result
from proxprop.conversion import iter_prox_layers
from proxprop.core import conv
from proxprop.core.gram.patches import gram_costs

PARTS = ("forward", "input gradient", "weight gradient", "Gram", "factor and solve")
# What each part is called in the backward pass.
TIMED = (
    (conv.Convolution, "input_gradient", "input gradient"),
    (conv.Convolution, "direction", "direction"),
    (conv, "patch_gram", "Gram"),
    (conv, "_accurate_gradient", "weight gradient"),
)
Laps = dict[tuple[str, str], float]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=500, help="batch size; default 500")
    parser.add_argument("--steps", type=int, default=24, help="steps of each; default 24")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the JSON")
    arguments = parser.parse_args()
    memory = keep_freed_memory()
    device = torch.device("cpu")
    console = make_console()
    started = time.perf_counter()
    case = Case(f"ConvNet, batch {arguments.batch}", "paper-convnet", "adam", arguments.batch)
    found = profile_step(case, arguments.steps)
    seconds = time.perf_counter() - started
    console.print(table(case, found))
    result = {
        "environment": {**environment(device), "memory": memory},
        "took_seconds": round(seconds, 1),
        "batch": arguments.batch,
        "steps": arguments.steps,
        **found,
    }
    console.print(write_result("step_profile_cpu", result, arguments.output))


def profile_step(case: Case, steps: int) -> dict[str, Any]:
    """Median milliseconds by layer and part for the exact step, whole steps, and the floors."""
    device = torch.device("cpu")
    batches = make_batches(case.batch_size, device)
    plain = Contender(case, None, device)
    exact = Contender(case, CONTENDERS["exact"], device)
    laps: Laps = {}
    shapes: dict[str, tuple[int, ...]] = {}
    whole: dict[str, list[float]] = defaultdict(list)
    parts: dict[tuple[str, str], list[float]] = defaultdict(list)
    with _instrumented(exact, laps, shapes):
        for number in range(steps + 3):
            batch = batches[number % len(batches)]
            for name, contender in (("plain", plain), ("exact", exact)):
                laps.clear()
                seconds = _timed(lambda: contender.step(*batch))  # noqa: B023
                if number >= 3:
                    whole[name].append(seconds)
            if number >= 3:
                for key, value in laps.items():
                    parts[key].append(value)
    medians = {key: 1e3 * float(np.median(values)) for key, values in parts.items()}
    layers = {name: _layer(medians, name) for name in shapes}
    for name, layer in iter_prox_layers(exact.model):
        layers[name]["floors"] = _floors(shapes[name], layer)
    return {
        "layers": layers,
        "step": {name: 1e3 * float(np.median(values)) for name, values in whole.items()},
        "ratio": float(np.median(np.divide(whole["exact"], whole["plain"]))),
    }


def _layer(medians: dict[tuple[str, str], float], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {part: medians.get((name, part), 0.0) for part in PARTS}
    inside = found["Gram"] + found["weight gradient"]
    found["factor and solve"] = medians[name, "direction"] - inside
    return found


@contextmanager
def _instrumented(
    contender: Contender, laps: Laps, shapes: dict[str, tuple[int, ...]]
) -> Iterator[None]:
    """Time the parts of every proximal convolution; a layer is known by its input's shape."""
    with ExitStack() as stack:
        for name, layer in iter_prox_layers(contender.model):
            before, after = _forward_hooks(name, laps, shapes)
            stack.callback(layer.register_forward_pre_hook(before).remove)
            stack.callback(layer.register_forward_hook(after).remove)
        for owner, function, part in TIMED:
            call = _counted(getattr(owner, function), part, laps, shapes)
            stack.enter_context(patch.object(owner, function, call))
        yield


def _forward_hooks(
    name: str, laps: Laps, shapes: dict[str, tuple[int, ...]]
) -> tuple[Callable[..., None], Callable[..., None]]:
    def before(layer: object, inputs: tuple[Tensor, ...]) -> None:
        shapes[name] = tuple(inputs[0].shape)
        laps[name, "forward"] = -time.perf_counter()

    def after(*_: object) -> None:
        laps[name, "forward"] += time.perf_counter()

    return before, after


def _counted(
    function: Callable[..., Any], part: str, laps: Laps, shapes: dict[str, tuple[int, ...]]
) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        input = next(argument for argument in arguments if isinstance(argument, Tensor))
        name = next(name for name, known in shapes.items() if known == tuple(input.shape))
        started = time.perf_counter()
        result = function(*arguments, **named)
        laps[name, part] = laps.get((name, part), 0.0) + time.perf_counter() - started
        return result

    return call


def _floors(shape: tuple[int, ...], layer: Any) -> dict[str, float]:
    """Milliseconds of the Gram's multiply-adds and of reading its input, at their best speeds."""
    size = 1024
    left = torch.randn(size, size)
    per_add = min(_timed(lambda: left @ left) for _ in range(5)) / size**3
    source = torch.randn(1 << 25)
    target = torch.empty_like(source)
    per_byte = min(_timed(lambda: target.copy_(source)) for _ in range(5)) / (8 * source.numel())
    adds = min(gram_costs(shape, layer.geometry).values())
    return {"products": 1e3 * adds * per_add, "reading": 4e3 * np.prod(shape) * per_byte}


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def table(case: Case, found: dict[str, Any]) -> Table:
    """The profile as people read it, in milliseconds."""
    shown = Table(title=f"{case.name}, exact, ms", title_justify="left")
    for column in ("", *PARTS, "Gram's products", "reading its input"):
        shown.add_column(column, justify="left" if column == "" else "right")
    for name, entry in found["layers"].items():
        values = [entry[part] for part in PARTS] + list(entry["floors"].values())
        shown.add_row(name, *(f"{value:.1f}" for value in values))
    sums = [sum(entry[part] for entry in found["layers"].values()) for part in PARTS]
    shown.add_row("all", *(f"{value:.1f}" for value in sums))
    step = found["step"]
    rest = step["exact"] - sum(sums)
    shown.caption = (
        f"whole step: plain {step['plain']:.1f}, exact {step['exact']:.1f} "
        f"(of it outside the proximal layers {rest:.1f}), ratio {found['ratio']:.2f}"
    )
    return shown


if __name__ == "__main__":
    main()
