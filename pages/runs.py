import streamlit as st

from app import actions
from app.runs.view import runs_view

st.title("Runs", anchor=False)
st.caption("Every run ever made here, with its settings, points and weights.")
if problem := actions.take_problem():
    st.error(problem)
runs_view()
