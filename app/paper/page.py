"""What the Paper page shows, and its parts in the order in which they are read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from app.components.links import link_row
from app.components.notation import PAPER, as_written, number
from app.components.tables import show_table
from app.components.tiles import tile_row
from app.guard import guard
from app.paper import claims, run_here, tiles
from app.paper.curves import curves
from app.paper.picture import picture_of, show
from app.paper.recordings import SENTENCES, Library, Recording, deviations, library, provenance
from app.state.url_state import UrlState
from proxprop.paper.result import Result

STYLE = Path(__file__).with_name("style.css")
FIRST = "mlp"
REFRESH = 10.0  # seconds between two looks at a recording that goes on here
FOOTNOTE = (
    f"The paper: {PAPER}. It writes τ for the step size, here η, and $\\tau_\\theta$ for the "
    "proximal step, here τ."
)


class PaperState(UrlState):
    """What the page shows."""

    prefix = "paper."

    experiment: str = FIRST
    recording: str = ""  # the first of its experiment if empty


def header() -> tuple[PaperState, Recording | None, Library]:
    """Show title, controls and one sentence; return what is shown, and all recordings."""
    state, recordings = PaperState.arrive(), library()
    st.html(STYLE)
    left, right = st.columns([1, 9], vertical_alignment="center")
    with left:
        st.title("Paper", anchor=False)
    with right, st.container(key="paper-bar", horizontal=True, vertical_alignment="center"):
        recording = _controls(state, recordings)
    default = recording.result.title if recording is not None else ""
    with st.container(key="paper-sentence"):
        st.markdown(SENTENCES.get(state.experiment, default))
    for problem in recordings.problems:
        st.warning(f"A recording is left out: {as_written(problem)}.")
    return state, recording, recordings


def _controls(state: PaperState, recordings: Library) -> Recording | None:
    experiments = recordings.experiments()
    if state.experiment not in experiments:
        state.change(experiment=FIRST)
    st.segmented_control(
        "Experiment",
        list(experiments),
        format_func=experiments.__getitem__,
        required=True,
        label_visibility="collapsed",
        **state.bind("experiment"),
    )
    options = recordings.of(state.experiment)
    first = next(iter(options), "")
    if state.recording not in options:
        state.change(recording="")
    if options:
        st.selectbox(
            "Recording",
            list(options),
            format_func=lambda name: options[name].label,
            label_visibility="collapsed",
            help="Recordings shipped with the package, and those that `proxprop paper` made here.",
            width=316,
            **state.bind("recording", key=f"paper.recording.{state.experiment}", default=first),
        )
    return options.get(state.recording or first)


def main_story(state: PaperState, recording: Recording | None) -> None:
    """Show the figure and its numbers; they follow a recording that goes on here."""
    going_on = recording is not None and recording.here and not recording.result.complete
    st.fragment(_story, run_every=REFRESH if going_on else None)(state, recording)


def _story(state: PaperState, recording: Recording | None) -> None:
    # A refresh of this part alone does not pass the guard around the page.
    with guard():
        if recording is None:
            show(state.experiment, None, None, lecture=state.lecture)
            st.code(run_here.command(state.experiment), language="sh", wrap_lines=True)
            return
        recording = library().of(recording.experiment).get(recording.name, recording)
        result = recording.result
        picture = picture_of(result)
        show(recording.experiment, recording, picture, lecture=state.lecture)
        if state.lecture:
            return
        if isinstance(result, Result) and result.experiment != "batch":
            tile_row(tiles.training_tiles(result))
        else:
            tile_row(tiles.study_tiles(picture))
        st.caption(provenance(result))


def claim_by_claim(experiment: str, recording: Recording | None, recordings: Library) -> None:
    """Show the claims about this experiment, what came out, and all others folded."""
    assessed = claims.assessments(recording, recordings)
    st.subheader("Claim by claim", anchor=False)
    st.markdown(claims.summary(assessed))
    st.html(claims.html(claims.about(experiment, assessed)))
    with st.expander(f"All {len(assessed)} claims", icon=":material/table_rows:"):
        st.html(claims.html(assessed))


def details(recording: Recording | None) -> None:
    """Show every contender's numbers, folded; deviations, and how to run it here."""
    if recording is None:
        return
    result = recording.result
    if isinstance(result, Result):
        with st.expander("Numbers of every contender", icon=":material/table_rows:"):
            show_table(contender_table(result), "Numbers of every contender")
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        st.subheader("Where this differs from the paper", anchor=False)
        st.markdown(deviations(result))
    with right:
        st.subheader("Run it here", anchor=False)
        st.code(run_here.command(recording.experiment), language="sh", wrap_lines=True)
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
