"""What computes here, found out without loading torch."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

PACKAGES = {"proxprop": "ProxProp", "torch": "PyTorch", "streamlit": "Streamlit"}


@cache
def machine() -> str:
    """Return device and versions in one line."""
    parts = [f"{label} {_version(name)}" for name, label in PACKAGES.items()]
    return "  ·  ".join([_device(), *parts, f"Python {platform.python_version()}"])


def _version(name: str) -> str:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return "(not installed)"


def _device() -> str:
    cores = os.cpu_count() or 1
    cpu = f"CPU, {cores} core{'s' * (cores > 1)}"
    gpu = _gpu()
    return f"{gpu}  ·  {cpu}" if gpu else cpu


def _gpu() -> str:
    """Return the GPU's name as its driver tells it; "" without one."""
    if which("nvidia-smi") is None or not Path("/proc/driver/nvidia").exists():
        return ""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip().partition("\n")[0]
