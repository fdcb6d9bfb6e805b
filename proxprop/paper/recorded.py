"""Results on disk: those shipped with the package, and those made here. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from proxprop import paths
from proxprop.files import write_atomically
from proxprop.paper.result import (
    EXPERIMENTS,
    Result,
    Scale,
    StabilityResult,
    parse_result,
)

SHIPPED = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        results: In the order of the experiments.
        problems: Files that could not be read, in words.
    """

    results: tuple[Result | StabilityResult, ...]
    problems: tuple[str, ...] = ()


def shipped() -> Found:
    """Return the results shipped with the package."""
    return read_folder(SHIPPED)


def made_here(root: Path | None = None) -> Found:
    """Return the results of `proxprop paper` in this data directory.

    Args:
        root: The data directory; None for `PROXPROP_HOME`.
    """
    return read_folder(results_folder(root))


def results_folder(root: Path | None = None) -> Path:
    """Return where `proxprop paper` writes unless told otherwise."""
    return (root or paths.home()) / "paper"


def read_folder(folder: Path) -> Found:
    """Return the results in `folder`; none where it does not exist."""
    results, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            status = path.stat()
            results.append(_parsed(path, status.st_ino, status.st_mtime_ns))
        except (OSError, ValueError) as error:
            cause = (str(error).splitlines() or ["no message"])[0]
            problems.append(f"{path.name} cannot be read ({cause}); delete it or record it again")
    results.sort(key=lambda one: (EXPERIMENTS.index(one.experiment), one.part != "main", one.part))
    return Found(tuple(results), tuple(problems))


@lru_cache(maxsize=64)
def _parsed(path: Path, inode: int, modified: int) -> Result | StabilityResult:
    """Parse a file once for everybody who looks at it; files are replaced, never rewritten."""
    return parse_result(path.read_bytes())


def read_result(path: Path) -> Result | StabilityResult | None:
    """Return the result at `path`, or None where there is none that can be read."""
    try:
        return parse_result(path.read_bytes())
    except (OSError, ValueError):
        return None


def latest(
    results: Iterable[Result | StabilityResult], scale: Scale
) -> dict[str, Result | StabilityResult]:
    """Return "<experiment>-<part>" → the most recent result of that scale."""
    chosen: dict[str, Result | StabilityResult] = {}
    for one in results:
        key = f"{one.experiment}-{one.part}"
        if one.scale == scale and (key not in chosen or one.recorded > chosen[key].recorded):
            chosen[key] = one
    return chosen


def write_result(result: Result | StabilityResult, folder: Path) -> Path:
    """Write `result` to its file in `folder`, whole or not at all, and return the path.

    Raises:
        OSError: If the folder cannot be written.
    """
    path = folder / f"{result.name}.json"
    write_atomically(path, result.model_dump_json() + "\n")
    return path
