"""Where and in which precision a run computes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

from proxprop.spec.config import ConfigError, Problem

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}


def resolve_device(name: str) -> torch.device:
    """Return the device that "auto", "cpu" or "cuda" stands for.

    Raises:
        ConfigError: If CUDA is asked for and absent.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise ConfigError(
            [Problem("device", "must be 'cpu' or 'auto' here: no CUDA device, got 'cuda'")]
        )
    return torch.device("cuda" if present and name != "cpu" else "cpu")


def device_label(device: torch.device) -> str:
    """Return "cpu" or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def versions() -> dict[str, str]:
    """Return the versions that numbers depend on, by package."""
    return {"proxprop": version("proxprop"), "torch": torch.__version__}


def processor_name() -> str:
    """Return the processor's name as the system tells it, "unknown" where it tells none."""
    unnamed = platform.processor() or "unknown"
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return unnamed
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, unnamed)


def autocast_for(
    precision: str, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    """Return what opens the precision of the forward pass: autocast for "bfloat16"."""
    if precision == "bfloat16":
        return partial(torch.autocast, device.type, dtype=torch.bfloat16)
    return nullcontext
