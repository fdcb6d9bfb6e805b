"""One run with every live component; `?run=<id>` chooses it, more by commas."""
# ruff: noqa: E402  (the repository must be on the path first)

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

import streamlit as st

from app.charts.curves import Trace
from app.charts.theme import GREY, line_style
from app.components.tiles import LiveTile, live_tiles
from app.live.chart import live_chart
from app.live.pictures import live_picture
from app.live.status import live_status
from app.services import get_store

STYLES = [line_style(solver) for solver in ("exact", "explicit", "cg")]
STYLES.append(line_style("exact", "adam"))

st.set_page_config(layout="wide")
runs = [run for run in st.query_params.get("run", "").split(",") if run]
lecture = "lecture" in st.query_params
count = st.session_state["reruns"] = st.session_state.get("reruns", 0) + 1
st.button("rerun", key="rerun")
st.markdown(f"reruns: {count}")

live_status([*get_store().get(runs).values()], key="status", lecture=lecture)
left, right = st.columns([2, 1])
with left:
    traces = []
    for run, style in zip(runs, STYLES, strict=False):
        name = f"run {run[:3]}" if len(runs) > 1 else "training"
        traces += [
            Trace(run, "0/steps/loss", "mini-batch", style.color, faint=True),
            Trace(run, "0/evaluations/train_loss", name, style.color, style.dash, markers=True),
        ]
        if len(runs) == 1:
            traces.append(Trace(run, "0/evaluations/validation_loss", "validation", GREY, "dot"))
    live_chart(traces, key="loss", title="Loss", y_title="training loss J", lecture=lecture)
with right:
    if "boundary" in st.query_params:
        live_picture("boundary", runs[0] if runs else None)
    else:
        live_picture("confusion", runs[0] if runs else None)
live_tiles(
    runs[0] if runs else None,
    [
        LiveTile("Validation accuracy", "0/evaluations/validation_accuracy", ".1%"),
        LiveTile("Training loss", "0/evaluations/train_loss", symbol="J"),
        LiveTile("Step time", "0/steps/seconds_forward", "s"),
    ],
    key="tiles",
)
live_picture("predictions", runs[0] if runs else None, height=200)
