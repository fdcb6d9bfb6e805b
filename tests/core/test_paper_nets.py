"""float32 on real images: every layer's exact direction of the paper's MLP against float64."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from proxprop import convert, set_prox
from proxprop.conversion import iter_prox_layers
from proxprop.directions import linear_direction
from proxprop.solvers import SolveSpec
from tests.reference import augmented, relative_error

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "cifar10-jpeg.tar.xz"
BATCH = 500
STEPS = 15

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ARCHIVE.exists(), reason=f"needs the CIFAR-10 images in {ARCHIVE}"),
]


@pytest.fixture(scope="module")
def images():
    """A batch of every hundredth image, of all classes, scaled to [0, 1]."""
    rows, labels, classes = [], [], {}
    with tarfile.open(ARCHIVE, "r|xz") as archive:
        members = (entry for entry in archive if entry.name.endswith((".jpg", ".jpeg", ".png")))
        for index, entry in enumerate(members):
            if index % 100 == 0:
                content = archive.extractfile(entry)
                assert content is not None
                pixels = np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))
                rows.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1).flatten())
                label = Path(entry.name).parent.name
                labels.append(classes.setdefault(label, len(classes)))
    assert len(classes) == 10
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:BATCH]
    return torch.stack(rows)[order].float() / 255, torch.tensor(labels)[order]


def paper_mlp() -> nn.Sequential:
    torch.manual_seed(0)
    widths = [(3072, 4000), (4000, 1000), (1000, 4000)]
    hidden = [layer for pair in widths for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(4000, 10))


@pytest.fixture(scope="module")
def problems(images):
    """(name, rows, Δ of every 25th unit) of each hidden layer, fresh and after some training."""
    model, found = paper_mlp(), []
    convert(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.95, nesterov=True)
    for step in range(STEPS + 1):
        for _, layer in iter_prox_layers(model):
            layer.observer = None
        if step in (0, STEPS):
            set_prox(model, solver="exact")
            for name, layer in iter_prox_layers(model):
                layer.observer = lambda record, name=name, step=step: found.append(
                    (f"{name} after {step} steps", record.input, record.grad_output[:, ::25])
                )
        optimizer.zero_grad()
        F.cross_entropy(model(images[0]), images[1]).backward()
        set_prox(model, solver="explicit")
        optimizer.step()
    return found


@pytest.fixture(scope="module")
def decomposed(problems):
    """Each problem with the float64 singular value decomposition of its Ã."""
    return [
        (name, rows, units, torch.linalg.svd(augmented(rows, True, True), full_matrices=False))
        for name, rows, units in problems
    ]


@pytest.mark.parametrize("tau", [0.05, 1.0, 100.0, 1e4])
def test_mlp_directions_are_within_two_per_mille(decomposed, tau):
    assert len(decomposed) == 6
    for name, rows, units, (left, singular, right) in decomposed:
        found = linear_direction(rows, units, SolveSpec(tau, "exact", 1, 0.0), True, True)
        direction = torch.cat([found.weight, found.bias[:, None]], dim=1)
        # Ã = UΣVᵀ, so D = Δᵀ U Σ/(Σ² + 1/τ) Vᵀ: no Gram, no product of squares.
        filtered = units.double().T @ left * (singular / (singular.square() + 1 / tau))
        assert relative_error(direction, filtered @ right) < 2e-3, (name, tau)
