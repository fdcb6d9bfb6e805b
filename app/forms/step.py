"""The step: direction, τ, optimizer, η. What a lecture turns, also while a run goes on."""

from __future__ import annotations

import streamlit as st

from app import actions
from app.components.notation import exact_number
from app.forms import fields
from app.forms.settings import CHOICES
from app.state import editing as state
from proxprop.spec.catalog.optimizers import OPTIMIZERS


def step_group() -> None:
    """Show what determines one step of the weights."""
    draft = state.current()
    solver = draft.values["direction.solver"]
    fields.choose("direction.solver", segments=True)
    if solver != "explicit":
        fields.slider("direction.tau")
    if solver == "cg":
        fields.slider("direction.cg_steps", grid=fields.COUNTS)
    fields.choose("optimizer.name", options=optimizers(solver))
    _pairing_note(draft)
    fields.slider("optimizer.lr")
    _offer(draft)
    lr = draft.values["optimizer.lr"]
    fields.slider("optimizer.explicit_lr", fallback=lr if isinstance(lr, (int, float)) else None)


def optimizers(solver: str) -> dict[str, str]:
    """Return the optimizers that take a direction, by name, the heuristic pairings labelled so."""
    if solver not in CHOICES["direction.solver"]:
        return CHOICES["optimizer.name"]
    support = {name: spec.pairing(solver).support for name, spec in OPTIMIZERS.items()}  # type: ignore[arg-type]
    return {
        name: f"{label} (heuristic)" if support[name] == "heuristic" else label
        for name, label in CHOICES["optimizer.name"].items()
        if support[name] != "no"
    }


def _pairing_note(draft: state.Draft) -> None:
    spec = OPTIMIZERS.get(draft.values["optimizer.name"])
    if spec is None or draft.values["direction.solver"] not in CHOICES["direction.solver"]:
        return
    note = spec.pairing(draft.values["direction.solver"])
    if note.support == "heuristic":
        st.caption(note.note)


def _offer(draft: state.Draft) -> None:
    offer = draft.offer
    if offer is None:
        return
    if offer.lr is None:
        st.caption(offer.words)
        return
    st.button(
        f"Rescale η to {exact_number(float(f'{offer.lr:.6g}'))}",
        key=f"{draft.place}offer",
        type="tertiary",
        icon=":material/swap_vert:",
        help=offer.words,
        on_click=_take_offer,
        args=(draft,),
    )


def _take_offer(draft: state.Draft) -> None:
    with state.editing(draft):
        actions.take_offer()
