"""The lessons as cards: claim, picture, how it stands here, the ways to teach and to check it."""

from __future__ import annotations

from html import escape

import streamlit as st

from app.components.notation import as_written, typeset
from app.guard import reporting
from app.lecture.scenes import want
from app.lessons.checks import CHECKS
from app.lessons.sketches import sketch
from app.permits import permit
from proxprop.lessons.lecture import Lesson
from proxprop.lessons.shelf import lessons
from proxprop.lessons.verdict import Verdict, known_verdict

ACROSS = 3
LOOK = 1.0  # seconds between two looks while checks go on
STATES = {None: "○ not run", True: "✓ holds", False: "✕ does not hold on this machine"}


def cards() -> None:
    """Show every lesson; the cards follow checks that go on."""
    st.fragment(_cards, run_every=LOOK if CHECKS.waiting() else None)()


def _cards() -> None:
    every = list(lessons().items())
    waiting = CHECKS.waiting()
    if not waiting and st.session_state.pop("lessons.followed", False):
        st.rerun()  # the last check is through: nothing is to be followed any more
    st.session_state["lessons.followed"] = bool(waiting)
    for start in range(0, len(every), ACROSS):
        for number, column in enumerate(st.columns(ACROSS, border=True), start=start + 1):
            with column:
                name, lesson = every[number - 1]
                _card(number, name, lesson, waiting)
    st.button(
        "Check all",
        key="lessons.check-all",
        icon=":material/fact_check:",
        help="About half a minute on two cores; also: proxprop lessons --check",
        on_click=_check,
        args=(range(1, len(every) + 1),),
        disabled=bool(waiting),
    )


def _card(number: int, name: str, lesson: Lesson, waiting: tuple[int, ...]) -> None:
    verdict = known_verdict(name)
    st.html(
        f'<div class="lesson-card"><img alt="" src="{sketch(name)}">'
        f"<b>{number} · {escape(lesson.title)}</b></div>"
    )
    st.markdown(typeset(lesson.claim))
    st.caption(f"But: {typeset(lesson.limit)}")
    with st.container(horizontal=True, vertical_alignment="center", key=f"lesson-{number}"):
        st.button(
            "Teach",
            key=f"teach.{name}",
            type="primary",
            icon=":material/co_present:",
            help=f"Its {len(lesson.scenes)} scenes in lecture mode.",
            on_click=want,
            args=(name, 1),
            kwargs={"afresh": True},
        )
        st.button(
            "Check",
            key=f"check.{name}",
            icon=":material/fact_check:",
            help="Carry out its experiment on this machine.",
            on_click=_check,
            args=([number],),
            disabled=number in waiting,
        )
        if number in waiting:
            st.markdown("◔ checking …" if waiting[0] == number else "◌ waits")
        else:
            st.markdown(STATES[verdict.holds if verdict else None])
    if verdict is not None:
        with st.expander(f"What was measured ({verdict.seconds:.1f} s)", key=f"numbers.{name}"):
            _numbers(verdict)


def _numbers(verdict: Verdict) -> None:
    if verdict.problem:
        st.warning(f"The experiment failed: {as_written(verdict.problem)}")
    rows = "".join(
        f"<tr><td>{escape(number.what)}</td><td>{number.words}</td><td>{escape(number.rule)}</td>"
        f"<td>{'' if number.holds else '✕'}</td></tr>"
        for number in verdict.numbers
    )
    st.html(
        '<table class="lesson-numbers"><tr><th>measured</th><th>value</th><th>must be</th><th></th>'
        f"</tr>{rows}</table>"
    )


def _check(numbers: list[int]) -> None:
    with reporting():
        permit("check lessons")
        CHECKS.ask(numbers)
