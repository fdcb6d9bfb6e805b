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

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Self, get_origin

import streamlit as st
from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from app.components.notation import exact_number
from app.state.telling import show_value
from app.state.visits import arrived, within

# Seconds, more where the page takes more than one to be drawn, within which a rerun may still carry
# the address from before our last change.
SETTLE = 1.0
SEPARATORS = re.compile(r"[,.]")  # between words; links of earlier versions have points, too
# The name in the address that belongs to all pages (`app.state.lecturing`), and its state's key.
MODE, LECTURING = "lecture", "Lecturing"

Query = dict[str, str]
Changed = Callable[[], None] | None


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
        recent = within(SETTLE, self._written_at)
        return not recent and self.to_query() in (self._written, None)

    @field_validator("*", mode="before")
    @classmethod
    def _words(cls, value: Any, info: ValidationInfo) -> Any:
        """Take a tuple's words apart."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, str) and get_origin(annotation) is tuple:
            return tuple(dict.fromkeys(word for word in SEPARATORS.split(value) if word))
        return value


def _address() -> Query:
    """Return the address now; a name that stands there repeatedly has all its words."""
    return {name: ",".join(st.query_params.get_all(name)) for name in st.query_params}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return exact_number(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
