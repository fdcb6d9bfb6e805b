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
    """Show a row of links to what a run leaves; the weights once it has ended."""
    links = [
        f'<a href="/api/runs/{run.id}/{name}" download>{label}</a>'
        for name, label in FILES
        if run.status == "ended" or name != "weights.safetensors"
    ]
    st.html(f'<div class="proxprop-links">{"".join(links)}</div>')
