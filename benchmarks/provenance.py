"""Where a number comes from: versions, device, threads, date; and the JSON that keeps both."""

from __future__ import annotations

import datetime
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    import torch

RESULTS = Path(__file__).parent / "results"


def environment(device: torch.device) -> dict[str, Any]:
    """Describe the software and hardware that a measurement ran on."""
    # Here, so that the README's tables can be checked without loading torch.
    import numpy
    import torch

    import proxprop
    from proxprop.engine.training.device import processor_name

    found: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "proxprop": proxprop.__version__,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": processor_name(),
        "threads": torch.get_num_threads(),
        "device": device.type,
    }
    if device.type == "cuda":
        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda
        found["cudnn"] = torch.backends.cudnn.version()
    return found


def write_result(name: str, result: dict[str, Any], directory: Path) -> Path:
    """Write one benchmark's result and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_result(name: str, directory: Path = RESULTS) -> dict[str, Any] | None:
    """Return a benchmark's result, or None if it was never run."""
    path = directory / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def make_console() -> Console:
    """A console wide enough for the tables where the output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=120)
