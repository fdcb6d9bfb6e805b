"""Rows of links: to other pages, and to what can be taken away from a run."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

import streamlit as st

from proxprop.runs.record import Run


class Link(NamedTuple):
    """One link.

    Attributes:
        url: Where it leads from a page, all of which lie side by side: another page, or a file.
        label: What a person reads.
        file: How a file is named where it is saved, "" for its own name; None for a page.
    """

    url: str
    label: str
    file: str | None = None


def tab_title(*parts: str) -> None:
    """Say in the browser's tab what is shown, the page last."""
    st.set_page_config(page_title=" · ".join([*parts, "ProxProp"]))


def link_row(links: Iterable[Link]) -> None:
    """Show links side by side; pages open in this window."""
    anchors = [
        f'<a href="{escape(link.url)}" {_target(link)}>{escape(link.label)}</a>' for link in links
    ]
    st.html(f'<div class="proxprop-links">{"".join(anchors)}</div>')


def _target(link: Link) -> str:
    return 'target="_self"' if link.file is None else f'download="{escape(link.file)}"'


def download_links(run: Run, *first: Link) -> None:
    """Show a row of links: what a run leaves, its layers; once ended also weights and Compare."""
    files = {"points.csv": "Points (CSV)", "config.json": "Settings (JSON)"}
    if run.kind != "sweep":  # whose picture a script cannot draw
        files["snippet.py"] = "Python script"
    ended = run.status == "ended"
    if run.kind == "run" and ended:
        files["weights.safetensors"] = "Trained weights"
    own = [Link(f"api/runs/{run.id}/{name}", label, "") for name, label in files.items()]
    links = [*first, *own]
    if run.kind == "run":
        links.append(Link(f"layers?run={run.id}", "Open in Layers"))
        if ended:
            links.append(Link(f"compare?runs={run.id}", "Open in Compare"))
    link_row(links)
