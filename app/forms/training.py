"""Batch, budget and seed; and, under more, everything a first lecture does not need."""

from __future__ import annotations

import streamlit as st

from app import actions
from app.components.notation import count, exact_number
from app.components.run_titles import SOLVERS
from app.forms import fields
from app.forms.fold import fold
from app.forms.settings import SETTINGS
from app.state import editing as state
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Change, ConfigError

# What a person sees only after opening "More"; η and its kin stand in the open.
FOLDED = tuple(
    name
    for name in SETTINGS
    if (
        name.startswith(("optimizer.", "direction.", "evaluation.", "instruments.", "checkpoint."))
        and name not in state.LIVE
    )
    or name in ("device", "precision", "instruments.tier")
)
SCHEDULE_FIELDS = {
    "step": ("optimizer.schedule.gamma", "optimizer.schedule.every"),
    "exponential": ("optimizer.schedule.gamma",),
    "cosine": ("optimizer.schedule.final",),
}


def budget_group() -> None:
    """Show batch size, budget and seed; their values are on the button that opens them."""
    values = state.current().values
    title = (
        f"Batch **{values['batch_size']}**  ·  **{budget(values)}**  ·  seed **{values['seed']}**"
    )
    fold(title, "budget", _budget_fields)
    fields.refusals("batch_size", "budget.", "seed")


def _budget_fields() -> None:
    fields.text("batch_size")
    left, right = st.columns(2)
    with left:
        fields.text("budget.epochs", placeholder="no limit")
    with right:
        fields.text("budget.seconds", placeholder="no limit")
    fields.text("budget.steps", placeholder="no limit")
    st.caption("A run ends at the first of these limits it reaches.")
    fields.text("seed")


def budget(values: dict[str, object]) -> str:
    """Return when a run ends, in a few words."""
    parts = [
        f"{fields.shown('', values[name])} {unit}"
        for name, unit in (
            ("budget.epochs", "epochs"),
            ("budget.seconds", "s"),
            ("budget.steps", "steps"),
        )
        if values[name] is not None
    ]
    return " or ".join(parts) or "no end"


def more_group() -> None:
    """Show the rest: the optimizer's own settings, schedule, clipping, precision, records."""
    changes = state.current().values["changes"]
    planned = f"  ·  **{len(changes)} planned**" if changes else ""
    fold(f"More{planned}", "more", _more_fields)
    fields.refusals(*FOLDED)


def _more_fields() -> None:
    _changes()
    _optimizer()
    _schedule()
    _direction()
    machine()


def contender_more() -> None:
    """Show what a contender of a race may have of its own beyond its step sizes."""
    _optimizer()
    _schedule()
    _direction()


def _optimizer() -> None:
    spec = OPTIMIZERS.get(state.current().values["optimizer.name"])
    own = [f"optimizer.{name}" for name in spec.fields] if spec else []
    _pairs([*own, "optimizer.weight_decay", "optimizer.clip_norm"])
    if spec and spec.partner:
        st.caption(spec.pairing("exact").note)


def _schedule() -> None:
    name = state.current().values["optimizer.schedule.name"]
    left, right = st.columns(2)
    with left:
        fields.choose("optimizer.schedule.name")
    with right:
        fields.text("optimizer.schedule.warmup")
    _pairs(SCHEDULE_FIELDS.get(name, ()))


def _direction() -> None:
    solver = state.current().values["direction.solver"]
    left, right = st.columns(2)
    with left:
        if solver != "explicit":
            fields.choose("direction.layers")
    with right:
        if solver == "cg":
            fields.text("direction.cg_rtol")


def machine() -> None:
    """Show where it computes, and how often it measures and saves."""
    left, right = st.columns(2)
    with left:
        fields.choose("precision")
        fields.choose("instruments.tier")
        fields.text("evaluation.every")
    with right:
        fields.choose("device")
        fields.text("instruments.every")
        fields.text("checkpoint.seconds")
    fields.switch("evaluation.train")


def _changes() -> None:
    changes = state.current().values["changes"]
    if not changes:
        return
    st.caption("Planned changes, replayed at their steps:")
    for change in changes:
        st.markdown(f"- step {_in_words(change)}")
    st.button("Forget them", key="changes.clear", on_click=actions.edit, args=("changes", []))


def _in_words(change: object) -> str:
    try:
        planned = Change.parse(change)  # type: ignore[arg-type]
    except (ConfigError, TypeError):
        return "?"
    parts = []
    for name, value in planned.values.given().items():
        label = SETTINGS[{v: k for k, v in state.LIVE.items()}[name]].label
        if name == "solver":
            parts.append(SOLVERS[str(value)].replace("CG k", "CG"))
        else:
            parts.append(f"{label} {exact_number(value) if isinstance(value, float) else value}")
    return f"{count(planned.step)}: {', '.join(parts)}"


def _pairs(names: list[str] | tuple[str, ...]) -> None:
    columns = st.columns(2)
    for index, name in enumerate(names):
        with columns[index % 2]:
            fields.text(name)
