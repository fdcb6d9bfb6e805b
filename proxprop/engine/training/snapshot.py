"""The state of a run as a snapshot, and back, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from proxprop.conversion import load_running_state, running_state
from proxprop.engine.training.outcomes import LossWatch, Summary
from proxprop.engine.training.session import Session
from proxprop.spec.config import SettingsChange
from proxprop.spec.events import Reason, Snapshot
from proxprop.spec.settings import LIVE, changed, live_values

FORMAT = 1
_TENSOR = "$tensor"
_NUMBER = "$number"


def flatten(tree: Any, prefix: str, tensors: dict[str, Tensor], device: torch.device) -> Any:
    """Put a copy of every tensor in `tree` into `tensors`; return the JSON-able rest.

    Args:
        tree: Nested dicts with text keys, lists, tensors, numbers, text, booleans and None.
        prefix: Start of the tensors' names.
        tensors: Receives name → tensor on the CPU, contiguous and sharing no memory.
        device: Where the run computes; some optimizers keep counters elsewhere, on the CPU.
    """
    if isinstance(tree, Tensor):
        # clone after cpu(): on the CPU that call returns the tensor itself
        tensors[prefix] = tree.detach().cpu().clone(memory_format=torch.contiguous_format)
        entry: dict[str, Any] = {_TENSOR: prefix}
        if tree.device.type != device.type:
            entry["host"] = True
        if _by_columns(tree):
            entry["by_columns"] = True
        return entry
    if isinstance(tree, dict):
        return {
            key: flatten(value, f"{prefix}/{key}", tensors, device) for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [flatten(value, f"{prefix}/{i}", tensors, device) for i, value in enumerate(tree)]
    if isinstance(tree, float) and not math.isfinite(tree):
        return {_NUMBER: repr(tree)}  # JSON has no NaN or infinity
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise TypeError(f"{prefix} is a {type(tree).__name__}, which a snapshot cannot hold")


def unflatten(rest: Any, tensors: dict[str, Tensor], device: torch.device) -> Any:
    """Return the tree that `flatten` took apart, its tensors copied to `device`.

    Raises:
        ValueError: If a tensor is missing.
    """
    if isinstance(rest, dict):
        if _TENSOR in rest:
            name = rest[_TENSOR]
            if name not in tensors:
                raise ValueError(f"snapshot lacks the tensor {name!r}; it is damaged")
            tensor = tensors[name].to("cpu" if rest.get("host") else device, copy=True)
            return tensor.t().contiguous().t() if rest.get("by_columns") else tensor
        if _NUMBER in rest:
            return float(rest[_NUMBER])
        return {key: unflatten(value, tensors, device) for key, value in rest.items()}
    if isinstance(rest, list):
        return [unflatten(value, tensors, device) for value in rest]
    return rest


def _by_columns(tensor: Tensor) -> bool:
    """Return whether a matrix lies in memory column after column, as eigenvectors do.

    Products round differently for it, so a resumed run needs the same layout.
    """
    return tensor.ndim == 2 and not tensor.is_contiguous() and tensor.t().is_contiguous()


def capture(session: Session, reason: Reason) -> Snapshot:
    """Return everything needed to continue from here.

    Tensors are named "model/<state dict key>", "optimizer/<part>/<parameter>/<name>" and, where
    layers keep a running Gram, "running/<layer>/<name>". There is no generator to save: initial
    weights are a function of seed and model, batches of seed and epoch, and nothing else is random.
    """
    tensors: dict[str, Tensor] = {}
    settings = {LIVE[field]: value for field, value in live_values(session.settings).items()}
    plain = {
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state(),
        "settings": settings,
        "seconds": session.seconds,
        "initial_loss": session.watch.initial,
        "last_loss": session.watch.last,
        "summary": session.summary.values,
    }
    if running := running_state(session.model):
        plain["running"] = running
    extra = {key: flatten(value, key, tensors, session.device) for key, value in plain.items()}
    extra |= {
        "format": FORMAT,
        "evaluated_step": session.evaluated_step,
        "device": session.device.type,
    }
    return Snapshot(session.step, tensors, extra, reason)


def restore(snapshot: Snapshot, session: Session) -> None:
    """Put a freshly built session into the state of `snapshot`.

    Raises:
        ValueError: If the snapshot is damaged or belongs to another model or optimizer.
    """
    extra = snapshot.extra
    check_format(extra, "format", FORMAT)
    keys = ("model", "optimizer", "settings", "seconds", "initial_loss", "last_loss", "summary")
    state = {key: unflatten(extra[key], snapshot.tensors, session.device) for key in keys}
    try:
        session.model.load_state_dict(state["model"])
    except RuntimeError as error:
        raise ValueError(f"snapshot does not fit the run's model: {error}") from error
    session.optimizer.load_state(state["optimizer"])
    running = unflatten(extra.get("running", {}), snapshot.tensors, session.device)
    load_running_state(session.model, running)
    session.step, session.seconds = snapshot.step, state["seconds"]
    session.apply(changed(session.settings, SettingsChange(**state["settings"])))
    session.watch = LossWatch(state["initial_loss"], state["last_loss"])
    session.summary = Summary(state["summary"])
    session.evaluated_step = extra["evaluated_step"]


def check_format(extra: dict[str, Any], key: str, expected: int) -> None:
    """Refuse a snapshot that another version has written in another way.

    Raises:
        ValueError: If `extra[key]` is not `expected`.
    """
    if (found := extra.get(key)) != expected:
        name = key.replace("_", " ")
        raise ValueError(f"snapshot has {name} {found!r}, this version reads {expected}")
