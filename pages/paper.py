import streamlit as st

from app.paper import page

state, recording, recordings = page.header()
page.main_story(state, recording)
if not state.lecture:
    page.claim_by_claim(state.experiment, recording, recordings)
    page.details(recording)
    st.caption(page.FOOTNOTE)
state.leave()
