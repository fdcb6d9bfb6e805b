"""Real images for the numeric tests."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "cifar10-jpeg.tar.xz"
BATCH = 500


@pytest.fixture(scope="session")
def cifar_batch() -> tuple[torch.Tensor, torch.Tensor]:
    """500 CIFAR-10 images (N, 3, 32, 32) of all classes, scaled to [0, 1], and their labels."""
    if not ARCHIVE.exists():
        pytest.skip(f"needs the CIFAR-10 images in {ARCHIVE}")
    images, labels, classes = [], [], {}
    with tarfile.open(ARCHIVE, "r|xz") as archive:
        members = (entry for entry in archive if entry.name.endswith((".jpg", ".jpeg", ".png")))
        for index, entry in enumerate(members):
            if index % 100 == 0:
                content = archive.extractfile(entry)
                assert content is not None
                pixels = np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))
                images.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1))
                label = Path(entry.name).parent.name
                labels.append(classes.setdefault(label, len(classes)))
    assert len(classes) == 10
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:BATCH]
    return torch.stack(images)[order].float() / 255, torch.tensor(labels)[order]
