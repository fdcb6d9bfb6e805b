"""First answers at once: those to the pages' default questions, recorded and labelled so."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import streamlit as st

from app.permits import this_role
from app.questions import answer_path
from proxprop.analysis.questions import Question
from proxprop.spec.config import SweepConfig
from proxprop.spec.sweeping import MapPayload

FOLDER = Path(__file__).parents[1] / "recorded"
OWN = "recorded.own"  # session key: digests of questions that this machine is to answer itself


def recorded(question: Question, part: str) -> dict[str, Any] | None:
    """Return a recorded part of an answer, unless this machine has its own or is asked for it."""
    asked = question.digest in st.session_state.get(OWN, ())
    path = recording_path(question.digest, part)
    if asked or answer_path(question, part).exists() or not path.exists():
        return None
    answer: dict[str, Any] = _read(path)["answer"]
    return answer


def recorded_label(question: Question, part: str) -> None:
    """Say of a recorded part where it was recorded, and offer this machine's own."""
    if recorded(question, part) is not None:
        _label(recording_path(question.digest, part), _ask_for_own, question.digest)


def recorded_map(config: SweepConfig) -> MapPayload:
    """Return the recorded map of a sweep of which there is one."""
    return cast(MapPayload, _read(recording_path(config.digest, "map"))["answer"])


def recorded_map_label(config: SweepConfig, start: Callable[..., Any], *args: Any) -> None:
    """Say of a recorded map where it was recorded, and offer to start it here."""
    _label(recording_path(config.digest, "map"), start, *args)


def recording_path(digest: str, part: str) -> Path:
    """Return the file of a recorded part of the answer to a question, or of a config's picture."""
    return FOLDER / f"{digest}.{part}.json.gz"


def _label(path: Path, compute: Callable[..., Any], *args: Any) -> None:
    with st.container(key="recorded", horizontal=True, vertical_alignment="center"):
        st.caption("Recorded", help=f"On {_read(path)['machine']}.")
        if this_role() == "presenter":
            st.button(
                "Compute it here",
                key="recorded.own-answer",
                type="tertiary",
                help="Replaces the recording by this machine's own answer.",
                on_click=compute,
                args=args,
            )


def _ask_for_own(digest: str) -> None:
    st.session_state[OWN] = {*st.session_state.get(OWN, ()), digest}


@lru_cache(maxsize=8)
def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return content
