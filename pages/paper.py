import streamlit as st

from app.paper import page

choice, recordings = page.header()
page.main_story(choice)
page.claim_by_claim(choice, recordings)
page.details(choice)
st.caption(page.FOOTNOTE)
