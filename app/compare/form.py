"""The Compare page's controls: contenders, what they share, and the buttons that start a race."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from app.charts.contender_styles import line_styles, stroke_css
from app.charts.search import CRITERIA
from app.compare.state import FEWEST, MOST, ContenderDraft, RaceState
from app.components.notation import as_written, exact_number
from app.components.run_titles import config_of
from app.components.transport import run_buttons
from app.forms.fields import (
    columns,
    far_from_usual,
    field,
    fold,
    presets,
    refusal,
    refusals,
    shown,
    told_refusals,
)
from app.forms.groups import (
    LIMITS,
    MACHINE,
    budget_title,
    contender_fields,
    data_group,
    machine_fields,
    model_group,
    pairing_of,
    step_group,
)
from app.lecture.scenes import shown as scene_shown
from app.state.draft import Draft, Values
from app.state.telling import show_value
from proxprop.runs.record import Run
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVER_LABELS, solver_label
from proxprop.spec.config import RaceConfig
from proxprop.spec.racing import RACE_PRESETS, RacePreset, labels

LECTURE = Path(__file__).with_name("lecture.css")
TRIALS = (4, 8, 12, 16, 24, 32, 48, 64, 100, 200)
LENGTHS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
SEARCH_HELP = (
    "Before the race every contender gets the same number of short trials: η for explicit ones; "
    "η, τ and explicit η for implicit ones, the present setting first. The best are repeated with "
    "further seeds, and the best of these is raced."
)


def transport(state: RaceState, race: Run | None) -> None:
    """Show the buttons that make sense for the race as it stands; in a lecture, presets, too."""
    if state.lecture:
        st.html(LECTURE)
    if state.lecture and scene_shown() is None:
        _presets(state, label_visibility="collapsed")
    with st.container(
        horizontal=True,
        horizontal_alignment="right",
        vertical_alignment="center",
        key="transport",
    ):
        run_buttons(race, "a new race", state.start, ready=state.config() is not None)


def refused(state: RaceState) -> None:
    """Say in a lecture, which shows no form, why nothing can be started."""
    if not state.lecture:
        return
    for draft in (state.task, *state.contenders):
        told_refusals(draft)
    if state.problem:
        st.markdown(f":material/error: {as_written(state.problem)}")


def form(state: RaceState) -> None:
    """Show every setting of a race in one column."""
    if state.notice:
        st.caption(as_written(state.notice))
    _presets(state)
    with st.container(key="race-cards", gap="xxsmall"):
        _cards(state)
    with st.container(key="race-setting", gap="xxsmall"):
        _setting(state)
    if state.problem:
        with st.container(key="refusal-race"):
            st.markdown(f":material/error: {as_written(state.problem)}")
    if state.live:
        st.caption("Settings stay fixed until the race ends.")


def about(config: RaceConfig | None) -> str:
    """Return what will be seen of these contenders, if a preset says it."""
    preset = _matching(config)
    return preset.about if preset is not None else ""


def differs(state: RaceState, race: Run | None) -> bool:
    """Whether the form says something else than the race on show."""
    return race is not None and state.config() not in (None, config_of(race))


def _matching(config: RaceConfig | None) -> RacePreset | None:
    if config is None:
        return None
    return next((p for p in RACE_PRESETS if p.contenders == config.contenders), None)


def _presets(state: RaceState, **options: Any) -> None:
    by_label = {preset.label: preset for preset in RACE_PRESETS}
    shown = _matching(state.config())
    presets(
        list(by_label),
        shown.label if shown else None,
        key="race.preset",
        own="your own contenders",
        take=lambda label: state.take_preset(by_label[label]),
        help="Named fields of contenders; data, network and budget stay as they are.",
        disabled=state.live,
        **options,
    )


def _cards(state: RaceState) -> None:
    """Show a card for each contender, with its line at the left, and a button for one more."""
    config = state.config()
    contenders = config.contenders if config is not None else ()
    names = labels(contenders) or [draft.label or _raw_name(draft) for draft in state.contenders]
    cards = [f'.st-key-card-{i} [data-testid="stPopoverButton"]' for i in range(len(contenders))]
    st.html(stroke_css(cards, line_styles(contenders)))
    full = state.live or len(state.contenders) >= MOST
    for index, (draft, name) in enumerate(zip(state.contenders, names, strict=True)):
        with st.container(horizontal=True, gap="xxsmall", key=f"card-{index}", wrap=False):
            title = f"**{as_written(name)}** {step_sizes(draft.values)}"
            fold(title, f"{draft.place}card", partial(_contender, draft, name, state.task))
            st.button(
                f"Copy {as_written(name)}",
                key=f"{draft.place}copy",
                icon=":material/content_copy:",
                type="tertiary",
                help=f"Add a copy of “{as_written(name)}”.",
                on_click=state.duplicate,
                args=(index,),
                disabled=full,
            )
            st.button(
                f"Remove {as_written(name)}",
                key=f"{draft.place}remove",
                icon=":material/close:",
                type="tertiary",
                help=f"Remove “{as_written(name)}”.",
                on_click=state.remove,
                args=(index,),
                disabled=state.live or len(state.contenders) <= FEWEST,
            )
        for setting in draft.problems:
            refusal(draft, setting, "card-")
        explicit = draft.values["direction.solver"] == "explicit"
        implicit = () if explicit else ("direction.tau",)
        for setting in ("optimizer.lr", "optimizer.explicit_lr", *implicit):
            far_from_usual(draft, setting)
    st.button(
        "Add a contender",
        key="race.add",
        icon=":material/add:",
        help=f"{FEWEST} to {MOST} contenders race.",
        on_click=state.add,
        disabled=full,
        width="stretch",
    )


def step_sizes(values: Values) -> str:
    """Return a contender's step sizes in one line."""
    parts = [f"η {shown('', values['optimizer.lr'])}"]
    if values["direction.solver"] != "explicit":
        parts.append(f"τ {shown('', values['direction.tau'])}")
    if values["optimizer.explicit_lr"] is not None:
        parts.append(f"explicit η {shown('', values['optimizer.explicit_lr'])}")
    return " · ".join(parts)


def _contender(draft: ContenderDraft, name: str, task: Draft) -> None:
    step_group(draft, task)
    # The step group says itself where a pairing is heuristic.
    if (pairing := pairing_of(draft)) is not None and pairing.support == "yes" and pairing.note:
        st.caption(pairing.note)
    with st.expander("More", key=f"{draft.place}more"):
        key = f"{draft.place}name"
        show_value(key, draft.label)
        st.text_input(
            "Name",
            key=key,
            placeholder=name,
            max_chars=60,
            help="What the charts and the table call it; empty for a name made from its settings.",
            on_change=_rename,
            args=(draft, key),
            disabled=draft.live,
        )
        contender_fields(draft)
        for spec in OPTIMIZERS.values():  # which ones an extra package would bring
            absent = spec.pairings.get(draft.values["direction.solver"])
            if spec.missing and (absent is None or absent.support != "no"):
                st.caption(f"{spec.label}: {spec.missing}")


def _rename(draft: ContenderDraft, key: str) -> None:
    draft.label = st.session_state[key].strip()[:60]


def _raw_name(draft: ContenderDraft) -> str:
    solver, steps = draft.values["direction.solver"], draft.values["direction.cg_steps"]
    return solver_label(solver, steps) if solver in SOLVER_LABELS else "?"


def _setting(state: RaceState) -> None:
    """Show what all contenders share; its values are on the buttons that open it."""
    task = state.task
    data_group(task)
    model_group(task)
    seeds = "1 seed" if state.seeds == 1 else f"{state.seeds} seeds"
    batch = task.values["batch_size"]
    title = f"Batch **{batch}**  ·  **{budget_title(task.values)}**  ·  **{seeds}**"
    fold(title, "budget", partial(_budget, state))
    refusals(task, "batch_size", "budget.", "seed")
    title = f"{state.trials} trials each" if state.search_first else "off"
    fold(f"Search of step sizes  **{title}**", "search", partial(_search, state))
    fold("More", "more", partial(machine_fields, task))
    refusals(task, *MACHINE)


def _budget(state: RaceState) -> None:
    field(state.task, "batch_size")
    columns(state.task, *LIMITS)
    st.caption(
        "Equal for all. Seconds count each contender's own training clock; measuring, drawing "
        "and pauses are left out."
    )
    st.slider(
        "Seeds",
        1,
        10,
        help="Races with as many seeds, one after the other, 1 to 10; drawn as mean and one "
        "standard deviation.",
        disabled=state.live,
        **state.bind("seeds"),
    )
    field(state.task, "seed")


def _search(state: RaceState) -> None:
    locked: dict[str, Any] = {"disabled": state.live}
    first = state.bind("search_first", key="race.search")
    st.toggle("Search step sizes first", **locked, **first)
    st.caption(SEARCH_HELP)
    if not state.search_first:
        return
    for name, label, stops in (
        ("trials", "Trials per contender", TRIALS),
        ("epochs", "Epochs per trial", LENGTHS),
        ("finalists", "Best trials that are repeated", range(1, 6)),
        ("final_seeds", "with so many seeds in all", range(1, 6)),
    ):
        st.select_slider(
            label,
            options=sorted({*stops, getattr(state, name)}),
            format_func=exact_number,
            **locked,
            **state.bind(name, key=f"race.search.{name}"),
        )
    st.segmented_control(
        "The best trial has the lowest",
        list(CRITERIA),
        format_func=CRITERIA.__getitem__,
        required=True,
        **locked,
        **state.bind("criterion", key="race.search.criterion"),
    )
