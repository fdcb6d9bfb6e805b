"""One setting, one control: shows the draft, writes it back, says beside it what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from app.components.notation import as_written, exact_number, number
from app.forms.settings import CHOICES, SETTINGS
from app.live.component import mount
from app.state.draft import DEFAULTS, LISTS, Draft, read_text
from app.state.telling import overtaken, show_value

# Ten stops a decade, all of them numbers a person would write.
STOPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
DIAL = 46  # pixels of a number with its slider


def log_grid(low: float, high: float) -> list[float]:
    """Return the stops of a logarithmic slider from `low` to `high`, powers of ten."""
    decades = range(round(math.log10(low)), round(math.log10(high)))
    return [float(f"{stop}e{decade}") for decade in decades for stop in STOPS] + [high]


def shown(name: str, raw: Any) -> str:
    """Return the text a setting shows for a raw value; `read_text` reads it back exactly."""
    if raw is None:
        return ""
    if name in LISTS and isinstance(raw, (list, tuple)):
        return ", ".join(shown("", part) for part in raw)
    return exact_number(raw) if isinstance(raw, float) and math.isfinite(raw) else str(raw)


def field(draft: Draft, name: str) -> None:
    """Show a setting as what it is: a choice, a switch, a dial, or a text."""
    if name in CHOICES:
        choose(draft, name)
    elif isinstance(DEFAULTS[name], bool):
        switch(draft, name)
    elif SETTINGS[name].high:
        dial(draft, name)
    else:
        text(draft, name)


def columns(draft: Draft, left: Iterable[str], right: Iterable[str]) -> None:
    """Show settings in two columns."""
    for column, names in zip(st.columns(2), (left, right)):
        with column:
            for name in names:
                field(draft, name)


def text(draft: Draft, name: str, *, empty: str | None = None) -> None:
    """Show a text field.

    Args:
        draft: What is edited.
        name: Of the setting.
        empty: What stands in the field while it is empty, if not what the setting says.
    """
    options = _bound(draft, name, "text", shown(name, draft.values[name]))
    options["placeholder"] = SETTINGS[name].empty if empty is None else empty
    st.text_input(SETTINGS[name].label, **options)
    refusal(draft, name)


def dial(
    draft: Draft,
    name: str,
    *,
    grid: Sequence[float] = (),
    fallback: float | None = None,
    lecture: bool = False,
) -> None:
    """Show a number as a logarithmic slider below its exact value.

    Args:
        draft: What is edited.
        name: Of the setting.
        grid: Stops; a logarithmic grid over the setting's range if empty.
        fallback: Where the slider stands while the setting is empty; also its placeholder.
        lecture: Large.
    """
    setting, value = SETTINGS[name], draft.values[name]
    stops = list(grid) or log_grid(setting.low, setting.high)
    raw = fallback if value is None else value
    key = f"{draft.place}dial.{name}"
    data = {
        "label": setting.label,
        "help": setting.help,
        "text": shown(name, value),
        "at": raw if isinstance(raw, (int, float)) and math.isfinite(raw) else stops[0],
        "empty": shown("", fallback),
        "stops": [shown("", stop) for stop in stops],
        "whole": isinstance(DEFAULTS[name], int),
        "disabled": draft.locked(name),
        "lecture": lecture,
    }
    take = partial(_take_turned, draft, name, key)
    mount("dial", data, key=key, height=None if lecture else DIAL, on_changed_change=take)
    refusal(draft, name)
    far_from_usual(draft, name, stops[0], stops[-1])


def far_from_usual(draft: Draft, name: str, low: float = 0.0, high: float = 0.0) -> None:
    """Warn beside a number outside its usual range, its slider's unless another one is given."""
    setting, value = SETTINGS[name], draft.values[name]
    low, high = low or setting.low, high or setting.high
    if name not in draft.problems and isinstance(value, (int, float)) and not low <= value <= high:
        usual = f"{number(low)} to {number(high)}"
        given = f"{setting.label} is mostly {usual}, here {number(value)}"
        st.caption(f":material/warning: Far from usual: {given}.")


def choose(
    draft: Draft, name: str, *, segments: bool = False, options: Mapping[str, str] | None = None
) -> None:
    """Show a choice as a list, or as segments side by side where all should be seen.

    Args:
        draft: What is edited.
        name: Of the setting.
        segments: Side by side.
        options: Value → what a person reads; all that the setting can be if None.
    """
    labels = CHOICES[name] if options is None else options
    raw = draft.values[name]
    common = _bound(draft, name, "choice", raw if raw in labels else None)
    common["format_func"] = lambda value: labels.get(value, str(value))
    if segments:
        segmented: dict[str, Any] = {"required": True, "width": "stretch", "wrap": False}
        st.segmented_control(SETTINGS[name].label, list(labels), **segmented, **common)
    else:
        if raw not in labels:
            common |= {"index": None, "placeholder": str(raw)}
        st.selectbox(SETTINGS[name].label, list(labels), **common)
    refusal(draft, name)


def switch(draft: Draft, name: str) -> None:
    """Show a setting that is on or off."""
    bound = _bound(draft, name, "switch", draft.values[name] is True)
    st.toggle(SETTINGS[name].label, **bound)
    refusal(draft, name)


def presets(
    names: Sequence[str],
    chosen: str | None,
    *,
    key: str,
    own: str,
    take: Callable[[str], None],
    **options: Any,
) -> None:
    """Show a list of named settings.

    Args:
        names: What can be chosen.
        chosen: Which of them the form shows; None for settings of one's own.
        key: Of the list.
        own: What is read while none is shown.
        take: Called with what a person has chosen.
        **options: Of the list.
    """
    show_value(key, chosen)
    if chosen is None:
        options |= {"index": None, "placeholder": own}

    def pick() -> None:
        if (name := st.session_state[key]) is not None:
            take(name)

    st.selectbox("Preset", names, key=key, on_change=pick, **options)


def refusal(draft: Draft, name: str, place: str = "") -> None:
    """Say beside the setting why its value is refused, if it is."""
    message = draft.problems.get(name)
    if message:
        label = SETTINGS[name].label if name in SETTINGS else ""
        with st.container(key=f"refusal-{draft.place}{place}{name}".replace(".", "-")):
            st.markdown(f":material/error: {label} {as_written(message)}.")


def told_refusals(draft: Draft, without: Sequence[str] = ()) -> None:
    """Say where there is no form what of a draft is refused, but for fields that are there."""
    for name in draft.problems:
        if name not in without:
            refusal(draft, name, "told-")


def refusals(draft: Draft, *names: str) -> None:
    """Say below the button of a folded group which of its settings are refused.

    Args:
        draft: What is edited.
        *names: Of settings, or beginnings of them that end with a dot.
    """
    for name in draft.problems:
        if name in SETTINGS and name.startswith(names):
            refusal(draft, name, "folded-")


def fold(title: str, name: str, content: Callable[[], None]) -> None:
    """Show a folded group: a button that says what is inside, and opens `content` over the page.

    Fields of a closed group do not exist: the browser would keep their old values and report
    them as changes once a preset or a link had set new ones.
    """
    key, kept = f"group.{name}", f"title.{name}"
    if not st.session_state.get(key):
        st.session_state[kept] = title
    # A new title makes a new popover, which would close under the hands of who is changing it.
    opened = st.session_state.setdefault(kept, title)
    with st.popover(opened, key=key, width="stretch", on_change="rerun") as group:
        if group.open:
            content()


def _bound(draft: Draft, name: str, kind: str, value: Any) -> dict[str, Any]:
    """Return the arguments that tie a control to a setting, once it shows `value`."""
    key = f"{draft.place}{kind}.{name}"
    show_value(key, value)
    return {
        "key": key,
        "help": SETTINGS[name].help,
        "on_change": _take,
        "args": (draft, name, key),
        "disabled": draft.locked(name),
    }


def _take(draft: Draft, name: str, key: str) -> None:
    value = st.session_state[key]
    # None: a list that shows a value it does not offer
    if value is not None and not overtaken(key, value):
        draft.edit(name, read_text(name, value) if isinstance(value, str) else value)


def _take_turned(draft: Draft, name: str, key: str) -> None:
    if sent := st.session_state[key].changed:
        draft.edit(name, read_text(name, sent["text"]))
