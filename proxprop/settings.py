"""The proximal settings of a layer, and what values they may have."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

SOLVERS = ("exact", "cg", "explicit")
GRAMS = ("batch", "running")


class SolveSpec(NamedTuple):
    """How a layer's proximal system is solved.

    Attributes:
        tau: Proximal step size, > 0.
        solver: ``"exact"``, ``"cg"`` or ``"explicit"``.
        cg_steps: CG steps, ≥ 1.
        cg_rtol: A unit stops once its residual is below this fraction of its gradient; 0 never.
    """

    tau: float
    solver: str
    cg_steps: int
    cg_rtol: float

    # A method: torch 2.9 and 2.10 do not compile properties of named tuples.
    def damping(self) -> float:
        """1/τ, what is added to the Gram's diagonal."""
        return 1.0 / self.tau


def check_settings(**settings: Any) -> dict[str, Any]:
    """Refuse a proximal setting that has no meaning; return them as Python's own numbers.

    Args:
        **settings: Numbers may be Python's, NumPy's, or arrays and tensors without axes.

    Raises:
        TypeError: A setting has the wrong type or an unknown name.
        ValueError: A setting is out of range, or CG is to solve with a running Gram.
    """
    for name, value in settings.items():
        if name not in SETTINGS:
            raise TypeError(f"unknown proximal setting {name!r}; known: {', '.join(SETTINGS)}")
        settings[name] = value.item() if getattr(value, "ndim", None) == 0 else value
        SETTINGS[name](name, settings[name])
    if settings.get("solver") == "cg" and settings.get("gram") == "running":
        raise ValueError(
            "gram must be 'batch' with solver 'cg', got 'running': a running Gram's inverse is "
            "kept between steps, so CG would save nothing; use solver='exact'"
        )
    return settings


def check_dtype(dtype: Any) -> None:
    """Refuse complex weights: the implicit step is written for real least squares.

    Raises:
        NotImplementedError: The dtype is complex.
    """
    if dtype is not None and dtype.is_complex:
        raise NotImplementedError(f"dtype must be real, got {dtype}; use torch's own layer for it")


def _positive_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and > 0, got {value!r}; the paper uses 0.05")


def _tolerance(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}; 0 takes every step")


def _step_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, got {value!r}; the paper uses 3, 5 and 10")


def _solver_name(name: str, value: object) -> None:
    if value not in SOLVERS:
        raise ValueError(f"{name} must be one of {', '.join(SOLVERS)}, got {value!r}")


def _gram_name(name: str, value: object) -> None:
    if value not in GRAMS:
        raise ValueError(f"{name} must be one of {', '.join(GRAMS)}, got {value!r}")


def _decay(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}; 0 keeps the latest step only")


def _refresh(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be >= 1, got {value!r}; 1 refreshes at every step")


SETTINGS = {
    "tau": _positive_number,
    "solver": _solver_name,
    "cg_steps": _step_count,
    "cg_rtol": _tolerance,
    "gram": _gram_name,
    "decay": _decay,
    "refresh": _refresh,
}
