import streamlit as st

from app.components.notation import FOOTNOTE
from app.guard import take_problem
from app.train.form import form, transport
from app.train.idle import idle
from app.train.picture import picture
from app.train.state import TrainState

left, right = st.columns([1, 1], vertical_alignment="bottom")
with left:
    st.title("Train", anchor=False)
    st.caption(
        "Train one network with explicit or implicit steps, and turn τ, k and η as it learns."
    )
state = TrainState.arrive()
run = state.follow()
with right:
    transport(state, run)
if problem := take_problem():
    st.error(problem)

with st.container(horizontal=True, gap="medium"):
    with st.container(key="form", width=344):
        form(state)
    with st.container(key="picture"):
        if run is None:
            idle(state.draft)
        else:
            picture(run)

st.caption(FOOTNOTE)
state.leave()
