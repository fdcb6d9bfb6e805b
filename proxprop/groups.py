"""Parameter groups with a step size of their own for explicit layers."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from proxprop.layers import ProximalLayer


class _Group(dict[str, Any]):
    """A parameter group that can be found again as long as an optimizer has it."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    partner: weakref.ref[_Group] | None = None

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # a copied or pickled optimizer has plain groups

    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """As a dict's: how an optimizer adds its options, which tell L-BFGS from all others."""
        if key == "history_size" and self.partner is not None:
            raise ValueError(
                "L-BFGS has one step size and takes no parameter groups: give it "
                "model.parameters() in place of param_groups(model, ...)"
            )
        return super().setdefault(key, default)


_GROUPS: weakref.WeakValueDictionary[int, _Group] = weakref.WeakValueDictionary()


def param_groups(
    model: nn.Module, lr: float, explicit_lr: float | None = None, **extra: Any
) -> list[dict[str, Any]]:
    """Parameter groups with a learning rate of their own for explicit layers.

    Args:
        model: A model with or without proximal layers.
        lr: η of the parameters that take an implicit step: those of proximal layers whose solver
            is not ``"explicit"`` now.
        explicit_lr: η of all other parameters; default ``lr``.
        **extra: Options put into both groups.

    Returns:
        Up to two groups for any torch optimizer but L-BFGS, tagged ``"name": "proximal"`` and
        ``"name": "explicit"``; a group without parameters is left out. A layer that turns out
        never to be called moves to the explicit group at the first backward pass; a solver that
        is changed later moves nothing.
    """
    return split_groups(model, _implicit(model), lr, explicit_lr, **extra)


def set_explicit_lr(
    model: nn.Module, optimizer: Optimizer, explicit_lr: float, schedulers: Iterable[Any] = ()
) -> None:
    """Give explicit parameters a learning rate of their own in an optimizer that exists already.

    Groups that hold both kinds are split: the explicit ones move, with their options, into a group
    at the end. For training loops that make their optimizer themselves; else use
    :func:`param_groups`.

    Args:
        model: A model with or without proximal layers.
        optimizer: Its optimizer, L-BFGS excepted.
        explicit_lr: η of all parameters that take no implicit step; under a schedule the rate it
            multiplies, or its maximum where it has one.
        schedulers: torch's schedulers of this optimizer (or wrappers with an attribute
            ``scheduler``): what they know of a group is split likewise.

    Raises:
        ValueError: The optimizer has one step size for all.
    """
    chosen = _implicit(model)
    for index, group in enumerate(list(optimizer.param_groups)):
        explicit = [p for p in group["params"] if id(p) not in chosen]
        if not explicit:
            continue
        if "history_size" in group:
            raise ValueError("L-BFGS has one step size: explicit_lr must be None")
        full = group.get("max_lr", group.get("initial_lr", group["lr"]))
        factor = explicit_lr / full
        place = index
        if len(explicit) < len(group["params"]):
            place = len(optimizer.param_groups)
            own = _Group(group, params=explicit)
            rest = _Group(group, params=[p for p in group["params"] if id(p) in chosen])
            _connect(rest, own)
            optimizer.param_groups[index] = rest
            optimizer.param_groups.append(own)
        _scale(optimizer.param_groups[place], factor)
        for scheduler in schedulers:
            _split_schedule(getattr(scheduler, "scheduler", scheduler), index, place, factor)


def _scale(group: dict[str, Any], factor: float) -> None:
    for rate in ("lr", "initial_lr", "max_lr", "min_lr"):
        if rate in group:
            group[rate] *= factor


def _split_schedule(scheduler: Any, index: int, place: int, factor: float) -> None:
    """Give a scheduler's group `place`, new or not, what group `index` has, scaled."""
    for part in getattr(scheduler, "_schedulers", ()):
        _split_schedule(part, index, place, factor)
    for name in ("base_lrs", "max_lrs", "min_lrs", "_last_lr", "lr_lambdas"):
        values = getattr(scheduler, name, None)
        if isinstance(values, list) and index < len(values):
            value = values[index] if name == "lr_lambdas" else values[index] * factor
            values[place:] = [value, *values[place + 1 :]]


def _implicit(model: nn.Module) -> set[int]:
    """Return the ids of the parameters that take an implicit step."""
    implicit: set[int] = set()
    explicit: set[int] = set()
    for layer in model.modules():
        if isinstance(layer, ProximalLayer):
            solved = explicit if layer.solver == "explicit" else implicit
            solved.update(id(parameter) for parameter in layer.parameters(recurse=False))
    return implicit - explicit


def split_groups(
    model: nn.Module, chosen: set[int], lr: float, explicit_lr: float | None = None, **extra: Any
) -> list[dict[str, Any]]:
    """The groups of :func:`param_groups`, with the proximal parameters named by their ids."""
    implicit = _Group(name="proximal", params=[], lr=lr, **extra)
    explicit = _Group(
        name="explicit", params=[], lr=lr if explicit_lr is None else explicit_lr, **extra
    )
    for parameter in model.parameters():
        (implicit if id(parameter) in chosen else explicit)["params"].append(parameter)
    if implicit["params"] and explicit["params"]:
        _connect(implicit, explicit)
    groups: list[dict[str, Any]] = [implicit, explicit]
    return [group for group in groups if group["params"]]


def _connect(implicit: _Group, explicit: _Group) -> None:
    """Note that parameters of one group may have to move to the other."""
    implicit.partner, explicit.partner = weakref.ref(explicit), weakref.ref(implicit)
    _GROUPS[id(implicit)] = implicit


def move_to_explicit(parameters: Iterable[Tensor]) -> None:
    """Move parameters from proximal groups to the explicit groups made beside them."""
    moved = {id(parameter) for parameter in parameters}
    for group in list(_GROUPS.values()):
        explicit = group.partner() if group.partner is not None else None
        if explicit is None or not any(id(p) in moved for p in group["params"]):
            continue
        explicit["params"] += [p for p in group["params"] if id(p) in moved]
        group["params"][:] = [p for p in group["params"] if id(p) not in moved]
