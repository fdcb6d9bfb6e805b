"""A page's state, its widgets and its address say the same, whichever changed last."""

from __future__ import annotations

import time
from typing import Literal

import pytest
from pydantic import Field
from streamlit.testing.v1 import AppTest

from app.state import url_state
from app.state.url_state import UrlState
from tests.app.conftest import query


class Shown(UrlState):
    prefix = "shown."

    view: Literal["step", "time"] = "step"
    k: int = Field(3, ge=1, le=10)
    tau: float | None = Field(None, gt=0)
    other: str = Field("", alias="with")
    log: bool | None = None
    runs: tuple[str, ...] = ()
    target: dict[Literal["loss", "accuracy"], float] = Field(default_factory=dict)
    wide: bool = False
    notice: str = Field("", exclude=True)


FULL = {
    "view": "time",
    "k": "7",
    "tau": "0.0371",
    "with": "r2",
    "log": "0",
    "runs": "r1,r3",
    "target.loss": "0.25",
    "wide": "1",
}


def page() -> None:
    import streamlit as st

    from app.state.visits import visit
    from tests.app.state.test_url_state import Shown

    visit(st.session_state.get("go", "page"))
    if st.session_state.get("go", "page") == "page":
        state = Shown.arrive()
        st.selectbox("View", ["step", "time"], **state.bind("view"))
        st.number_input("k", **state.bind("k"))
        st.select_slider("τ", [0.05, 0.5, 1.0], **state.bind("tau", default=0.5))
        st.multiselect("Runs", ["r1", "r2", "r3"], **state.bind("runs"))
        st.toggle("Wide", **state.bind("wide"))
        st.button("Worst", key="worst", on_click=state.change, kwargs={"k": 10})
        state.leave()


def opened(**link: str) -> AppTest:
    at = AppTest.from_function(page, default_timeout=20)
    at.query_params.update(link)
    return at.run()


def test_what_a_link_says_is_read_and_written_again() -> None:
    state = Shown.from_query(FULL)
    assert state == Shown(
        view="time",
        k=7,
        tau=0.0371,
        other="r2",
        log=False,
        runs=("r1", "r3"),
        target={"loss": 0.25},
        wide=True,
    )
    assert state.to_query() == FULL


def test_defaults_need_no_link() -> None:
    assert Shown().to_query() == {}
    assert Shown.from_query({"view": "step", "k": "3", "wide": "false"}).to_query() == {}


@pytest.mark.parametrize(
    "nonsense",
    [
        {"view": "what"},
        {"k": "many"},
        {"k": "11"},
        {"tau": "-3"},
        {"tau": "nan"},
        {"tau": "inf"},
        {"log": "perhaps"},
        {"target.loss": "low"},
        {"target.size": "1"},
        {"target": "1"},
        {"k.a.b": "1"},
        {"k": "", "with": ""},
        {"unknown": "1"},
        {"notice": "said by a link, not by the page"},
    ],
)
def test_what_a_field_does_not_take_leaves_its_default_and_the_others(
    nonsense: dict[str, str],
) -> None:
    assert Shown.from_query(nonsense) == Shown()
    groups = {name.partition(".")[0] for name in nonsense} | nonsense.keys()
    kept = {name: text for name, text in FULL.items() if name not in groups}
    assert Shown.from_query({**FULL, **nonsense}).to_query() in (kept, FULL)


def test_what_is_no_part_of_the_address_is_not_written() -> None:
    assert Shown(notice="of the page").to_query() == {}


def test_links_of_earlier_versions_have_points_between_words() -> None:
    assert Shown.from_query({"runs": "r1.r2"}).runs == ("r1", "r2")
    assert Shown.from_query({"wide": "true"}).wide is True


def test_widgets_show_the_link_and_the_address_follows_them() -> None:
    at = opened(view="time", tau="0.05", runs="r3")
    assert at.selectbox(key="shown.view").value == "time"
    assert at.select_slider(key="shown.tau").value == 0.05
    assert at.multiselect(key="shown.runs").value == ["r3"]
    at.number_input(key="shown.k").set_value(5).run()
    at.multiselect(key="shown.runs").select("r1").run()
    assert query(at) == {"view": "time", "tau": "0.05", "runs": "r3,r1", "k": "5"}
    at.button(key="worst").click().run()
    assert at.number_input(key="shown.k").value == 10
    assert query(at)["k"] == "10"


def test_a_default_known_to_the_page_is_shown_and_not_written() -> None:
    at = opened()
    assert at.select_slider(key="shown.tau").value == 0.5
    at.select_slider(key="shown.tau").set_value(1.0).run()
    assert query(at) == {"tau": "1"}
    at.select_slider(key="shown.tau").set_value(0.5).run()
    assert query(at) == {}


def test_an_address_that_changed_by_itself_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(k="4")
    monkeypatch.setattr(url_state, "SETTLE", 0.0)
    at.query_params.clear()  # the back button
    at.query_params.update({"view": "time"})
    at.run()
    assert at.number_input(key="shown.k").value == 3
    assert at.selectbox(key="shown.view").value == "time"


def test_an_address_from_before_our_last_change_does_not_win() -> None:
    at = opened()
    at.number_input(key="shown.k").set_value(5).run()
    at.query_params.clear()  # a rerun asked for before the browser knew of k=5
    at.run()
    assert at.number_input(key="shown.k").value == 5
    assert query(at) == {"k": "5"}


def test_what_a_person_has_just_changed_wins_over_a_late_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = opened(k="4")
    monkeypatch.setattr(url_state, "SETTLE", 0.0)
    time.sleep(0.01)
    at.query_params.clear()
    at.number_input(key="shown.k").set_value(5).run()
    assert at.number_input(key="shown.k").value == 5


def test_the_state_outlives_the_page_and_a_link_from_another_page_wins() -> None:
    at = opened(k="4", tau="0.05")
    at.session_state["go"] = "elsewhere"
    at.query_params.clear()
    at.run()
    at.session_state["go"] = "page"
    at.run()
    assert at.number_input(key="shown.k").value == 4
    assert query(at) == {"k": "4", "tau": "0.05"}
    at.session_state["go"] = "elsewhere"
    at.run()
    at.session_state["go"] = "page"
    at.query_params.clear()
    at.query_params.update({"k": "6"})
    at.run()
    assert at.number_input(key="shown.k").value == 6
    assert at.select_slider(key="shown.tau").value == 0.5
