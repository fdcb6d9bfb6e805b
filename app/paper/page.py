"""The parts of the Paper page in the order in which they are read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from app.components.links import link_row
from app.components.notation import PAPER, number
from app.components.tiles import tile_row
from app.guard import guard
from app.paper import claims, run_here, tiles
from app.paper.choice import Choice, controls
from app.paper.curves import curves
from app.paper.recordings import SENTENCES, Library, deviations, library, provenance
from app.paper.show import picture_of, show
from proxprop.paper import Result

STYLE = Path(__file__).with_name("style.css")
REFRESH = 10.0  # seconds between two looks at a recording that goes on here
LARGE = (
    "<style>.st-key-paper-sentence p, .paper-claims table { font-size: 1.2rem; line-height: 1.25; }"
    ".paper-name, .paper-words { font-size: 1.15rem; } .paper-value { font-size: 1.6rem; }</style>"
)
FOOTNOTE = (
    f"The paper: {PAPER}. It writes τ for the step size, here η, and $\\tau_\\theta$ for the "
    "proximal step, here τ."
)


def header() -> tuple[Choice, Library]:
    """Show title, controls and one sentence; return what is chosen."""
    st.html(STYLE)
    known = library()
    left, right = st.columns([1, 5.2], vertical_alignment="center")
    with left:
        st.title("Paper", anchor=False)
    with right, st.container(key="paper-bar", horizontal=True, vertical_alignment="center"):
        choice = controls(known)
    if choice.lecture:
        st.html(LARGE)
    default = choice.recording.result.title if choice.recording is not None else ""
    with st.container(key="paper-sentence"):
        st.markdown(SENTENCES.get(choice.experiment, default))
    for problem in known.problems:
        st.warning(f"A recording is left out: {problem}.")
    return choice, known


def main_story(choice: Choice) -> None:
    """Show the figure and its numbers; they follow a recording that goes on here."""
    going_on = (
        choice.recording is not None
        and choice.recording.here
        and not choice.recording.result.complete
    )
    st.fragment(_story, run_every=REFRESH if going_on else None)(choice)


def _story(choice: Choice) -> None:
    # A refresh of this part alone does not pass the guard around the page.
    with guard():
        if choice.recording is None:
            show(choice, None)
            st.code(run_here.command(choice.experiment), language="sh")
            return
        recording = library().of(choice.experiment).get(choice.recording.name, choice.recording)
        choice = Choice(choice.experiment, recording, choice.lecture)
        result = recording.result
        picture = picture_of(result)
        show(choice, picture)
        if isinstance(result, Result) and result.experiment != "batch":
            tile_row(tiles.training_tiles(result))
        else:
            tile_row(tiles.study_tiles(picture))
        st.caption(provenance(result))


def claim_by_claim(choice: Choice, known: Library) -> None:
    """Show the claims about this experiment, what came out, and all others folded."""
    assessed = claims.assessments(choice.recording, known)
    st.subheader("Claim by claim", anchor=False)
    st.markdown(claims.summary(assessed))
    st.html(claims.html(claims.about(choice.experiment, assessed)))
    with st.expander(f"All {len(assessed)} claims", icon=":material/table_rows:"):
        st.html(claims.html(assessed))


def details(choice: Choice) -> None:
    """Show every contender's numbers, folded; deviations, and how to run it here."""
    if choice.recording is None:
        return
    result = choice.recording.result
    if isinstance(result, Result):
        with st.expander("Numbers of every contender", icon=":material/table_rows:"):
            st.dataframe(contender_table(result), hide_index=True, width="stretch")
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        st.subheader("Where this differs from the paper", anchor=False)
        st.markdown(deviations(result))
    with right:
        st.subheader("Run it here", anchor=False)
        st.code(run_here.command(choice.experiment), language="sh")
        link_row(run_here.links(result))
        if races := run_here.races():
            st.caption("Races and runs of the paper's networks made here:")
            link_row(races)
        st.download_button(
            "Recording (JSON)",
            result.model_dump_json(indent=1),
            f"paper-{result.name}.json",
            "application/json",
            key="paper.json",
            icon=":material/download:",
            on_click="ignore",
        )


def contender_table(result: Result) -> pd.DataFrame:
    """Return one line a contender."""
    return pd.DataFrame(
        {
            "contender": line.label,
            "epochs": number(line.epochs),
            "final loss J": number(line.loss),
            "validation accuracy": f"{line.accuracy:.1%}",
            "test accuracy": "–" if line.test_accuracy is None else f"{line.test_accuracy:.1%}",
            "s per epoch": number(line.seconds_per_epoch),
            "seeds": str(len(line.seeds)),
            "outcome": ", ".join(sorted({seed.outcome for seed in line.seeds})),
        }
        for line in curves(result)
    )
