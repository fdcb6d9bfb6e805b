"""What all configs share: frozen, strict about names, and errors a person can act on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails


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
    """A config was refused; `problems` lists every field at fault."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class Config(BaseModel):
    """Base of all configs: immutable, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
        except json.JSONDecodeError as error:
            raise ConfigError([Problem("", f"not valid JSON: {error}")]) from error
        return cls.parse(values)

    def replace(self, **dotted: Any) -> Self:
        """Return a copy with fields changed by dotted name, validated again.

        Example: `config.replace(**{"direction.tau": 0.1, "seed": 3})`.
        """
        values = self.model_dump()
        for name, value in dotted.items():
            *parents, leaf = name.split(".")
            target = values
            for parent in parents:
                target = target[parent]
            target[leaf] = value
        return self.parse(values)


@contextmanager
def validating() -> Iterator[None]:
    """Turn pydantic's validation errors into `ConfigError`."""
    try:
        yield
    except ValidationError as error:
        raise ConfigError([_in_words(detail) for detail in error.errors()]) from error


def _in_words(detail: ErrorDetails) -> Problem:
    names = [str(part) for part in detail["loc"] if part not in ("run", "race", "sweep")]
    context = detail.get("ctx", {})
    got = detail.get("input")
    shown = repr(got) if isinstance(got, (str, int, float, bool, type(None))) else ""
    kind = detail["type"]
    rules = {
        "greater_than": f"must be finite and > {context.get('gt')}",
        "greater_than_equal": f"must be finite and ≥ {context.get('ge')}",
        "less_than": f"must be finite and < {context.get('lt')}",
        "less_than_equal": f"must be finite and ≤ {context.get('le')}",
        "finite_number": "must be finite",
        "literal_error": f"must be one of {context.get('expected')}",
        "float_type": "must be a number",
        "float_parsing": "must be a number",
        "int_type": "must be a whole number",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "bool_parsing": "must be true or false",
        "bool_type": "must be true or false",
        "string_type": "must be text",
        "tuple_type": "must be a list",
        "too_short": f"needs at least {context.get('min_length')} entries",
        "too_long": f"takes at most {context.get('max_length')} entries",
        "missing": "is required",
        "extra_forbidden": "is not a field of this config; check the spelling",
        "model_type": "must be an object with named fields",
    }
    if kind in ("value_error", "assertion_error"):
        cause = context.get("error", detail["msg"])
        field = [cause.field] if isinstance(cause, FieldError) else []
        return Problem(".".join(names + field), str(cause))
    rule = rules.get(kind, detail["msg"])
    tail = f", got {shown}" if shown and kind not in ("missing", "extra_forbidden") else ""
    return Problem(".".join(names), f"{rule}{tail}")
