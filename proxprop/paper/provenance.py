"""What numbers are measured with: versions, device, processor, threads."""

from __future__ import annotations

import platform

import numpy
import torch

import proxprop
from proxprop.engine.training.device import device_label, processor_name, resolve_device
from proxprop.paper.result import Provenance


def provenance(device: str) -> Provenance:
    """Return what this process measures with.

    Args:
        device: "auto", "cpu" or "cuda".
    """
    versions = {
        "proxprop": proxprop.__version__,
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }
    return Provenance(
        versions=versions,
        device=device_label(resolve_device(device)),
        processor=processor_name(),
        threads=torch.get_num_threads(),
    )
