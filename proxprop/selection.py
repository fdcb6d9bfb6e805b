"""Which layers of a model take an implicit step, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils import parametrize

from proxprop.layers import ProximalLayer, ProxPropConv2d, ProxPropLinear
from proxprop.trial import Trial

Predicate = Callable[[str, nn.Module], bool]
Selector = str | type[nn.Module] | Predicate
Selectors = Selector | Iterable[Selector]

PROXIMAL: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: ProxPropLinear,
    nn.Conv2d: ProxPropConv2d,
}
PLAIN: dict[type[nn.Module], type[nn.Module]] = {new: old for old, new in PROXIMAL.items()}
KINDS = tuple(PROXIMAL)

# Where torch makes a class for one module, of the module's own and nothing that calls super().
_DERIVED_IN = ("torch.nn.utils.parametrize", "torch.distributed.")
_INPUT_WIDTHS = ("in_features", "in_channels", "embed_dim", "input_size")
# Below this, that one width divides another says nothing: ten classes and a layer of 100 units.
_TELLING_WIDTH = 16


def exchanged(
    kind: type[nn.Module], table: dict[type[nn.Module], type[nn.Module]]
) -> type[nn.Module] | None:
    """A module's class with torch's layer replaced by ours, or ours by torch's.

    Classes that torch derives (parametrized, sharded) are derived anew from the replacement.

    Args:
        kind: The class.
        table: :data:`PROXIMAL` or :data:`PLAIN`.

    Returns:
        None if the class is none of the table's, or someone's subclass with its own behaviour.
    """
    if kind in table:
        return table[kind]
    if not kind.__module__.startswith(_DERIVED_IN):
        return None
    for base in kind.__bases__:
        new = exchanged(base, table)
        if new is not None:
            bases = tuple(new if other is base else other for other in kind.__bases__)
            name = kind.__name__.replace(base.__name__, new.__name__)
            body = {k: v for k, v in vars(kind).items() if k not in ("__dict__", "__weakref__")}
            return type(name, bases, body)
    return None


class Selection(NamedTuple):
    """What is left out of a conversion.

    Attributes:
        reasons: Why modules that hold parameters stay explicit, by the module's id.
        last: Path of the layer taken for the last; empty without one, or if outputs are known.
        rivals: Paths of layers that may give the model's output as well as the last one does.
    """

    reasons: dict[int, str]
    last: str
    rivals: list[str]


def select(
    model: nn.Module,
    skip_last: bool,
    include: Selectors | None,
    exclude: Selectors,
    trial: Trial | None,
) -> Selection:
    """Decide which linear and convolutional layers are left out; see ``convert``.

    Raises:
        ValueError: A name or pattern of ``include`` or ``exclude`` matches no layer.
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, KINDS)}
    included = None if include is None else _matching(model, include, "include")
    excluded = _matching(model, exclude, "exclude")
    reasons = _reasons_by_kind(model)
    for layer in layers.values():
        reason = None
        if id(layer) in excluded:
            reason = "left out by exclude"
        elif included is not None and id(layer) not in included:
            reason = "not among include"
        elif trial is not None and id(layer) in trial.read - trial.called:
            reason = "the model reads its weight without calling it"
        elif trial is not None and id(layer) not in trial.called:
            reason = "the example input does not reach it"
        if reason is not None:
            reasons.setdefault(id(layer), reason)
    last, rivals = "", []
    if skip_last and trial is not None:
        for layer in layers.values():
            if id(layer) in trial.outputs:
                reasons.setdefault(id(layer), "an output layer stays explicit (skip_last=True)")
    elif skip_last and layers:
        last = list(layers)[-1]
        if not _runs_in_order(model, layers):
            rivals = [n for n in _possible_outputs(model, layers) if id(layers[n]) not in reasons]
        reasons.setdefault(id(layers[last]), "the last layer stays explicit (skip_last=True)")
    _skip_parameters_shared_with_explicit_modules(model, reasons)
    return Selection(reasons, last, [name for name in rivals if name != last])


def _reasons_by_kind(model: nn.Module) -> dict[int, str]:
    """Why modules have no implicit step for what they are, by the module's id."""
    reasons: dict[int, str] = {}
    for module in model.modules():
        if isinstance(module, nn.MultiheadAttention):
            for child in module.modules():
                if child is not module:
                    reasons[id(child)] = "nn.MultiheadAttention reads its weight without calling it"
        if isinstance(module, KINDS):
            reason = _unsuitable(module)
        elif any(True for _ in module.parameters(recurse=False)):
            reason = f"{type(module).__name__} has no implicit step"
            if type(module).__name__ == "Conv1D":  # GPT-2's; a model's own class, so by its name
                reason += ": it is a linear layer with a transposed weight; nn.Linear has one"
        else:
            continue
        if reason is not None:
            reasons.setdefault(id(module), reason)
    return reasons


def _unsuitable(module: nn.Module) -> str | None:
    """Why a linear or convolutional layer cannot change its class, None if it can."""
    kind = type(module)
    if parametrize.is_parametrized(module) or "weight" not in module._parameters:
        return "its weight is computed from other parameters (a parametrization)"
    if isinstance(module, LazyModuleMixin):
        return "it has no shape yet: run one batch through the model, then convert"
    if not isinstance(module, ProximalLayer) and exchanged(kind, PROXIMAL) is None:
        parent = next(base for base in KINDS if issubclass(kind, base))
        return f"{kind.__name__} is a subclass of {parent.__name__} with its own behaviour"
    if "forward" in module.__dict__:
        return "its forward was replaced on the instance"
    weight = module._parameters["weight"]
    if weight is not None and not weight.dtype.is_floating_point:
        return f"its weight is {weight.dtype}; an implicit step needs real floating point"
    return None


def _matching(model: nn.Module, selectors: Selectors, argument: str) -> set[int]:
    """Ids of the layers that are, or lie inside, what any selector means."""
    if isinstance(selectors, str | type) or callable(selectors):
        selectors = [selectors]
    matched: set[int] = set()
    paths = dict(model.named_modules(remove_duplicate=False))
    for selector in selectors:
        found = {
            id(module)
            for name, module in paths.items()
            if isinstance(module, KINDS) and _means(selector, name, module, paths)
        }
        if not found and isinstance(selector, str):
            raise ValueError(
                f"{argument} names {selector!r}, but no linear or convolutional layer is called or "
                f"lies in that; there are {', '.join(_layer_names(paths)) or 'none'}"
            )
        matched |= found
    return matched


def _layer_names(paths: dict[str, nn.Module]) -> Iterator[str]:
    names = [name for name, module in paths.items() if isinstance(module, KINDS)]
    yield from names[:6]
    if len(names) > 6:
        yield f"… ({len(names)})"


def _means(selector: Selector, name: str, layer: nn.Module, paths: dict[str, nn.Module]) -> bool:
    parts = name.split(".")
    around = [""] + [".".join(parts[: count + 1]) for count in range(len(parts))] if name else [""]
    if isinstance(selector, str):
        return any(fnmatchcase(path, selector) for path in around if path or not name)
    if isinstance(selector, type):
        return any(isinstance(paths[path], selector) for path in around)
    if callable(selector):
        return bool(selector(name, layer))
    raise TypeError(
        f"a selector must be a name, a pattern, a class or a function of name and layer, "
        f"got {selector!r}"
    )


def _runs_in_order(model: nn.Module, layers: dict[str, nn.Module]) -> bool:
    """Whether the order of registration is sure to be the order of calls."""
    if len(layers) == 1:
        return True
    return all(
        type(module).forward is nn.Sequential.forward
        for module in model.modules()
        if not isinstance(module, KINDS) and any(isinstance(m, KINDS) for m in module.modules())
    )


def _possible_outputs(model: nn.Module, layers: dict[str, nn.Module]) -> list[str]:
    """Layers whose output is of a width that no module registered after them takes.

    Beside a linear head, convolutions that look so are branches that are joined.
    """
    possible = list(layers)[-1:]
    later: list[nn.Module] = []
    for name, module in reversed(list(model.named_modules())):
        fed = any(_may_feed(module, other) for other in later) if name in layers else True
        if not fed and name not in possible:
            possible.append(name)
        if any(hasattr(module, width) for width in _INPUT_WIDTHS):
            later.append(module)
    if isinstance(layers[possible[0]], nn.Linear):
        possible = [name for name in possible if isinstance(layers[name], nn.Linear)]
    return possible[::-1]


def _may_feed(layer: nn.Module, other: nn.Module) -> bool:
    width = _first_of(layer, ("out_features", "out_channels"))
    taken = _first_of(other, _INPUT_WIDTHS)
    small, large = sorted((width, taken))
    if small == large or small == 0:
        return True
    flattened = isinstance(layer, nn.Conv2d) and isinstance(other, nn.Linear) and width == small
    return large % small == 0 and (flattened or small >= _TELLING_WIDTH)


def _first_of(module: nn.Module, attributes: tuple[str, ...]) -> int:
    return next(int(getattr(module, name)) for name in attributes if hasattr(module, name))


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
            if id(module) in reasons or not isinstance(module, KINDS)
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
