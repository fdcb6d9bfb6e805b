"""URL ⇄ draft ⇄ race: what the Compare page shows, whichever of them changed last."""

from __future__ import annotations

import time

import streamlit as st

from app.compare.draft import RaceDraft
from app.compare.quantities import QUANTITIES
from app.components.race_link import decode, encode
from app.services import get_store
from app.state.draft import read_text
from app.state.url_state import SETTLE, arrived
from proxprop.runs.errors import UnknownRunError
from proxprop.runs.record import Run
from proxprop.spec.config import ConfigError, RaceConfig, RunConfig
from proxprop.spec.racing import default_race

KEY = "race.draft"


def current() -> RaceDraft:
    """Return the session's draft; the default race if there is none."""
    if KEY not in st.session_state:
        st.session_state[KEY] = RaceDraft.of(default_race())
    draft: RaceDraft = st.session_state[KEY]
    return draft


def arrive() -> Run | None:
    """Bring URL, draft and race together; return the race the page shows, if any."""
    query = st.query_params.to_dict()
    draft: RaceDraft | None = st.session_state.get(KEY)
    if draft is None or _changed(draft, query):
        draft = _from_url(query)
        st.session_state[KEY] = draft
    race = _race(draft.race)
    draft.set_live(race is not None and race.status != "ended")
    draft.config()
    return race


def attach(config: RaceConfig, race: str) -> None:
    """Show a race that has just been started."""
    draft = current()
    draft.base, draft.race = config, race
    draft.touch()


def show(config: RaceConfig) -> None:
    """Put a race's settings on the form, detached from it."""
    draft = RaceDraft.of(config, default_race())
    draft.touch()
    st.session_state[KEY] = draft


def write_url(draft: RaceDraft) -> None:
    """Let the URL follow the draft; an invalid draft leaves it as it is."""
    query = _query(draft)
    draft.settle()
    if query is None:
        return
    if query != st.query_params.to_dict():
        st.query_params.from_dict(query)
        draft.written_at = time.monotonic()
    draft.written = query


def _query(draft: RaceDraft) -> dict[str, str] | None:
    config = draft.config()
    if config is None:
        return None
    parts = {
        "race": draft.race or "",
        "form": "" if config == draft.base else encode(config),
        "runs": ",".join(draft.added),
        "baseline": str(draft.baseline + 1) if draft.baseline else "",
        **_view_query(draft),
    }
    return {name: text for name, text in parts.items() if text}


def _view_query(draft: RaceDraft) -> dict[str, str]:
    usual = draft.log is None or draft.log == (draft.quantity != "validation_accuracy")
    return {
        "show": "" if draft.quantity == "train_loss" else draft.quantity,
        "x": "" if draft.axis == "epoch" else draft.axis,
        "log": "" if usual else str(int(bool(draft.log))),
        "smooth": "1" if draft.smooth else "",
        "search": "1" if draft.searched else "",
        "lecture": "1" if draft.lecture else "",
        **{f"target.{name}": f"{value:g}" for name, value in draft.targets.items()},
    }


def _take_view(draft: RaceDraft, query: dict[str, str]) -> None:
    if query.get("show") in QUANTITIES:
        draft.quantity = query["show"]
    if (axis := query.get("x")) in ("step", "epoch", "seconds"):
        draft.axis = axis
    if query.get("log") in ("0", "1"):
        draft.log = query["log"] == "1"
    draft.smooth = query.get("smooth") == "1"
    draft.searched = query.get("search") == "1"
    draft.lecture = query.get("lecture") == "1"
    draft.targets = _targets(query)


def _changed(draft: RaceDraft, query: dict[str, str]) -> bool:
    """Whether the URL says something the draft does not know yet."""
    if arrived():
        return bool(query) and query != draft.written
    recent = time.monotonic() - draft.written_at < SETTLE
    return query != draft.written and not draft.touched and not recent


def _from_url(query: dict[str, str]) -> RaceDraft:
    race = _race(query.get("race"))
    base = race.config if race is not None else default_race()
    assert isinstance(base, RaceConfig)
    config, problem = base, ""
    if word := query.get("form"):
        try:
            config = decode(word)
        except ConfigError as error:
            problem = f"The link's settings cannot be used: {error}"
    draft = RaceDraft.of(config, base)
    draft.race = race.id if race is not None else None
    draft.notice = problem
    draft.added = _known_runs(query.get("runs", ""))
    _take_view(draft, query)
    if (place := query.get("baseline", "")).isdigit():
        draft.baseline = min(max(int(place) - 1, 0), len(config.contenders) - 1)
    draft.written = query
    return draft


def _race(race_id: str | None) -> Run | None:
    if not race_id:
        return None
    try:
        race = get_store().run(race_id)
    except UnknownRunError as error:
        st.warning(f"{error} Choose another on the Runs page, or press Start for a new one.")
        return None
    if not isinstance(race.config, RaceConfig):
        st.warning(f"{race_id} is a single run, not a race; it opens on the Train page.")
        return None
    return race


def _known_runs(text: str) -> list[str]:
    ids = [run_id for run_id in dict.fromkeys(text.split(",")) if run_id]
    known = get_store().get(ids) if ids else {}
    return [i for i in ids if i in known and isinstance(known[i].config, RunConfig)]


def _targets(query: dict[str, str]) -> dict[str, float]:
    found = {}
    for name, text in query.items():
        value = read_text("optimizer.lr", text)
        if name.startswith("target.") and isinstance(value, (int, float)) and 0 < value < 1e12:
            found[name.removeprefix("target.")] = float(value)
    return found
