import streamlit as st

from app.home.machine import machine
from app.home.race import provenance, recorded_race, sentence, show_race

st.title("Implicit against explicit gradient steps", anchor=False)
st.markdown(
    "ProxProp trains a network with **implicit** steps: each layer solves a small proximal "
    "problem in place of following its gradient. Set up a run, watch it live, and turn its step "
    "sizes as it learns."
)
race = recorded_race()
if race is not None:
    show_race(race)
    st.markdown(sentence(race))
with st.container(horizontal=True):
    if st.button("Run it live", key="live", type="primary", icon=":material/play_arrow:"):
        st.switch_page("../pages/train.py")
    if st.button("Drag a quadratic", key="stability", icon=":material/query_stats:"):
        st.switch_page("../pages/stability.py")
    if st.button("Compare optimizers", key="compare", icon=":material/stacked_line_chart:"):
        st.switch_page("../pages/compare.py")
    if st.button("All runs", key="runs", icon=":material/list:"):
        st.switch_page("../pages/runs.py")
if race is not None:
    st.caption(provenance(race))
st.caption(f"This machine: {machine()}")
