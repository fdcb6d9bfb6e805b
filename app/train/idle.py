"""What is seen before a run: the data it will learn from and the network that will."""

from __future__ import annotations

import streamlit as st

from app.components.network import numbers_sentence, show_layers
from app.components.notation import as_written
from app.samples import found_in, sample_sheet
from app.state.draft import Draft, check_task
from proxprop.spec.config import RunConfig

FORMULAS = {
    "explicit": r"\theta \;\leftarrow\; \theta - \eta\,G, \qquad G = \Delta^{\top}\tilde A",
    "exact": r"\theta \;\leftarrow\; \theta - \eta\,D, \qquad "
    r"D = G\,\bigl(\tilde A^{\top}\tilde A + \tfrac1\tau I\bigr)^{-1}",
    "running": r"\theta \;\leftarrow\; \theta - \eta\,D, \qquad "
    r"D = G\,\bigl(\bar N M + \tfrac1\tau I\bigr)^{-1}",
    "cg": r"\theta \;\leftarrow\; \theta - \eta\,D_k, \qquad "
    r"D_k \approx G\,\bigl(\tilde A^{\top}\tilde A + \tfrac1\tau I\bigr)^{-1}",
}
SENTENCES = {
    "explicit": "Plain backprop: the gradient G of the layer's weights, at step size η.",
    "exact": "The layer moves to the exact solution of its proximal problem: A is its input, G the "
    "gradient. With momentum or Adam, the optimizer takes D in place of G.",
    "running": "As the exact step, with averages over the steps so far: M of the rows' second "
    "moment ÃᵀÃ/N, N̄ of their number.",
    "auto": "Where it is cheaper, an average over the steps so far, M of ÃᵀÃ/N and N̄ of N, stands "
    "in place of this batch's ÃᵀÃ.",
    "cg": "As the exact step, but after k steps of conjugate gradients from zero.",
}


def idle(draft: Draft, *, lecture: bool = False) -> None:
    """Show sample pictures and the layer table of the settings on the form; a room, less of it."""
    config = draft.config() or check_task(draft.values)
    if config is None:
        st.info("Data or network cannot be used yet; the form says what to change.")
        return
    left, right = st.columns([1, 1.15], gap="large")
    with left:
        st.subheader("What it learns from")
        _samples(config)
    with right:
        st.subheader("What learns")
        if not lecture:
            show_layers(config)
        if draft.config():
            st.caption(numbers_sentence(config))
        st.subheader("How a hidden layer steps")
        direction = config.direction
        kind = direction.gram if direction.running else direction.solver
        st.latex(FORMULAS["running" if direction.running else kind])
        if not lecture:
            st.caption(SENTENCES[kind])


def _samples(config: RunConfig) -> None:
    sheet = sample_sheet(config.data)
    if sheet.source is not None:
        alt = f"Samples of {config.data.name}"
        st.html(f'<img class="proxprop-samples" alt="{alt}" src="{sheet.source}">')
    if sheet.message:
        st.caption(as_written(sheet.message))
    for sentence in found_in(config.data):
        st.caption(as_written(sentence))
