"""The settings in force: what may be turned while a run goes on, and how changes are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from proxprop.spec.catalog.optimizers import Solver
from proxprop.spec.config import Change, RunConfig, SettingsChange

FIELDS = {
    "lr": "optimizer.lr",
    "explicit_lr": "optimizer.explicit_lr",
    "tau": "direction.tau",
    "cg_steps": "direction.cg_steps",
    "solver": "direction.solver",
    "instruments": "instruments.tier",
}
_SYMBOLS = {
    "lr": "η",
    "explicit_lr": "explicit η",
    "tau": "τ",
    "cg_steps": "k",
    "solver": "direction",
    "instruments": "instruments",
}


@dataclass(frozen=True)
class Settings:
    """What is in force between two steps; fields as in `proxprop.spec.config.SettingsChange`."""

    lr: float
    explicit_lr: float | None
    tau: float
    cg_steps: int
    solver: Solver
    instruments: str

    @classmethod
    def of(cls, config: RunConfig) -> Settings:
        """Return the settings a run of `config` starts with."""
        return cls(
            lr=config.optimizer.lr,
            explicit_lr=config.optimizer.explicit_lr,
            tau=config.direction.tau,
            cg_steps=config.direction.cg_steps,
            solver=config.direction.solver,
            instruments=config.instruments.tier,
        )

    @property
    def last_lr(self) -> float:
        """Step size of explicit layers."""
        return self.lr if self.explicit_lr is None else self.explicit_lr

    def changed(self, values: SettingsChange) -> Settings:
        """Return the settings with the given fields replaced."""
        return replace(self, **values.model_dump())

    def difference(self, after: Settings) -> dict[str, Any]:
        """Return the fields in which `after` differs, with its values."""
        before = asdict(self)
        return {name: value for name, value in asdict(after).items() if before[name] != value}

    def columns(self, factor: float) -> dict[str, float]:
        """Return the values of a "settings" point; `factor` is the schedule's."""
        return {
            "lr": self.lr,
            "explicit_lr": self.last_lr,
            "tau": self.tau,
            "cg_steps": float(self.cg_steps),
            "factor": factor,
        }


def label_of(before: Settings, after: Settings) -> str:
    """Return words for a chart, for example "τ 0.05 → 0.5"."""
    return ", ".join(
        f"{_SYMBOLS[name]} {_word(getattr(before, name))} → {_word(value)}"
        for name, value in before.difference(after).items()
    )


def changes_of(before: Settings, after: Settings) -> dict[str, Any]:
    """Return dotted config field → new value, what a "set" mark holds."""
    return {FIELDS[name]: value for name, value in before.difference(after).items()}


def change_from_mark(step: int, changes: Mapping[str, Any]) -> Change:
    """Return the planned change that replays a "set" mark made at `step`."""
    names = {field: name for name, field in FIELDS.items()}
    values = {names[field]: value for field, value in changes.items()}
    return Change(step=step, values=SettingsChange.parse(values))


def _word(value: object) -> str:
    if value is None:
        return "as η"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
