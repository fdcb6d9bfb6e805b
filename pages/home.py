import streamlit as st

from app.home.machine import machine
from app.home.race import recorded_race, sentence, show_race

st.title("Implicit against explicit gradient steps", anchor=False)
st.markdown(
    "ProxProp trains a network with **implicit** steps: each layer solves a small proximal problem "
    "in place of following its gradient. Set up a run, watch it live, and turn τ, k and η as it "
    "learns."
)
race = recorded_race()
if race is not None:
    show_race(race)
    st.markdown(sentence(race))
with st.container(horizontal=True):
    if st.button("Run it live", key="live", type="primary", icon=":material/play_arrow:"):
        st.switch_page("../pages/train.py")
    if st.button("All runs", key="runs", icon=":material/list:"):
        st.switch_page("../pages/runs.py")
if race is not None:
    st.caption(
        f"Recorded: Fashion-MNIST, 11,000 images, 784-1000-300-1000-10, batch 500, Nesterov 0.95, explicit η 0.05, implicit η 1 and τ 0.05. {race.machine}."
    )
st.caption(f"This machine: {machine()}")
