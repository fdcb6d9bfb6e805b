"""What is seen before a run: the data it will learn from and the network that will."""

from __future__ import annotations

import streamlit as st

from app import state
from app.forms import task
from app.samples import sample_sheet
from proxprop.config import RunConfig


def idle() -> None:
    """Show sample pictures and the layer table of the settings on the form."""
    config = state.current().config()
    if config is None:
        st.info("Some settings cannot be used yet; each says beside it what to change.")
        return
    left, right = st.columns([1, 1.15], gap="large")
    with left:
        st.subheader("What it learns from")
        _samples(config)
    with right:
        st.subheader("What learns")
        task.layers(config)
    st.caption(task.numbers_sentence(config))


def _samples(config: RunConfig) -> None:
    sheet = sample_sheet(config.data)
    if sheet.image is not None:
        st.image(sheet.image, width="stretch", alt=f"Samples of {config.data.name}")
    if sheet.words:
        st.caption(sheet.words)
