"""Five steps by the README's recipe on photographs: ``python -m benchmarks.zoo_steps ARCHIVE``.

Six of torchvision's networks, each at its initial weights, on one batch of 16 images of 8 classes,
enlarged to 64 pixels; where a step raises the loss, again with a tenth of the explicit layers'
learning rate. The archive holds class folders of pictures (CIFAR-10 as JPEGs, say). Rows of
models that are not named stay as they are in the result.
"""

from __future__ import annotations

import argparse
import tarfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor

from benchmarks.provenance import RESULTS, environment, make_console, read_result, write_result
from benchmarks.zoo import loss_of
from proxprop import convert, param_groups

MODELS: dict[str, dict[str, Any]] = {
    "densenet121": {},
    "googlenet": {"init_weights": False},
    "mobilenet_v3_small": {},
    "swin_t": {},
    "swin_v2_t": {},
    "vit_b_16": {"image_size": 64},
}
SIDE, CLASSES, EACH, STEPS = 64, 8, 2, 5


def photographs(archive: Path) -> tuple[Tensor, Tensor]:
    """The first images of the first classes, about −2 to 2, and their labels."""
    found: dict[str, list[Tensor]] = {}
    with tarfile.open(archive) as files:
        for member in files:
            path = Path(member.name)
            content = files.extractfile(member)
            if content is None or len(found.get(path.parent.name, ())) == EACH:
                continue
            picture = Image.open(content).convert("RGB")
            pixels = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
            pictures = found.setdefault(path.parent.name, [])
            pictures.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 63.75 - 2)
            if len(found) == CLASSES and len(pictures) == EACH:
                break
    labels = torch.arange(len(found)).repeat_interleave(EACH)
    return torch.stack([picture for pictures in found.values() for picture in pictures]), labels


def losses(name: str, explicit_lr: float, inputs: Tensor, labels: Tensor) -> list[float]:
    """The training loss before each step and after the last."""
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(num_classes=CLASSES, **MODELS[name])
    convert(model, inputs[:2], tau=0.05)
    optimizer = torch.optim.SGD(
        param_groups(model, lr=10.0, explicit_lr=explicit_lr), lr=10.0, momentum=0.95, nesterov=True
    )
    seen = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, inputs, labels)
        loss.backward()
        optimizer.step()
        seen.append(round(float(loss.detach()), 3))
    with torch.no_grad():
        return [*seen, round(float(loss_of(model, inputs, labels)), 3)]


def falls(seen: list[float]) -> bool:
    """Whether every step lowered the loss."""
    return all(after < before for before, after in pairwise(seen))


def main() -> None:
    """Train the six, print their losses and keep them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], default=[])
    arguments = parser.parse_args()
    console, started = make_console(), time.perf_counter()
    inputs, labels = photographs(arguments.archive)
    names = arguments.models or list(MODELS)
    kept = read_result("zoo_steps") or {"rows": []}
    rows = [row for row in kept["rows"] if row["model"] not in names]
    for name in names:
        for explicit_lr in (0.05, 0.005):
            seen = losses(name, explicit_lr, inputs, labels)
            rows.append({"model": name, "explicit_lr": explicit_lr, "losses": seen})
            path = " → ".join(f"{loss:.2f}" for loss in seen)
            console.print(f"{name}, explicit_lr {explicit_lr:g}: {path}")
            if falls(seen):
                break
    rows.sort(key=lambda row: row["model"])
    result = {
        "environment": environment(torch.device("cpu")),
        "took_seconds": round(time.perf_counter() - started, 1),
        "rows": rows,
    }
    console.print(str(write_result("zoo_steps", result, RESULTS)))


if __name__ == "__main__":
    main()
