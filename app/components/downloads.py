"""What can be taken away from a run."""

from __future__ import annotations

import streamlit as st

from proxprop.runs.record import Run

FILES = (
    ("points.csv", "Points (CSV)"),
    ("config.json", "Settings (JSON)"),
    ("snippet.py", "Python script"),
    ("weights.safetensors", "Trained weights"),
)


def download_links(run: Run) -> None:
    """Show a row of links: what a run leaves, its layers; once ended also weights and Compare."""
    links = [
        f'<a href="/api/runs/{run.id}/{name}" download>{label}</a>'
        for name, label in FILES
        if name != "weights.safetensors" or (run.status == "ended" and run.kind == "run")
    ]
    if run.kind == "run":
        links.append(f'<a href="/layers?run={run.id}" target="_self">Open in Layers</a>')
    if run.kind == "run" and run.status == "ended":
        links.append(f'<a href="/compare?runs={run.id}" target="_self">Open in Compare</a>')
    st.html(f'<div class="proxprop-links">{"".join(links)}</div>')
