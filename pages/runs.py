import streamlit as st

from app import actions
from app.runs.bin import undo
from app.runs.view import runs_view

left, right = st.columns([1, 1], vertical_alignment="bottom")
with left:
    st.title("Runs", anchor=False)
    st.caption("Every run ever made here, with its settings, points and weights.")
with right:
    undo()
if problem := actions.take_problem():
    st.error(problem)
runs_view()
