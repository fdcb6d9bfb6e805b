import streamlit as st

from app.guard import take_problem
from app.lecture.bar import heading
from app.runs.listing import nothing_listed, table
from app.runs.panel import bin_list, panel, undo
from app.runs.search import filters, grouped, listed
from app.services import get_store

left, right = st.columns([1, 1], vertical_alignment="bottom")
with left:
    heading("Runs", "Every run ever made here, with its settings, points and weights.")
with right:
    undo()
if problem := take_problem():
    st.error(problem)

state = filters()
runs = listed(get_store(), state)
if runs:
    panel(table(grouped(runs, state), state))
else:
    nothing_listed()
bin_list()
state.leave()
