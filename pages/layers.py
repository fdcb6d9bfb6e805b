import streamlit as st

from app.layers import findings
from app.layers.along import along
from app.layers.controls import controls, view
from app.layers.player import checked, player, standing, traced

left, right = st.columns([2, 1], vertical_alignment="bottom")
with left:
    st.title("Layers", anchor=False)
    st.caption(
        "One training step in slow motion, explicit and implicit side by side; and what the layers "
        "do along a run."
    )
with right, st.container(horizontal=True, horizontal_alignment="right"):
    shown = view()
choice = controls(shown)
if choice.view == "time":
    along(choice)
elif choice.request is not None and (step := traced(choice.request)):
    player(choice, step)
    st.caption(standing(step))
    if found := checked(choice.request):
        left, right = st.columns([1.1, 1], gap="large")
        with left:
            findings.overshoots(found)
        with right:
            findings.verification(found)
        findings.measures(found, {**step, **found})
