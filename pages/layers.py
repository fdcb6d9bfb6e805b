import streamlit as st

from app.layers.along import along
from app.layers.page import view_switch
from app.layers.step import one_step
from app.lecture.bar import heading

left, right = st.columns([2, 1], vertical_alignment="bottom")
with left:
    heading(
        "Layers",
        "One training step in slow motion, explicit and implicit side by side; and what the layers "
        "do along a run.",
    )
with right, st.container(horizontal=True, horizontal_alignment="right", key="layers-view"):
    state = view_switch()
if state.view == "time":
    along(state)
else:
    one_step(state)
state.leave()
