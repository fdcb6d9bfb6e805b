"""The whole state of a run as a snapshot, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from torch import Tensor

from proxprop.engine.training.outcomes import LossWatch, Summary
from proxprop.engine.training.session import Session
from proxprop.engine.training.settings import Settings
from proxprop.engine.training.snapshot import flatten, unflatten
from proxprop.spec.events import Snapshot

FORMAT = 1


def capture(
    session: Session,
    watch: LossWatch,
    summary: Summary,
    evaluated_step: int,
    reason: Literal["cadence", "paused", "ended", "asked"],
) -> Snapshot:
    """Return everything needed to continue from here.

    Tensors are named "model/<state dict key>" and "optimizer/<part>/<parameter>/<name>". There is
    no generator to save: initial weights are a function of seed and model, batches of seed and
    epoch, and nothing else is random.
    """
    tensors: dict[str, Tensor] = {}
    plain = {
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state(),
        "settings": asdict(session.settings),
        "seconds": session.seconds,
        "initial_loss": watch.initial,
        "last_loss": watch.last,
        "summary": summary.values,
    }
    extra = {key: flatten(value, key, tensors, session.device) for key, value in plain.items()}
    extra |= {"format": FORMAT, "evaluated_step": evaluated_step, "device": session.device.type}
    return Snapshot(session.step, tensors, extra, reason)


def restore(snapshot: Snapshot, session: Session, watch: LossWatch, summary: Summary) -> None:
    """Put a freshly built run into the state of `snapshot`.

    Raises:
        ValueError: If the snapshot is damaged or belongs to another model or optimizer.
    """
    extra = snapshot.extra
    if extra.get("format") != FORMAT:
        raise ValueError(
            f"snapshot has format {extra.get('format')!r}, this version reads {FORMAT}"
        )
    state = {
        key: unflatten(extra[key], snapshot.tensors, session.device)
        for key in ("model", "optimizer", "settings", "seconds", "initial_loss", "last_loss")
    }
    try:
        session.model.load_state_dict(state["model"])
    except RuntimeError as error:
        raise ValueError(f"snapshot does not fit the run's model: {error}") from error
    session.optimizer.load_state(state["optimizer"])
    session.step, session.seconds = snapshot.step, state["seconds"]
    session.apply(Settings(**state["settings"]))
    watch.initial, watch.last = state["initial_loss"], state["last_loss"]
    summary.values = unflatten(extra["summary"], {}, session.device)
