"""What a step will cost by its arithmetic, once the process that can count it has done so."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.ownership import this_owner
from app.questions import get_questions
from proxprop.analysis.questions import CostQuestion
from proxprop.spec.config import RunConfig

LOOK = 0.5  # seconds between looks at whether the answer has come


def step_cost(config: RunConfig) -> None:
    """Show what a step of a config costs, as soon as it is known; the page does not wait."""
    question = CostQuestion.of(config)
    known = get_questions().glance(question, this_owner())
    if isinstance(known, str):
        st.fragment(_waiting, run_every=LOOK)(question)
    else:
        st.caption(sentence(known))


def _waiting(question: CostQuestion) -> None:
    known = get_questions().glance(question, this_owner())
    if isinstance(known, dict):
        st.rerun()
    st.caption(known or "Counting what a step costs …")


def sentence(cost: dict[str, Any]) -> str:
    """Return a cost in words, and in which layers the running average is kept, if not in all."""
    text = f"By its arithmetic a step costs **{cost['ratio']:.2f}** plain ones"
    if not cost["running"]:
        return f"{text}: this batch's Gram is the cheaper one in every layer."
    text += f", with this batch's Gram {cost['batch_ratio']:.2f}."
    if cost["batch"]:
        text += f" Running in {_layers(cost['running'])}, this batch's in {_layers(cost['batch'])}."
    if cost["dearer"]:
        text += (
            f" In {_layers(cost['dearer'])} the average is the dearer one: the layer has many "
            "columns for a batch's rows."
        )
    return text


def _layers(names: list[str]) -> str:
    return ("layer " if len(names) == 1 else "layers ") + ", ".join(names)
