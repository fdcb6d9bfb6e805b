import streamlit as st

from app import actions
from app.compare.arrive import arrive, current, write_url
from app.compare.form import about, form
from app.compare.picture import picture
from app.compare.transport import differs, transport

left, right = st.columns([2.4, 1], vertical_alignment="bottom")
race = arrive()
draft = current()
with left:
    st.title("Compare", anchor=False)
    st.caption(
        about(draft.config())
        or "Race optimizers side by side: the same weights, batches and data, by epoch and second."
    )
with right:
    transport(draft, race)
if problem := actions.take_problem():
    st.error(problem)

with st.container(horizontal=True, gap="medium"):
    with st.container(key="form", width=344):
        form(draft)
    with st.container(key="picture"):
        if differs(draft, race):
            st.caption("The form differs from the race shown; Start races what it says.")
        picture(race)

write_url(draft)
