import streamlit as st

from app.components.machine import machine
from app.components.room import audience_link
from app.guard import take_problem
from app.home.race import provenance, recorded_race, run_live, sentence, show_race
from app.lecture.bar import heading
from app.state.lecturing import Lecturing

INTRODUCTION = (
    "ProxProp trains a network with **implicit** steps: each layer solves a small proximal "
    "problem in place of following its gradient. Set up a run, watch it live, and turn its step "
    "sizes as it learns."
)
lecture = Lecturing.current().on

heading("Implicit against explicit gradient steps")
audience_link()
if problem := take_problem():
    st.error(problem)
if not lecture:
    st.markdown(INTRODUCTION)
race = recorded_race()
if race is not None:
    show_race(race, lecture=lecture)
    st.markdown(sentence(race))
if not lecture:
    with st.container(horizontal=True):
        live = {"key": "live", "type": "primary", "icon": ":material/play_arrow:"}
        if race is not None and st.button(
            "Run it live", help="This race, on this machine.", **live
        ):
            run_live(race)
        if st.button("Lessons", key="lessons", icon=":material/school:"):
            st.switch_page("../pages/lessons.py")
        if st.button("Drag a quadratic", key="stability", icon=":material/query_stats:"):
            st.switch_page("../pages/stability.py")
        if st.button("Train a network", key="train", icon=":material/model_training:"):
            st.switch_page("../pages/train.py")
        if st.button("Compare optimizers", key="compare", icon=":material/stacked_line_chart:"):
            st.switch_page("../pages/compare.py")
    if race is not None:
        st.caption(provenance(race))
    st.caption(f"This machine: {machine()}")
