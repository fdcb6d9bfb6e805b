"""The parts of the Paper page in the order in which they are read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from app.guard import guard
from app.paper import here, tiles, verdicts, words
from app.paper.choice import Choice, controls
from app.paper.curves import curves
from app.paper.recordings import Library, library
from app.paper.show import picture_of, show
from app.words import number
from proxprop.paper import Result

STYLE = Path(__file__).with_name("style.css")
REFRESH = 10.0  # seconds between two looks at a recording that goes on here
LARGE = (
    "<style>.st-key-paper-sentence p, .paper-claims table { font-size: 1.2rem; line-height: 1.25; }"
    ".paper-name, .paper-words { font-size: 1.15rem; } .paper-value { font-size: 1.6rem; }</style>"
)


def header() -> tuple[Choice, Library]:
    """Show title, controls and one sentence; return what is chosen."""
    st.html(STYLE)
    found = library()
    left, right = st.columns([1, 5.2], vertical_alignment="center")
    with left:
        st.title("Paper", anchor=False)
    with (
        right,
        st.container(key="paper-bar", horizontal=True, vertical_alignment="center"),
    ):
        choice = controls(found)
    if choice.lecture:
        st.html(LARGE)
    result = choice.recording.result if choice.recording is not None else None
    with st.container(key="paper-sentence"):
        st.markdown(words.sentence(choice.experiment, result))
    for problem in found.problems:
        st.warning(f"A recording is left out: {problem}.")
    return choice, found


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
            st.code(here.command(choice.experiment), language="sh")
            return
        recording = library().of(choice.experiment).get(choice.recording.name, choice.recording)
        choice = Choice(choice.experiment, recording, choice.lecture)
        result = recording.result
        picture = picture_of(result)
        show(choice, picture)
        training = isinstance(result, Result) and result.experiment != "batch"
        shown = tiles.training_tiles(result) if training else tiles.study_tiles(picture)  # type: ignore[arg-type]
        st.html(tiles.html(shown))
        st.caption(words.provenance(result))


def claims(choice: Choice, found: Library) -> None:
    """Show the claims about this experiment, what came out, and all others folded."""
    every = verdicts.assessments(choice, found)
    st.subheader("Claim by claim", anchor=False)
    st.markdown(verdicts.summary(every))
    shown = verdicts.about(choice.experiment, every)
    st.html(verdicts.html(shown))
    with st.expander(f"All {len(every)} claims", icon=":material/table_rows:"):
        st.html(verdicts.html(every))


def details(choice: Choice) -> None:
    """Show numbers, deviations, and how to run it here."""
    recording = choice.recording
    if recording is None:
        return
    result = recording.result
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        st.subheader("Where this differs from the paper", anchor=False)
        st.markdown("\n".join(f"- {line}" for line in words.deviations(result)))
    with right:
        st.subheader("Run it here", anchor=False)
        st.code(here.command(choice.experiment), language="sh")
        st.html(here.links_html(here.anchors(result)))
        _races()
        st.download_button(
            "Recording (JSON)",
            result.model_dump_json(indent=1),
            f"paper-{result.name}.json",
            "application/json",
            key="paper.json",
            icon=":material/download:",
            on_click="ignore",
        )


def _races() -> None:
    runs = here.races()
    if runs:
        st.caption("Races and runs of the paper's networks made here:")
        st.html(here.races_html(runs))


def numbers(choice: Choice) -> None:
    """Show every contender's numbers, folded."""
    recording = choice.recording
    if recording is None or not isinstance(recording.result, Result):
        return
    with st.expander("Numbers of every contender", icon=":material/table_rows:"):
        st.dataframe(contender_table(recording.result), hide_index=True, width="stretch")


def contender_table(result: Result) -> pd.DataFrame:
    """Return one line a contender."""
    drawn = curves(result)
    tests = [one.test_accuracy for one in drawn]
    return pd.DataFrame(
        {
            "contender": [one.label for one in drawn],
            "epochs": [number(one.epochs) for one in drawn],
            "final loss J": [number(one.loss) for one in drawn],
            "validation accuracy": [f"{one.accuracy:.1%}" for one in drawn],
            "test accuracy": ["–" if test is None else f"{test:.1%}" for test in tests],
            "s per epoch": [number(one.seconds_per_epoch) for one in drawn],
            "seeds": [str(len(one.seeds)) for one in drawn],
            "outcome": [", ".join(sorted({seed.outcome for seed in one.seeds})) for one in drawn],
        }
    )
