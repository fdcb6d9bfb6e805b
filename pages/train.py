import streamlit as st

from app.components.notation import FOOTNOTE
from app.forms.form import form
from app.guard import take_problem
from app.state import editing as state
from app.train.idle import idle
from app.train.page import arrive
from app.train.picture import picture
from app.train.transport import transport

left, right = st.columns([1, 1], vertical_alignment="bottom")
with left:
    st.title("Train", anchor=False)
    st.caption(
        "Train one network with explicit or implicit steps, and turn τ, k and η as it learns."
    )
run = arrive()
with right:
    transport(run)
if problem := take_problem():
    st.error(problem)

with st.container(horizontal=True, gap="medium"):
    with st.container(key="form", width=344):
        form()
    with st.container(key="picture"):
        if run is None:
            idle()
        else:
            picture(run)

st.caption(FOOTNOTE)
state.write_url(state.current())
