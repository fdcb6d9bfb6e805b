"""Turn whole models proximal and back, in place, and tune them while they train."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from proxprop.layers import ProximalLayer, ProxPropLinear, check_settings

_PROXIMAL: dict[type[nn.Module], type[ProximalLayer]] = {nn.Linear: ProxPropLinear}
_PLAIN: dict[type[nn.Module], type[nn.Module]] = {new: old for old, new in _PROXIMAL.items()}


@dataclass(frozen=True)
class ConversionReport:
    """What ``convert`` did, by module path.

    Attributes:
        converted: Layers that are proximal now.
        skipped: Layers left explicit, each with the reason.
    """

    converted: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def convert(
    model: nn.Module,
    *,
    tau: float = 0.05,
    solver: str = "exact",
    cg_steps: int = 3,
    cg_rtol: float = 0.0,
    skip_last: bool = True,
) -> ConversionReport:
    """Give every linear and convolutional layer of a model a proximal step, in place.

    Modules keep their identity: parameters, buffers, hooks, sharing, train/eval mode, state_dict
    keys and any optimizer already built stay valid.

    Args:
        model: Any module; it may itself be a layer.
        tau: Proximal step size, finite and > 0; default 0.05.
        solver: ``"exact"`` (default), ``"cg"`` or ``"explicit"``.
        cg_steps: CG steps ≥ 1; default 3.
        cg_rtol: Relative tolerance of CG in [0, 1); default 0.
        skip_last: Leave the last layer explicit, as in the paper; default True.

    Returns:
        What was converted, and what was skipped and why.
    """
    check_settings(tau=tau, solver=solver, cg_steps=cg_steps, cg_rtol=cg_rtol)
    report = ConversionReport()
    kinds = tuple(_PROXIMAL)
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]
    for index, (name, module) in enumerate(layers):
        if skip_last and index + 1 == len(layers):
            _make_plain(module)
            report.skipped.append((name, "last layer takes the explicit step (skip_last=True)"))
            continue
        if type(module) in _PROXIMAL:
            module.__class__ = _PROXIMAL[type(module)]
        if not isinstance(module, ProximalLayer):
            reason = f"{type(module).__name__} is a subclass with its own behaviour"
            report.skipped.append((name, reason))
            continue
        module._set_prox(tau, solver, cg_steps, cg_rtol)
        module.label = name
        report.converted.append(name)
    return report


def revert(model: nn.Module) -> list[str]:
    """Make every proximal layer plain again, in place; return their names."""
    names = []
    for name, layer in iter_prox_layers(model):
        _make_plain(layer)
        names.append(name)
    return names


def _make_plain(module: nn.Module) -> None:
    if type(module) not in _PLAIN:
        return
    for name in ("tau", "solver", "cg_steps", "cg_rtol", "label", "observer", "_monitor"):
        module.__dict__.pop(name, None)
    module.__class__ = _PLAIN[type(module)]


def set_prox(
    model: nn.Module,
    *,
    tau: float | None = None,
    solver: str | None = None,
    cg_steps: int | None = None,
    cg_rtol: float | None = None,
) -> None:
    """Change settings of every proximal layer; None leaves a setting as it is.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range (no layer is changed then).
    """
    given = {"tau": tau, "solver": solver, "cg_steps": cg_steps, "cg_rtol": cg_rtol}
    check_settings(**given)
    for _, layer in iter_prox_layers(model):
        for name, value in given.items():
            if value is not None:
                setattr(layer, name, value)


def iter_prox_layers(model: nn.Module) -> Iterator[tuple[str, ProximalLayer]]:
    """Yield (name, layer) for every proximal layer, each once."""
    for name, module in model.named_modules():
        if isinstance(module, ProximalLayer):
            yield name, module


def param_groups(
    model: nn.Module, lr: float, explicit_lr: float | None = None, **extra: Any
) -> list[dict[str, Any]]:
    """Parameter groups with a learning rate of their own for explicit layers.

    Args:
        model: A model with or without proximal layers.
        lr: η of the proximal layers' parameters.
        explicit_lr: η of all other parameters; default ``lr``.
        **extra: Options put into both groups.

    Returns:
        Up to two groups for any torch optimizer, tagged ``"name": "proximal"`` and
        ``"name": "explicit"``; a group without parameters is left out.
    """
    proximal = {
        id(parameter)
        for _, layer in iter_prox_layers(model)
        for parameter in layer.parameters(recurse=False)
    }
    groups: list[dict[str, Any]] = [
        {"name": "proximal", "params": [], "lr": lr, **extra},
        {
            "name": "explicit",
            "params": [],
            "lr": lr if explicit_lr is None else explicit_lr,
            **extra,
        },
    ]
    for parameter in model.parameters():
        groups[0 if id(parameter) in proximal else 1]["params"].append(parameter)
    return [group for group in groups if group["params"]]
