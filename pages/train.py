import streamlit as st

from app.components.links import tab_title
from app.components.notation import FOOTNOTE
from app.components.run_titles import title_of
from app.guard import take_problem
from app.lecture.bar import heading
from app.lecture.scenes import arrive_at_scene
from app.train.form import form, large_dial, refused, transport
from app.train.idle import idle
from app.train.picture import picture, picture_for_a_room
from app.train.state import TrainState

state = TrainState.arrive()
state = arrive_at_scene(state, "run", state.start)
left, right = st.columns([2.6 if state.lecture else 1, 1], vertical_alignment="bottom")
with left:
    heading(
        "Train",
        "Train one network with explicit or implicit steps, and turn τ, k and η as it learns.",
    )
run = state.follow()
if run is not None:
    tab_title(title_of(run), "Train")
with right:
    transport(state, run)
if problem := take_problem():
    st.error(problem)
refused(state)

with st.container(horizontal=True, gap="medium"):
    if not state.lecture:
        with st.container(key="form", width=344):
            form(state)
    with st.container(key="picture"):
        if state.lecture:
            large_dial(state)
        if run is None:
            idle(state.draft, lecture=state.lecture)
        elif state.lecture:
            picture_for_a_room(run, state.changes)
        else:
            picture(run, state.changes)

if not state.lecture:
    st.caption(FOOTNOTE)
state.leave()
