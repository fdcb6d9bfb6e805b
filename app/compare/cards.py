"""The contenders: one line each with its colour and dash; a click opens its settings."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.compare import acting
from app.compare.draft import FEWEST, MOST, Part, RaceDraft
from app.components.contender_styles import looks, stroke_css
from app.components.run_titles import SOLVERS
from app.forms import fields
from app.forms.fold import fold
from app.forms.settings import SETTINGS
from app.forms.step import step_group
from app.forms.training import contender_more
from app.state import editing as state
from app.state.draft import Values
from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import RaceConfig
from proxprop.spec.racing import labels


def cards(draft: RaceDraft) -> None:
    """Show a card for each contender, and a button for one more."""
    config = draft.config()
    names = _names(draft, config)
    _swatches(config)
    for index, part in enumerate(draft.contenders):
        _card(draft, index, part, names[index])
    st.button(
        "Add a contender",
        key="race.add",
        icon=":material/add:",
        help=f"{FEWEST} to {MOST} contenders race.",
        on_click=acting.add,
        disabled=draft.live or len(draft.contenders) >= MOST,
        width="stretch",
    )


def step_sizes(values: Values) -> str:
    """Return a contender's step sizes in one line."""
    words = [f"η {fields.shown('', values['optimizer.lr'])}"]
    if values["direction.solver"] != "explicit":
        words.append(f"τ {fields.shown('', values['direction.tau'])}")
    if values["optimizer.explicit_lr"] is not None:
        words.append(f"explicit η {fields.shown('', values['optimizer.explicit_lr'])}")
    return " · ".join(words)


def _card(draft: RaceDraft, index: int, part: Part, name: str) -> None:
    with (
        state.editing(part),
        st.container(horizontal=True, gap="xxsmall", key=f"card-{index}", wrap=False),
    ):
        title = f"**{_plain(name)}** {step_sizes(part.values)}"
        fold(title, f"{part.place}card", partial(_fields, index, part, name))
        st.button(
            "Copy",
            key=f"{part.place}copy",
            icon=":material/content_copy:",
            type="tertiary",
            help=f"Add a copy of “{name}”.",
            on_click=acting.duplicate,
            args=(index,),
            disabled=draft.live or len(draft.contenders) >= MOST,
        )
        st.button(
            "Remove",
            key=f"{part.place}remove",
            icon=":material/close:",
            type="tertiary",
            help=f"Remove “{name}”.",
            on_click=acting.remove,
            args=(index,),
            disabled=draft.live or len(draft.contenders) <= FEWEST,
        )
    for field, message in part.problems.items():
        label = SETTINGS[field].label if field in SETTINGS else ""
        with st.container(key=f"refusal-card-{index}-{field.replace('.', '-')}"):
            st.markdown(f":material/error: {label} {message}.")


def _fields(index: int, part: Part, name: str) -> None:
    step_group()
    _note(part)
    with st.expander("More", key=f"{part.place}more"):
        _name(index, part, name)
        contender_more()
        _absent(part)


def _note(part: Part) -> None:
    """Tell what the table of pairings says of this one; heuristics are told beside the choice."""
    spec = OPTIMIZERS.get(part.values["optimizer.name"])
    solver = part.values["direction.solver"]
    if spec is None or solver not in SOLVERS:
        return
    pairing = spec.pairing(solver)
    if pairing.note and pairing.support == "yes":
        st.caption(pairing.note)


def _absent(part: Part) -> None:
    """Tell which optimizers an extra package would bring, and how to install it."""
    for spec in OPTIMIZERS.values():
        pairing = spec.pairings.get(part.values["direction.solver"])
        if spec.missing and (pairing is None or pairing.support != "no"):
            st.caption(f"{spec.label}: {spec.missing}")


def _name(index: int, part: Part, name: str) -> None:
    key = f"{part.place}name"
    if st.session_state.get(key) != part.label:
        st.session_state[key] = part.label
    st.text_input(
        "Name",
        key=key,
        placeholder=name,
        max_chars=60,
        help="What the charts and the table call it; empty for a name made from its settings.",
        on_change=acting.rename,
        args=(index, key),
        disabled=part.live,
    )


def _names(draft: RaceDraft, config: RaceConfig | None) -> list[str]:
    if config is not None:
        return list(labels(config.contenders))
    return [part.label or _raw_name(part) for part in draft.contenders]


def _raw_name(part: Part) -> str:
    solver, steps = part.values["direction.solver"], part.values["direction.cg_steps"]
    return SOLVERS.get(solver, "?").replace("CG k", f"CG {steps}")


def _swatches(config: RaceConfig | None) -> None:
    """Draw each card's line at its left edge; the same line as on the charts."""
    styles = looks(config.contenders) if config is not None else []
    places = [
        f'.st-key-card-{index} [data-testid="stPopoverButton"]' for index in range(len(styles))
    ]
    st.html(stroke_css(places, styles))


def _plain(name: str) -> str:
    return "".join(f"\\{c}" if c in "\\*_`[]$:~#" else c for c in name)
