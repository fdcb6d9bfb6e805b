import streamlit as st

from app.paper import page
from app.paper.words import FOOTNOTE

choice, found = page.header()
page.main_story(choice)
page.claims(choice, found)
page.numbers(choice)
page.details(choice)
st.caption(FOOTNOTE)
