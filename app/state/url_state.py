"""One state for a page's widgets and its address: fields declared once, bound both ways.

A page declares what it shows as a class,

    class LayersState(UrlState):
        prefix = "layers."

        view: Literal["step", "time"] = "step"
        k: int = Field(3, ge=1, le=10)
        tau: float | None = Field(None, gt=0)  # None: as the weights' own settings say
        other: str = Field("", alias="with")

and uses it from its first line to its last:

    state = LayersState.arrive()  # the address wins where it changed by itself
    st.segmented_control("View", list(VIEWS), required=True, **state.bind("view"))
    st.select_slider("τ", taus, **state.bind("tau", default=config.direction.tau))
    ...
    state.leave()  # the address follows

A field stands in the address under its name (its alias, if it has one) unless it has its default:
switches as `1` and `0`, numbers exactly, a tuple's words with commas between them, a dictionary's
entries as `name.key`. Where the address says what a field does not take (a word that its `Literal`
does not list, a number out of range, nothing), the default stays. Whether an id exists is for the
page to check: the field keeps what the link says. A field declared with `exclude=True` belongs to
the state and its widgets, but never stands in the address by itself.

The state outlives the page: who comes back from another page finds it as it was. Streamlit's own
`bind="query-params"` forgets it, writes labels in place of values, and needs one widget a field
that is always on the page.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple, Self, get_origin

import streamlit as st
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from app.components.notation import exact_number

# Seconds on a machine that draws a page within one, more on a slower one:
SETTLE = 1.0  # … within which a rerun may still carry the address from before our last change,
AGAIN = 1.0  # … for which a widget is told again what it was told.
SEPARATORS = re.compile(r"[,.]")  # between words; links of earlier versions have points, too
DEAF = 10.0  # seconds after which a browser that does not answer is taken to have heard
# Keys of the session. When the page began to be drawn, and how long it last took; how often widgets
# were told something, the last time that the browser has answered, and whether it does.
ARRIVED, PAGE, TOLD, BEGAN, TOOK = "arrived", "page", "told", "began", "took"
SAID, HEARD, ASKED, ANSWERS = "said", "heard", "asked", "answers"
# The name in the address that belongs to all pages (`app.state.lecturing`), and its state's key.
MODE, LECTURING = "lecture", "Lecturing"

Query = dict[str, str]
Changed = Callable[[], None] | None


def visit(page: str) -> None:
    """Remember which page is shown, and whether the person just came to it."""
    st.session_state[ARRIVED] = st.session_state.get(PAGE) != page
    st.session_state[PAGE] = page
    st.session_state[BEGAN] = time.monotonic()


def drawn() -> None:
    """Remember how long the page took: where it draws slowly, the browser answers as late."""
    st.session_state[TOOK] = time.monotonic() - st.session_state[BEGAN]
    st.session_state[ANSWERS] = st.session_state.pop(ASKED, False)


def said() -> dict[str, int]:
    """Return how often widgets were told something, and up to where the browser has answered.

    A component of the page hands it on, which answers.
    """
    st.session_state[ASKED] = True
    return {"told": st.session_state.get(SAID, 0), "heard": st.session_state.get(HEARD, 0)}


def heard(number: int) -> None:
    """Take the component's answer: the browser has all that was said up to then."""
    st.session_state[HEARD] = max(number, st.session_state.get(HEARD, 0))


class Told(NamedTuple):
    """What a widget was told last.

    Attributes:
        number: Of all that was said in the session; 0 for what it began with.
        moment: When.
        before: What it showed.
    """

    number: int
    moment: float
    before: Any

    @property
    def unheard(self) -> bool:
        """Whether the browser, which answers, has not done so yet."""
        waits = self.number > st.session_state.get(HEARD, 0)
        return bool(st.session_state.get(ANSWERS) and waits) and not self.older(DEAF)

    def older(self, seconds: float) -> bool:
        """Whether it is longer ago, by the pace of the page."""
        return not _within(seconds, self.moment)


def _within(seconds: float, moment: float) -> bool:
    """Whether `moment` is less than `seconds` ago, or than the page has last taken so often."""
    pace: float = max(1.0, st.session_state.get(TOOK, 0.0))
    return time.monotonic() - moment < seconds * pace


def arrived() -> bool:
    """Whether the person just came to this page from another one."""
    return bool(st.session_state.get(ARRIVED, True))


class UrlState(BaseModel):
    """What a page shows, as far as its address says it; a subclass declares the fields."""

    model_config = ConfigDict(
        validate_by_name=True,
        validate_by_alias=True,
        validate_assignment=True,
        allow_inf_nan=False,
    )

    prefix: ClassVar[str] = ""  # of its widgets' keys
    keeps_others: ClassVar[bool] = False  # names that are no fields stay in the address

    _written: Query = PrivateAttr(default_factory=dict)
    _written_at: float = PrivateAttr(0.0)

    @property
    def lecture(self) -> bool:
        """Whether the last row must be able to read the page."""
        lecturing = st.session_state.get(LECTURING)
        return lecturing is not None and bool(lecturing.on)

    @classmethod
    def current(cls) -> Self:
        """Return the session's state; the defaults if there is none yet."""
        if cls.__name__ not in st.session_state:
            cls().show()
        state: Self = st.session_state[cls.__name__]
        return state

    @classmethod
    def arrive(cls) -> Self:
        """Return the session's state, read anew where the address changed by itself.

        That is: a pasted link, the back button, a link from another page.
        """
        query = cls._own(_address())
        fresh = cls.__name__ not in st.session_state
        if fresh or cls.current()._differs(query):
            state = cls.from_query(query)
            state._written = query
            state.show()
        return cls.current()

    def show(self) -> None:
        """Make this the session's state."""
        st.session_state[type(self).__name__] = self

    def leave(self) -> None:
        """Let the address follow; while there is no query for the state, it stays as it is."""
        query = self.to_query()
        if query is None:
            return
        before = _address()
        others = {name: text for name, text in before.items() if name not in self._own(before)}
        if {**others, **query} != before:
            st.query_params.from_dict({**others, **query})
            self._written_at = time.monotonic()
        self._written = query

    @classmethod
    def from_query(cls, query: Query) -> Self:
        """Return the state that an address describes; what it cannot read has its default.

        A page whose address says more than its fields extends this and `to_query`.
        """
        state, names = cls(), cls._names()
        for name, text in query.items():
            group, _, entry = name.partition(".")
            if text and group in names:
                before = getattr(state, names[group])
                if isinstance(before, dict) == bool(entry):
                    with suppress(ValidationError):
                        value = {**before, entry: text} if entry else text
                        setattr(state, names[group], value)
        return state

    def to_query(self) -> Query | None:
        """Return what differs from the defaults, as the address says it."""
        query: Query = {}
        for name, value in self.model_dump(by_alias=True, exclude_defaults=True).items():
            if isinstance(value, dict):
                query |= {f"{name}.{key}": _text(entry) for key, entry in value.items()}
            else:
                query[name] = _text(value)
        return query

    def change(self, **values: Any) -> None:
        """Set fields; the address follows when the page is left."""
        for name, value in values.items():
            setattr(self, name, value)

    def bind(
        self,
        name: str,
        *,
        key: str = "",
        default: Any = None,
        then: Changed = None,
    ) -> dict[str, Any]:
        """Return the arguments that tie a widget to a field: `key`, `on_change`, `args`.

        Args:
            name: Of the field.
            key: The widget's key; `prefix` and the field's name if empty.
            default: What the widget shows for a field that is None or empty, and is written so.
            then: Called after a person has changed the value.
        """
        key = key or f"{self.prefix}{name}"
        value = getattr(self, name)
        value = default if default is not None and value in (None, "") else value
        show_value(key, list(value) if isinstance(value, tuple) else value)
        return {"key": key, "on_change": self._take, "args": (name, key, default, then)}

    def _take(self, name: str, key: str, default: Any, then: Changed) -> None:
        value = st.session_state[key]
        unset = type(self).model_fields[name].default
        if value is None and unset is not None:
            return  # a list that shows a value it does not offer
        setattr(self, name, unset if default is not None and value == default else value)
        if then is not None:
            then()

    @classmethod
    def _own(cls, query: Query) -> Query:
        """Return the part of an address that is this state's."""
        if not cls.keeps_others:
            return {name: text for name, text in query.items() if name != MODE}
        names = cls._names()
        return {name: text for name, text in query.items() if name.partition(".")[0] in names}

    @classmethod
    def _names(cls) -> dict[str, str]:
        """Return name in the address → field; excluded fields never stand there."""
        fields = cls.model_fields.items()
        return {field.alias or name: name for name, field in fields if not field.exclude}

    def _differs(self, query: Query) -> bool:
        """Whether the address says something that neither we wrote nor a person has changed."""
        if query == self._written:
            return False
        if arrived():
            return bool(query)
        recent = _within(SETTLE, self._written_at)
        return not recent and self.to_query() in (self._written, None)

    @field_validator("*", mode="before")
    @classmethod
    def _words(cls, value: Any, info: ValidationInfo) -> Any:
        """Take a tuple's words apart."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, str) and get_origin(annotation) is tuple:
            return tuple(dict.fromkeys(word for word in SEPARATORS.split(value) if word))
        return value


def show_value(key: str, value: Any) -> None:
    """Let a widget show `value`; only where it differs, or what is being typed would be lost.

    A rerun that begins at once discards what the one before has told the browser and not yet sent:
    until the browser has answered, and for a moment where nobody answers, it is told again.
    """
    told: dict[str, Told] = st.session_state.setdefault(TOLD, {})
    if key not in st.session_state:
        told[key] = Told(0, time.monotonic(), None)
    elif (before := st.session_state[key]) != value:
        number = st.session_state[SAID] = st.session_state.get(SAID, 0) + 1
        told[key] = Told(number, time.monotonic(), before)
    if told[key].unheard or not told[key].older(AGAIN):
        st.session_state[key] = value


def overtaken(key: str, value: Any) -> bool:
    """Whether a widget reports what it showed before it was told something else a moment ago."""
    told = st.session_state.get(TOLD, {}).get(key, Told(0, -math.inf, None))
    answers = told.number and st.session_state.get(ANSWERS)
    late = told.unheard if answers else not told.older(2 * AGAIN)
    return bool(late and value == told.before)


def _address() -> Query:
    """Return the address now; a name that stands there repeatedly has all its words."""
    return {name: ",".join(st.query_params.get_all(name)) for name in st.query_params}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return exact_number(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
