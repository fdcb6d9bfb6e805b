"""Settings of a run while a person edits them: raw values by dotted name, checked as a whole.

A draft holds what was typed, readable or not, so that a bad value stays beside its refusal.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from app.state.rescale import Offer, rescale
from proxprop.data.errors import DataError
from proxprop.data.preview import Outline, dataset_shape
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import ConfigError, DataConfig, Problem, RunConfig
from proxprop.spec.config.parts import LIMITS
from proxprop.spec.config.query import flatten, nest, read_value

DEFAULTS = flatten(RunConfig())
LISTS = ("model.widths", "optimizer.betas")
TEXTS = ("data.path", "data.label")  # where they are given
OPTIONAL = {"budget.epochs", *(name for name, value in DEFAULTS.items() if value is None)}

FRESH = 5.0  # seconds for which a folder is not looked at again
ROUNDS = 4  # data, then model and batch size, then the pairing

Values = dict[str, Any]


@dataclass
class Draft:
    """The settings of one run, or of one contender of a race, on the screen.

    Attributes:
        values: Raw values by dotted name.
        problems: What is wrong, by field; what belongs to no field is filed under "".
        offer: Offer to rescale η after a switch between explicit and implicit.
        live: Whether what it describes goes on at the moment.
        place: Distinguishes its widgets from those of other drafts on the page.
    """

    values: Values = field(default_factory=DEFAULTS.copy)
    problems: dict[str, str] = field(default_factory=dict)
    offer: Offer | None = None
    live: bool = False
    place: str = ""

    @classmethod
    def of(cls, config: RunConfig, **attributes: Any) -> Self:
        """Return the draft that shows `config`."""
        return cls(flatten(config), **attributes)

    def locked(self, name: str) -> bool:
        """Whether a setting cannot change now."""
        return self.live

    def edit(self, name: str, raw: Any) -> None:
        """Take a new raw value for a setting."""
        before, self.values[name] = self.values[name], raw
        if name == "direction.solver":
            self.offer = None
            if (config := self.config()) is not None:
                optimizer, tau = config.optimizer, config.direction.tau
                self.offer = rescale(before, raw, optimizer.lr, tau, optimizer.name)
        elif name in ("optimizer.lr", "optimizer.name"):
            self.offer = None
        elif name == "budget.endless":
            limits = [f"budget.{limit}" for limit in LIMITS]
            if raw is True:
                self.values |= dict.fromkeys(limits)
            elif all(self.values[limit] is None for limit in limits):
                self.values["budget.epochs"] = DEFAULTS["budget.epochs"]

    def config(self) -> RunConfig | None:
        """Return the config described, or None; `problems` then says why."""
        config, self.problems = check(self.values)
        if config is not None:
            self.problems = check_files(config)
        return None if self.problems else config


def read_query(query: Mapping[str, str], base: RunConfig) -> tuple[Values, list[str]]:
    """Return the values that a link describes on top of `base`, and the names it does not know."""
    values = flatten(base)
    unknown = [name for name in query if name not in values]
    for name in query.keys() - set(unknown):
        value = read_value(query[name], DEFAULTS[name])
        as_list = name in LISTS and not isinstance(value, list)
        values[name] = read_text(name, str(value)) if as_list else value
    if values["budget.endless"] is True and "budget.epochs" not in query:
        values["budget.epochs"] = None  # that of the defaults
    return values, unknown


def check(values: Values) -> tuple[RunConfig | None, dict[str, str]]:
    """Return the config that values describe, or None and what is wrong by field.

    Rules over several fields are only checked once each field can be read; so refused fields are
    set to their defaults and the rest is looked at again, to name everything at once.
    """
    problems: dict[str, str] = {}
    for _ in range(ROUNDS):
        try:
            config = RunConfig.parse(nest(values))
        except ConfigError as error:
            refused = by_field(error.problems)
            if refused.keys() <= problems.keys():
                break
            problems = {**refused, **problems}
            values = values | {name: DEFAULTS[name] for name in refused.keys() & DEFAULTS.keys()}
        else:
            return (None if problems else config), problems
    return None, problems


def check_files(config: RunConfig) -> dict[str, str]:
    """Return what is wrong with a person's own data, by field; empty for other data."""
    if DATA[config.data.name].kind != "folder":
        return {}
    try:
        outline = _outline(config.data, int(time.monotonic() / FRESH))
        config.check_fit(outline.shape, len(outline.classes), outline.train_size)
    except DataError as error:
        return {"data.path": str(error).rstrip(".")}
    except ConfigError as error:
        return by_field(error.problems)
    return {}


# The moment is part of the key: a folder may be filled while the form is open.
@lru_cache(maxsize=8)
def _outline(data: DataConfig, moment: int) -> Outline:
    return dataset_shape(data)


def check_task(values: Values) -> RunConfig | None:
    """Return a config with the draft's data and network, or None; the rest may still be wrong."""
    task = {name: raw for name, raw in values.items() if name.startswith(("data.", "model."))}
    return check({**DEFAULTS, **task, "batch_size": 1})[0]


def by_field(problems: list[Problem]) -> dict[str, str]:
    """Return one message per field of the form; what belongs to no field is filed under ""."""
    messages: dict[str, str] = {}
    for problem in problems:
        names = [name for name in DEFAULTS if f"{problem.field}.".startswith(f"{name}.")]
        messages.setdefault(max(names, key=len, default=""), problem.message)
    return messages


def read_text(name: str, text: str) -> Any:
    """Return the raw value of what a person typed for a setting."""
    text = text.strip()
    if name in LISTS:
        return [_entry(part) for part in re.split(r"[\s,;]+|(?<=\d)-(?=\d)", text) if part]
    if not text:
        return None if name in OPTIONAL else ""
    if isinstance(DEFAULTS[name], str) or name in TEXTS:
        return text
    return _entry(text.replace(",", "."))


def _entry(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
