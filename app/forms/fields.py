"""One setting, one control: shows the draft, writes it back, says beside it what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import actions
from app.components.notation import exact_number
from app.forms.settings import CHOICES, SETTINGS
from app.state import editing as state
from app.state.draft import LISTS, read_text

# Ten stops a decade, all of them numbers a person would write.
STOPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
COUNTS = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)


def log_grid(low: float, high: float) -> list[float]:
    """Return the stops of a logarithmic slider from `low` to `high`, powers of ten."""
    decades = range(round(math.log10(low)), round(math.log10(high)))
    return [float(f"{stop}e{decade}") for decade in decades for stop in STOPS] + [high]


def shown(field: str, raw: Any) -> str:
    """Return the text a field shows for a raw value; `read_text` reads it back exactly."""
    if raw is None:
        return ""
    if field in LISTS and isinstance(raw, (list, tuple)):
        return ", ".join(shown("", part) for part in raw)
    return exact_number(raw) if isinstance(raw, float) and math.isfinite(raw) else str(raw)


def text(field: str, *, placeholder: str = "", bare: bool = False) -> None:
    """Show a text field; `bare` hides its label and refusal where they stand elsewhere."""
    draft = state.current()
    key = f"{draft.place}text.{field}"
    _show(key, shown(field, draft.values[field]))
    st.text_input(
        SETTINGS[field].label,
        key=key,
        help=None if bare else SETTINGS[field].help,
        placeholder=placeholder,
        label_visibility="collapsed" if bare else "visible",
        disabled=draft.locked(field),
        on_change=_typed,
        args=(draft, field, key),
    )
    if not bare:
        refusal(field)


def slider(field: str, *, grid: Sequence[float] = (), fallback: float | None = None) -> None:
    """Show a logarithmic slider with the exact number beside it.

    Args:
        field: Dotted name.
        grid: Stops; a logarithmic grid over the field's range if empty.
        fallback: Where the slider stands while the field is empty; also its placeholder.
    """
    draft, words = state.current(), SETTINGS[field]
    stops = list(grid) or log_grid(words.low, words.high)
    raw = draft.values[field] if draft.values[field] is not None else fallback
    value = raw if isinstance(raw, (int, float)) and math.isfinite(raw) and raw > 0 else stops[0]
    key = f"{draft.place}slider.{field}"
    _show(key, value)
    left, right = st.columns([3, 1], vertical_alignment="center", gap="xsmall")
    with left:
        st.select_slider(
            words.label,
            options=sorted({*stops, value}),
            format_func=lambda stop: shown("", stop),
            key=key,
            help=words.help,
            on_change=_taken,
            args=(draft, field, key),
            disabled=draft.locked(field),
        )
    with right:
        text(field, bare=True, placeholder="" if fallback is None else shown("", fallback))
    refusal(field)


def choose(field: str, *, segments: bool = False, options: Mapping[str, str] | None = None) -> None:
    """Show a choice as a list, or as segments side by side where all should be seen.

    Args:
        field: Dotted name.
        segments: Side by side.
        options: Value → what a person reads; all that the field can be if None.
    """
    draft, options = state.current(), CHOICES[field] if options is None else options
    raw = draft.values[field]
    key = f"{draft.place}choice.{field}"
    _show(key, raw if raw in options else None)
    common = {
        "format_func": lambda name: options.get(name, str(name)),
        "key": key,
        "help": SETTINGS[field].help,
        "on_change": _taken,
        "args": (draft, field, key),
        "disabled": draft.locked(field),
    }
    if segments:
        st.segmented_control(
            SETTINGS[field].label,
            list(options),
            required=True,
            width="stretch",
            wrap=False,
            **common,
        )
    else:
        unknown = {} if raw in options else {"index": None, "placeholder": str(raw)}
        st.selectbox(SETTINGS[field].label, list(options), **unknown, **common)
    refusal(field)


def switch(field: str) -> None:
    """Show a setting that is on or off."""
    draft = state.current()
    key = f"{draft.place}switch.{field}"
    _show(key, draft.values[field] is True)
    st.toggle(
        SETTINGS[field].label,
        key=key,
        help=SETTINGS[field].help,
        on_change=_taken,
        args=(draft, field, key),
        disabled=draft.locked(field),
    )
    refusal(field)


def refusal(field: str, place: str = "") -> None:
    """Say beside the field why its value is refused, if it is."""
    draft = state.current()
    message = draft.problems.get(field)
    if message:
        name = f"{draft.place}{place}{field}".replace(".", "-")
        with st.container(key=f"refusal-{name}"):
            st.markdown(f":material/error: {SETTINGS[field].label} {message}.")


def refusals(*fields: str) -> None:
    """Say below the button of a folded group which of its fields are refused.

    Args:
        *fields: Dotted names, or beginnings of them that end with a dot.
    """
    for field in state.current().problems:
        if field in SETTINGS and field.startswith(fields):
            refusal(field, "folded-")


def _show(key: str, value: Any) -> None:
    # Only where it differs: assigning again would throw away what is being typed.
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def _typed(draft: state.Draft, field: str, key: str) -> None:
    with state.editing(draft):
        actions.edit(field, read_text(field, st.session_state[key]))


def _taken(draft: state.Draft, field: str, key: str) -> None:
    value = st.session_state[key]
    if value is not None:  # None: a list that shows a value it does not offer
        with state.editing(draft):
            actions.edit(field, value)
