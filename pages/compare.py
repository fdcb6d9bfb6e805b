import streamlit as st

from app.compare.form import about, differs, form, refused, transport
from app.compare.picture import picture
from app.compare.state import RaceState
from app.components.links import tab_title
from app.components.run_titles import title_of
from app.guard import take_problem
from app.lecture.bar import heading
from app.lecture.scenes import arrive_at_scene
from app.lecture.scenes import shown as in_scene

state = RaceState.arrive()
state = arrive_at_scene(state, "race", state.start)
race = state.follow()
if race is not None:
    tab_title(title_of(race), "Compare")
with st.container(key="race-head"):
    left, right = st.columns([2.6 if in_scene() else 1.6, 1], vertical_alignment="bottom")
with left:
    heading(
        "Compare",
        about(state.config())
        or "Race optimizers side by side: the same weights, batches and data, by epoch and second.",
    )
with right:
    transport(state, race)
if problem := take_problem():
    st.error(problem)
refused(state)

with st.container(horizontal=True, gap="medium"):
    if not state.lecture:
        with st.container(key="form", width=344):
            form(state)
    with st.container(key="picture"):
        if differs(state, race):
            st.caption("The form differs from the race shown; Start races what it says.")
        picture(race)

state.leave()
