"""The zoo: what `convert` does to models that people bring: ``python -m benchmarks.zoo``.

Writes docs/zoo.md: of every torchvision classification family a small variant, and small
transformers (:mod:`benchmarks.zoo_blocks`). Every model is converted with an example and takes one
training step.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torchvision.models.maxvit import MaxVit

from benchmarks.provenance import read_result
from benchmarks.zoo_blocks import BLOCKS, CLASSES, TOKENS, Transformer
from proxprop.conversion import ConversionReport, convert, iter_prox_layers
from proxprop.groups import param_groups

PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
# torchvision's constructors, and the side of the smallest square image that each takes well.
NETWORKS = {
    "alexnet": 64,
    "convnext_tiny": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "googlenet": 64,
    "inception_v3": 299,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_y_400mf": 32,
    "resnet18": 32,
    "resnext50_32x4d": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_0": 32,
    "swin_t": 32,
    "swin_v2_t": 32,
    "vgg11": 32,
    "vgg11_bn": 32,
    "vit_b_16": 32,
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": False},  # torch's defaults; the original's take a minute
    "inception_v3": {"init_weights": False},
    "vit_b_16": {"image_size": 32},
}


class Entry(NamedTuple):
    """A model of the zoo.

    Attributes:
        build: Makes it.
        batch: Makes what it takes, of so many samples.
    """

    build: Callable[[], nn.Module]
    batch: Callable[[int], Tensor]


def images(side: int, count: int) -> Tensor:
    """Random images."""
    return torch.randn(count, 3, side, side)


def tokens(count: int) -> Tensor:
    """Random tokens."""
    return torch.randint(0, 50, (count, TOKENS))


def small_maxvit() -> nn.Module:
    """The family's smallest: its windows do not fit small images otherwise."""
    return MaxVit((32, 32), 16, 2, [16, 32], [1, 1], 8, 0.0, num_classes=CLASSES)


def entries() -> dict[str, Entry]:
    """The models by name."""
    zoo = {}
    for name, side in NETWORKS.items():
        build = getattr(torchvision.models, name)
        options = {"num_classes": CLASSES, **_OPTIONS.get(name, {})}
        zoo[name] = Entry(partial(build, **options), partial(images, side))
    zoo["maxvit (small)"] = Entry(small_maxvit, partial(images, 32))
    zoo = dict(sorted(zoo.items()))
    for block in BLOCKS:
        zoo[f"{block.__name__} blocks"] = Entry(partial(Transformer, block), tokens)
    return zoo


def loss_of(model: nn.Module, batch: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, summed over a model's outputs (GoogLeNet has three)."""
    outputs = tree_leaves(model(batch))
    return torch.stack([F.cross_entropy(output, labels) for output in outputs]).sum()


def step(model: nn.Module, batch: Tensor, labels: Tensor) -> set[str]:
    """Take one small step; return the names of the layers that solved."""
    solved: set[str] = set()
    for name, layer in iter_prox_layers(model):
        layer.observer = lambda _, name=name: solved.add(name)
    optimizer = torch.optim.SGD(param_groups(model, 1e-2, 1e-3), lr=1e-2)
    loss_of(model, batch, labels).backward()
    optimizer.step()
    for _, layer in iter_prox_layers(model):
        layer.observer = None
    return solved


def row(name: str, report: ConversionReport, solved: set[str]) -> str:
    """One line of the table."""
    reasons = Counter(_summary(path, reason) for path, reason in report.skipped)
    explicit = "; ".join(f"{why} × {count}" if count > 1 else why for why, count in reasons.items())
    return f"| {name} | {len(report.converted)} | {len(solved)} | {explicit} |"


def _summary(path: str, reason: str) -> str:
    if reason.startswith("an output layer"):
        return f"output layer `{path}`"
    return re.sub(r" has no implicit step$", "", reason)


def table() -> str:
    """The page's table; every model is built, converted and takes a step."""
    lines = ["| model | converted | solved | explicit, and why |", "|---|---|---|---|"]
    for name, entry in entries().items():
        torch.manual_seed(0)
        model, batch = entry.build(), entry.batch(2)
        report = convert(model, batch)
        lines.append(row(name, report, step(model, batch, torch.arange(2))))
        print(lines[-1], flush=True)
    return "\n".join(lines)


_PAGE = """# The zoo

What `convert(model, example)` does to models that people bring, and how many of the converted
layers solved in one training step. Written by `python -m benchmarks.zoo` and held to by
`tests/drop_in/test_zoo.py`. A kind of module that is named alone has no implicit step.

"""


_STEPS = """The README's recipe (`tau=0.05`, SGD with Nesterov momentum 0.95, `lr=10`,
`explicit_lr=0.05`) on one batch of 16 photographs of 64 pixels, from initial weights. Where a step
raises the loss, again with `explicit_lr=0.005`: that is what to set where much of a network is
explicit, as attention that reads its weights without calling a layer is. Losses are those of
training mode: the paths that Swin drops at random make its noisy, and GoogLeNet's is the sum of
three outputs'. Made by `python -m benchmarks.zoo_steps`."""


def steps_section(result: dict[str, Any] | None) -> str:
    """The page's second table, of what :mod:`benchmarks.zoo_steps` found."""
    if result is None:
        return ""
    lines = [
        "",
        "## Five steps",
        "",
        _STEPS,
        "",
        "| model | explicit_lr | loss before each step, and after |",
    ]
    lines.append("|---|---|---|")
    for entry in result["rows"]:
        seen = ", ".join(f"{loss:.2f}" for loss in entry["losses"])
        lines.append(f"| {entry['model']} | {entry['explicit_lr']:g} | {seen} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = _PAGE + table() + "\n" + steps_section(read_result("zoo_steps"))
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
