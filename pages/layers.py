import streamlit as st

from app.layers.along import along
from app.layers.page import view_switch
from app.layers.step import one_step

left, right = st.columns([2, 1], vertical_alignment="bottom")
with left:
    st.title("Layers", anchor=False)
    st.caption(
        "One training step in slow motion, explicit and implicit side by side; and what the layers "
        "do along a run."
    )
with right, st.container(horizontal=True, horizontal_alignment="right"):
    state = view_switch()
if state.view == "time":
    along(state)
else:
    one_step(state)
state.leave()
