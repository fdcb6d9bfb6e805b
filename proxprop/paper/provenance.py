"""What numbers are measured with: versions, device, processor, threads."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy
import torch

import proxprop
from proxprop.paper.result import Provenance
from proxprop.training.device import device_label, resolve_device


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
        processor=_processor(),
        threads=torch.get_num_threads(),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")
