"""Turn whole models proximal and back, in place, and tune them while they train."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils import parametrize

from proxprop.diagnostics import NeverSolvedWarning
from proxprop.layers import LayerUse, ProximalLayer, ProxPropConv2d, ProxPropLinear
from proxprop.settings import SETTINGS, check_settings

_PROXIMAL: dict[type[nn.Module], type[ProximalLayer]] = {
    nn.Linear: ProxPropLinear,
    nn.Conv2d: ProxPropConv2d,
}
_KINDS = tuple(_PROXIMAL)
_PLAIN: dict[type[nn.Module], type[nn.Module]] = {new: old for old, new in _PROXIMAL.items()}


@dataclass(frozen=True)
class ConversionReport:
    """What ``convert`` did, by module path.

    Attributes:
        converted: Layers that are proximal now.
        skipped: Modules with parameters that stay explicit, each with the reason.

    What a step will cost by its arithmetic: :func:`proxprop.cost.step_cost`.
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
    gram: str = "batch",
    decay: float = 0.7,
    refresh: int = 10,
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
        gram: ``"batch"`` (default), or ``"running"`` for an average of the steps' Grams.
        decay: What a refresh keeps of the running Gram, in [0, 1); default 0.7.
        refresh: Steps between refreshes of the running Gram, ≥ 1; default 10.
        skip_last: Leave the last layer explicit, as in the paper; default True.

    Returns:
        What was converted, and what was skipped and why. A proximal layer that is to be skipped
        (it became the last one, say) is made plain.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range (the model is left as it was).

    Note:
        "Last" is the last linear or convolutional layer in the order of ``model.modules()``.
    """
    settings: dict[str, Any] = {
        "tau": tau,
        "solver": solver,
        "cg_steps": cg_steps,
        "cg_rtol": cg_rtol,
        "gram": gram,
        "decay": decay,
        "refresh": refresh,
    }
    check_settings(**settings)
    reasons = _reasons_to_skip(model, skip_last)
    report = ConversionReport()
    for name, module in model.named_modules():
        if id(module) in reasons:
            _make_plain(module)
            report.skipped.append((name, reasons[id(module)]))
        elif isinstance(module, _KINDS):
            if type(module) in _PROXIMAL:
                module.__class__ = _PROXIMAL[type(module)]
            assert isinstance(module, ProximalLayer)
            module.set_prox(**settings)
            module.label = name or type(module).__name__
            report.converted.append(name)
            _watch_first_gradient(name, module, report)
    return report


def _watch_first_gradient(name: str, layer: ProximalLayer, report: ConversionReport) -> None:
    """Make the layer plain should its parameters get a gradient before it is ever called."""
    if layer._use is not None:
        layer._use.end()
    use = layer._use = LayerUse()

    def check(_: Tensor) -> None:
        if layer.solver == "explicit":
            return
        use.end()
        if use.called or layer._use is not use:
            return
        parameters = list(layer.parameters(recurse=False))
        label = layer.label
        _make_plain(layer)
        report.converted.remove(name)
        report.skipped.append((name, "the model reads its weight without calling it"))
        _move_to_explicit(parameters)
        warnings.warn(
            f"{label}: its parameters got a gradient, but the model never called the layer, so "
            "nothing was solved. It is a plain layer from here on, with explicit_lr as its step "
            "size where the optimizer was made from param_groups.",
            NeverSolvedWarning,
            stacklevel=2,
        )

    for parameter in layer.parameters(recurse=False):
        if parameter.requires_grad:
            use.handles.append(parameter.register_hook(check))  # type: ignore[no-untyped-call]


def revert(model: nn.Module) -> list[str]:
    """Make every proximal layer plain again, in place; return their names."""
    layers = list(iter_prox_layers(model))
    for _, layer in layers:
        _make_plain(layer)
    return [name for name, _ in layers]


def _make_plain(module: nn.Module) -> None:
    if type(module) in _PLAIN:
        use = module.__dict__.get("_use")
        if use is not None:
            use.end()
        for name in (*SETTINGS, "synchronise", "label", "observer", "_monitor", "_running", "_use"):
            module.__dict__.pop(name, None)
        module.__class__ = _PLAIN[type(module)]


def _reasons_to_skip(model: nn.Module, skip_last: bool) -> dict[int, str]:
    """Why modules that hold parameters stay explicit, by the module's id."""
    reasons: dict[int, str] = {}
    candidates = []
    for _, module in model.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            for child in module.modules():
                if child is not module:
                    reasons[id(child)] = "nn.MultiheadAttention reads its weight without calling it"
        if isinstance(module, _KINDS):
            candidates.append(module)
            reason = _unsuitable(module)
        elif any(True for _ in module.parameters(recurse=False)):
            reason = f"{type(module).__name__} has no implicit step"
        else:
            continue
        if reason is not None:
            reasons.setdefault(id(module), reason)
    if skip_last and candidates:
        reasons.setdefault(id(candidates[-1]), "the last layer stays explicit (skip_last=True)")
    _skip_parameters_shared_with_explicit_modules(model, reasons)
    return reasons


def _unsuitable(module: nn.Module) -> str | None:
    """Why a linear or convolutional layer cannot change its class, None if it can."""
    kind = type(module)
    if parametrize.is_parametrized(module) or "weight" not in module._parameters:
        return "its weight is computed from other parameters (a parametrization)"
    if isinstance(module, LazyModuleMixin):
        return "it has no shape yet: run one batch through the model, then convert"
    if kind not in _PROXIMAL and not isinstance(module, ProximalLayer):
        return f"{kind.__name__} is a subclass of {kind.__mro__[1].__name__} with its own behaviour"
    if "forward" in module.__dict__:
        return "its forward was replaced on the instance"
    weight = module._parameters["weight"]
    if weight is not None and not weight.dtype.is_floating_point:
        return f"its weight is {weight.dtype}; an implicit step needs real floating point"
    return None


def _skip_parameters_shared_with_explicit_modules(
    model: nn.Module, reasons: dict[int, str]
) -> None:
    """One parameter must not collect a direction from one user and a gradient from another."""
    modules = [module for module in model.modules() if module._parameters]
    changed = True
    while changed:
        changed = False
        explicit = {
            id(parameter): module
            for module in modules
            if id(module) in reasons or not isinstance(module, _KINDS)
            for parameter in module.parameters(recurse=False)
        }
        for module in modules:
            shared = [explicit.get(id(p)) for p in module.parameters(recurse=False)]
            owner = next((other for other in shared if other is not None), None)
            if id(module) not in reasons and owner is not None:
                reasons[id(module)] = (
                    f"it shares a parameter with an explicit {type(owner).__name__}"
                )
                changed = True


def set_prox(
    model: nn.Module,
    *,
    tau: float | None = None,
    solver: str | None = None,
    cg_steps: int | None = None,
    cg_rtol: float | None = None,
    gram: str | None = None,
    decay: float | None = None,
    refresh: int | None = None,
) -> None:
    """Change settings of every proximal layer; None leaves a setting as it is.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range, or does not go with a layer's others (no layer is
            changed then).
    """
    given: dict[str, Any] = {"tau": tau, "solver": solver, "cg_steps": cg_steps, "cg_rtol": cg_rtol}
    given |= {"gram": gram, "decay": decay, "refresh": refresh}
    changes = {name: value for name, value in given.items() if value is not None}
    layers = [layer for _, layer in iter_prox_layers(model)]
    check_settings(**changes)
    for layer in layers:
        check_settings(**{"solver": layer.solver, "gram": layer.gram, **changes})
    for layer in layers:
        layer.set_prox(**changes)


def running_state(model: nn.Module) -> dict[str, dict[str, Any]]:
    """The running Grams' averages by layer, beside the model's ``state_dict``."""
    states = {name: layer.running_state() for name, layer in iter_prox_layers(model)}
    return {name: state for name, state in states.items() if state}


def load_running_state(model: nn.Module, states: dict[str, dict[str, Any]]) -> None:
    """Give a model's layers the averages of :func:`running_state`; layers left out have none.

    Raises:
        ValueError: A name is no proximal layer of the model, or a state does not fit its layer.
    """
    layers = dict(iter_prox_layers(model))
    unknown = sorted(set(states) - set(layers))
    if unknown:
        raise ValueError(f"no proximal layer is called {', '.join(unknown)}")
    for name, layer in layers.items():
        layer.load_running_state(states.get(name, {}))


def iter_prox_layers(model: nn.Module) -> Iterator[tuple[str, ProximalLayer]]:
    """Yield (name, layer) for every proximal layer, each once."""
    for name, module in model.named_modules():
        if isinstance(module, ProximalLayer):
            yield name, module


class _Group(dict[str, Any]):
    """A parameter group that can be found again as long as an optimizer has it."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    partner: weakref.ref[_Group] | None = None

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # a copied or pickled optimizer has plain groups


_GROUPS: weakref.WeakValueDictionary[int, _Group] = weakref.WeakValueDictionary()


def _move_to_explicit(parameters: list[nn.Parameter]) -> None:
    """Move parameters from proximal groups to the explicit groups made beside them."""
    moved = {id(parameter) for parameter in parameters}
    for group in list(_GROUPS.values()):
        explicit = group.partner() if group.partner is not None else None
        if explicit is None or not any(id(p) in moved for p in group["params"]):
            continue
        explicit["params"] += [p for p in group["params"] if id(p) in moved]
        group["params"][:] = [p for p in group["params"] if id(p) not in moved]


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
        ``"name": "explicit"``; a group without parameters is left out. A layer that turns out
        never to be called moves to the explicit group at the first backward pass.
    """
    proximal = {
        id(parameter)
        for _, layer in iter_prox_layers(model)
        for parameter in layer.parameters(recurse=False)
    }
    implicit = _Group(name="proximal", params=[], lr=lr, **extra)
    explicit = _Group(
        name="explicit", params=[], lr=lr if explicit_lr is None else explicit_lr, **extra
    )
    groups: list[dict[str, Any]] = [implicit, explicit]
    for parameter in model.parameters():
        groups[0 if id(parameter) in proximal else 1]["params"].append(parameter)
    if implicit["params"] and explicit["params"]:
        implicit.partner = weakref.ref(explicit)
        _GROUPS[id(implicit)] = implicit
    return [group for group in groups if group["params"]]
