"""What all configs share: frozen, strict about names, and errors a person can act on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails

_LINES = 30  # problems that one message names


@dataclass(frozen=True)
class Problem:
    """One refused field: its dotted name and what to do, in words."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class FieldError(ValueError):
    """Raised by a validator over several fields: names the one a person should change."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class ConfigError(ValueError):
    """A config was refused; `problems` lists every field at fault, none at great length."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = [
            Problem(_cut(problem.field, 200), _cut(problem.message, 1000)) for problem in problems
        ]
        lines = [str(problem) for problem in self.problems[:_LINES]]
        if len(problems) > _LINES:
            lines.append(f"… and {len(problems) - _LINES} more problems")
        super().__init__("\n".join(lines))


class Config(BaseModel):
    """Base of all configs: immutable, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _booleans_are_no_numbers(cls, values: Any) -> Any:
        """Refuse `tau: true`, which would otherwise pass for 1."""
        for name, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise FieldError(name, f"must not be true or false, got {value}")
        return values

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Return the config described by nested plain data.

        Raises:
            ConfigError: With every problem in words.
        """
        with validating():
            return cls.model_validate(values)

    @classmethod
    def parse_json(cls, text: str) -> Self:
        """Return the config described by JSON text.

        Raises:
            ConfigError: If the text is not JSON or a field is refused.
        """
        try:
            values = json.loads(text)
        # ValueError: also a number of thousands of digits; RecursionError: thousands of brackets.
        except (ValueError, RecursionError) as error:
            raise ConfigError([Problem("", f"not valid JSON: {error}")]) from error
        return cls.parse(values)

    def replace(self, **dotted: Any) -> Self:
        """Return a copy with fields changed by dotted name, validated again.

        Example: `config.replace(**{"direction.tau": 0.1, "seed": 3})`.

        Raises:
            ConfigError: If a name is unknown or a value is refused.
        """
        values = self.model_dump()
        for name, value in dotted.items():
            *parents, leaf = name.split(".")
            target: Any = values
            for parent in parents:
                target = target.get(parent)
                if not isinstance(target, dict):
                    raise ConfigError([Problem(name, "is not a field of this config")])
            target[leaf] = value
        return self.parse(values)


@contextmanager
def validating() -> Iterator[None]:
    """Turn pydantic's validation errors into `ConfigError`."""
    try:
        yield
    except ValidationError as error:
        raise ConfigError([_in_words(detail) for detail in _causes(error.errors())]) from error


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop "too short" where it only says that a refused entry does not count."""
    places = [detail["loc"] for detail in details]

    def consequence(detail: ErrorDetails) -> bool:
        loc = detail["loc"]
        inner = (len(place) > len(loc) and place[: len(loc)] == loc for place in places)
        return detail["type"] == "too_short" and any(inner)

    return [detail for detail in details if not consequence(detail)]


def _in_words(detail: ErrorDetails) -> Problem:
    names = [str(part) for part in detail["loc"] if part not in ("run", "race", "sweep")]
    context = detail.get("ctx", {})
    kind = detail["type"]
    got = context.get("tag") if kind == "union_tag_invalid" else detail.get("input")
    if kind == "union_tag_invalid":
        names.append(context.get("discriminator", "").strip("'"))
    shown = _shown(got)
    rules = {
        "greater_than": f"must be > {_bound(context.get('gt'))}",
        "greater_than_equal": f"must be ≥ {_bound(context.get('ge'))}",
        "less_than": f"must be < {_bound(context.get('lt'))}",
        "less_than_equal": f"must be ≤ {_bound(context.get('le'))}",
        "finite_number": "must be finite",
        "literal_error": f"must be one of {context.get('expected')}",
        "float_type": "must be a number",
        "float_parsing": "must be a number",
        "int_type": "must be a whole number",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "int_parsing_size": "must be a whole number of fewer digits",
        "bool_parsing": "must be true or false",
        "bool_type": "must be true or false",
        "string_type": "must be text",
        "tuple_type": "must be a list",
        "too_short": f"needs at least {_entries(context.get('min_length'))}",
        "too_long": f"takes at most {_entries(context.get('max_length'))}",
        "string_too_long": f"takes at most {context.get('max_length')} characters",
        "missing": "is required",
        "extra_forbidden": "is not a field of this config; check the spelling",
        "model_type": "must be an object with named fields",
        "model_attributes_type": "must be an object with named fields",
        "dict_type": "must be an object with named fields",
        "union_tag_invalid": f"must be one of {context.get('expected_tags')}",
    }
    if kind in ("value_error", "assertion_error"):
        cause = context.get("error", detail["msg"])
        field = [cause.field] if isinstance(cause, FieldError) else []
        return Problem(".".join(names + field), str(cause))
    rule = rules.get(kind, detail["msg"])
    tail = f", got {shown}" if shown and kind not in ("missing", "extra_forbidden") else ""
    return Problem(".".join(names), f"{rule}{tail}")


def _bound(number: float | None) -> str:
    whole = isinstance(number, float) and number.is_integer()
    return str(int(number)) if whole and number is not None else str(number)


def _shown(value: object) -> str:
    if not isinstance(value, (str, int, float, bool, type(None))):
        return ""
    return _cut(repr(value), 78)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _entries(number: int | None) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
