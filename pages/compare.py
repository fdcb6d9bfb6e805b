import streamlit as st

from app.compare.arrive import arrive, current, write_url
from app.compare.form import about, form
from app.compare.lecture import lectern
from app.compare.picture import picture
from app.compare.transport import differs, transport
from app.guard import take_problem

race = arrive()
draft = current()
with st.container(key="race-head"):
    left, right = st.columns([1.1 if draft.lecture else 1.6, 1], vertical_alignment="bottom")
with left:
    st.title("Compare", anchor=False)
    st.caption(
        about(draft.config())
        or "Race optimizers side by side: the same weights, batches and data, by epoch and second."
    )
with right:
    if draft.lecture:
        lectern(draft)
    transport(draft, race)
if problem := take_problem():
    st.error(problem)

with st.container(horizontal=True, gap="medium"):
    if not draft.lecture:
        with st.container(key="form", width=344):
            form(draft)
    with st.container(key="picture"):
        if differs(draft, race):
            st.caption("The form differs from the race shown; Start races what it says.")
        picture(race)

write_url(draft)
