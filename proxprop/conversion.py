"""Turn whole models proximal and back, in place, and tune them while they train."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from proxprop.cost import StepCost, choose_grams, step_cost
from proxprop.diagnostics import LastLayerWarning, NeverSolvedWarning, NothingConvertedWarning
from proxprop.groups import move_to_explicit
from proxprop.layers import LayerUse, ProximalLayer
from proxprop.selection import KINDS, PLAIN, PROXIMAL, Selection, Selectors, exchanged, select
from proxprop.settings import SETTINGS, check_settings
from proxprop.trial import run_trial


@dataclass(frozen=True)
class ConversionReport:
    """What ``convert`` did, by module path.

    Attributes:
        converted: Layers that are proximal now.
        skipped: Modules with parameters that stay explicit, each with the reason.
        cost: What a step on ``example_input`` costs by its arithmetic, and which Gram each layer
            has; None without an example.
    """

    converted: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    cost: StepCost | None = None


def convert(
    model: nn.Module,
    example_input: Any = None,
    *,
    tau: float = 0.05,
    solver: str = "exact",
    cg_steps: int = 3,
    cg_rtol: float = 0.0,
    gram: str = "batch",
    decay: float = 0.7,
    refresh: int = 10,
    skip_last: bool = True,
    include: Selectors | None = None,
    exclude: Selectors = (),
) -> ConversionReport:
    """Give every linear and convolutional layer of a model a proximal step, in place.

    Modules keep their identity: parameters, buffers, hooks, sharing, train/eval mode, state_dict
    keys and any optimizer already built stay valid.

    Args:
        model: Any module; it may itself be a layer.
        example_input: What the model takes: one argument, a tuple of them, or a dictionary of
            keywords. The model runs once on it, without gradients, in its mode, its buffers and
            the random numbers left as they are; only layers that it calls are converted, and the
            layers that give its outputs are the last ones. Default None: not run.
        tau: Proximal step size, finite and > 0; default 0.05.
        solver: ``"exact"`` (default), ``"cg"`` or ``"explicit"``.
        cg_steps: CG steps ≥ 1; default 3.
        cg_rtol: Relative tolerance of CG in [0, 1); default 0.
        gram: ``"batch"`` (default), ``"running"`` for an average of the steps' Grams, or
            ``"auto"`` for the one of the two that takes fewer FLOPs in each layer on a batch like
            ``example_input``, which it needs; what was chosen is in the report's ``cost``.
        decay: What a refresh keeps of the running Gram, in [0, 1); default 0.7.
        refresh: Steps between refreshes of the running Gram, ≥ 1; default 10.
        skip_last: Leave the last layer explicit, as in the paper; default True.
        include: Convert only these: names, patterns (``"layer*"``), classes, functions of a layer's
            name and the layer, or several of them. A name, pattern or class means the layers
            inside the modules it fits, too. Default None: all.
        exclude: Leave these explicit, said as for ``include``.

    Returns:
        What was converted, and what was skipped and why. A proximal layer that is to be skipped
        (it became the last one, say) is made plain.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range, ``gram="auto"`` lacks an example, or a name or
            pattern fits no layer (the model is left as it was).

    Warns:
        LastLayerWarning: The last layer is a guess, and others may give the model's output.
        NothingConvertedWarning: No layer is left to convert.

    Note:
        Without ``example_input`` the last layer is the last linear or convolutional one in the
        order of ``model.modules()``.
    """
    settings: dict[str, Any] = {
        "tau": tau,
        "solver": solver,
        "cg_steps": cg_steps,
        "cg_rtol": cg_rtol,
        "gram": "batch" if gram == "auto" else gram,
        "decay": decay,
        "refresh": refresh,
    }
    check_settings(**settings)
    if gram == "auto" and example_input is None:
        raise ValueError(
            "gram='auto' needs example_input, a batch of the size that is to be trained with: what "
            "a step costs depends on it"
        )
    trial = None if example_input is None else run_trial(model, example_input, KINDS)
    selection = select(model, skip_last, include, exclude, trial)
    report = ConversionReport()
    for name, module in model.named_modules():
        if id(module) in selection.reasons:
            _make_plain(module)
            report.skipped.append((name, selection.reasons[id(module)]))
        elif isinstance(module, KINDS):
            if not isinstance(module, ProximalLayer):
                module.__class__ = exchanged(type(module), PROXIMAL)  # type: ignore[assignment]
            assert isinstance(module, ProximalLayer)
            module.set_prox(**settings)
            module.label = name or type(module).__name__
            report.converted.append(name)
            _watch_first_gradient(name, module, report)
    if solver != "explicit":
        _warn_of_doubts(report, selection)
    if example_input is None:
        return report
    cost = (choose_grams if gram == "auto" else step_cost)(model, example_input)
    return replace(report, cost=cost)


def _warn_of_doubts(report: ConversionReport, selection: Selection) -> None:
    if not report.converted:
        found = [f"{name or 'the model itself'}: {why}" for name, why in report.skipped]
        warnings.warn(
            "nothing was converted, every layer takes its plain step "
            f"({_listed(found) or 'the model has no parameters'})",
            NothingConvertedWarning,
            stacklevel=3,
        )
    elif selection.rivals:
        warnings.warn(
            f"{selection.last} is taken for the last layer, because it was registered last, and "
            f"stays explicit; {_listed(selection.rivals)} may give the model's output too, and "
            "became proximal. Pass example_input to find the output layers, or name them in "
            "exclude, with skip_last=False.",
            LastLayerWarning,
            stacklevel=3,
        )


def _listed(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _watch_first_gradient(name: str, layer: ProximalLayer, report: ConversionReport) -> None:
    """Make the layer plain should its parameters get a gradient before it is ever called."""
    if layer._use is not None:
        layer._use.end()
    use = layer._use = LayerUse()
    watched = weakref.ref(layer)  # its parameters hold this hook: both would wait for the collector

    def check(_: Tensor) -> None:
        layer = watched()
        if layer is None or layer.solver == "explicit":
            return
        use.end()
        if use.called or layer._use is not use:
            return
        parameters = list(layer.parameters(recurse=False))
        label = layer.label
        _make_plain(layer)
        report.converted.remove(name)
        report.skipped.append((name, "the model reads its weight without calling it"))
        move_to_explicit(parameters)
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
    """Make every proximal layer plain again, in place; return their names.

    Layers that were parametrized or sharded since keep that. A subclass of a proximal layer with
    its own behaviour keeps its class and takes the plain step (``solver="explicit"``).
    """
    return [name for name, layer in iter_prox_layers(model) if _make_plain(layer)]


# What a proximal layer may hold beside its settings.
_OWN = ("synchronise", "joined", "label", "observer", "_monitor", "_running", "_use")


def _make_plain(module: nn.Module) -> bool:
    """Give a module the plain step; return whether anything changed."""
    if not isinstance(module, ProximalLayer):
        return False
    if module._use is not None:
        module._use.end()
    plain = exchanged(type(module), PLAIN)
    if plain is None:
        changed, module.solver = module.solver != "explicit", "explicit"
        return changed
    for name in (*SETTINGS, *_OWN):
        module.__dict__.pop(name, None)
    module.__class__ = plain  # type: ignore[assignment]
    return True


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
            changed then), or the model has no proximal layer.
    """
    given: dict[str, Any] = {"tau": tau, "solver": solver, "cg_steps": cg_steps, "cg_rtol": cg_rtol}
    given |= {"gram": gram, "decay": decay, "refresh": refresh}
    changes = {name: value for name, value in given.items() if value is not None}
    layers = [layer for _, layer in iter_prox_layers(model)]
    if not layers:
        raise ValueError("the model has no proximal layer: convert(model) first")
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
