"""Which member is which contender with which seed, and what contenders are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Contender, RaceConfig

# Settings worth a word in a label, in this order, with their symbols.
_SYMBOLS = {
    "optimizer.lr": "η",
    "direction.tau": "τ",
    "optimizer.explicit_lr": "explicit η",
    "direction.layers": "layers",
    "direction.cg_rtol": "CG tolerance",
    "direction.decay": "decay",
    "direction.refresh": "refresh",
    "optimizer.momentum": "momentum",
    "optimizer.betas": "betas",
    "optimizer.eps": "eps",
    "optimizer.weight_decay": "weight decay",
    "optimizer.clip_norm": "clipping",
    "optimizer.schedule": "schedule",
}
_SEARCHED = {"optimizer.lr", "direction.tau", "optimizer.explicit_lr"}
_RUNNING_ONLY = {"direction.decay", "direction.refresh"}
_IMPLICIT_ONLY = {"direction.tau", "direction.layers", "direction.cg_rtol"}


class Place(NamedTuple):
    """Who a member is.

    Attributes:
        contender: Index among the config's contenders.
        seed_index: 0 for the race's first seed.
    """

    contender: int
    seed_index: int


def member_of(config: RaceConfig, contender: int, seed_index: int = 0) -> int:
    """Return the number under which a contender's run with one seed is stored.

    Raises:
        IndexError: If there is no such contender or seed.
    """
    count = len(config.contenders)
    if not 0 <= contender < count:
        raise IndexError(f"contender must be in 0…{count - 1}, got {contender}")
    if not 0 <= seed_index < config.seeds:
        raise IndexError(f"seed_index must be in 0…{config.seeds - 1}, got {seed_index}")
    return seed_index * count + contender


def place_of(config: RaceConfig, member: int) -> Place:
    """Return who a member is.

    Raises:
        IndexError: If there is no such member.
    """
    count = len(config.contenders)
    if not 0 <= member < count * config.seeds:
        raise IndexError(f"member must be in 0…{count * config.seeds - 1}, got {member}")
    seed_index, contender = divmod(member, count)
    return Place(contender, seed_index)


def members_of(config: RaceConfig, contender: int) -> tuple[int, ...]:
    """Return the members of one contender, first seed first."""
    return tuple(member_of(config, contender, index) for index in range(config.seeds))


def label_of(contender: Contender) -> str:
    """Return a contender's own label, or one of its direction and optimizer."""
    if contender.label:
        return contender.label
    return f"{contender.direction.label}, {OPTIMIZERS[contender.optimizer.name].label}"


def race_labels(config: RaceConfig) -> tuple[str, ...]:
    """Return a label for each contender of a race, no two alike.

    They are the same before and after a search.
    """
    return labels(config.contenders, searched=config.search is not None)


def labels(contenders: Sequence[Contender], searched: bool = False) -> tuple[str, ...]:
    """Return a label for each contender, no two alike.

    Contenders of the same direction and optimizer are told apart by the settings in which they
    differ, and identical ones by a number.

    Args:
        contenders: Who competes.
        searched: Whether their step sizes are found by a search: they are no part of a name then.
    """
    names = [name for name in _SYMBOLS if not (searched and name in _SEARCHED)]
    made = [label_of(contender) for contender in contenders]
    for label, count in Counter(made).items():
        if count > 1:
            alike = [index for index, other in enumerate(made) if other == label]
            for index, settings in zip(alike, _differences([contenders[i] for i in alike], names)):
                made[index] = f"{label}, {settings}" if settings else label
    return tuple(_numbered(made))


def _differences(alike: Sequence[Contender], names: Sequence[str]) -> list[str]:
    settings = [_settings(contender) for contender in alike]
    names = [name for name in names if len({str(values[name]) for values in settings}) > 1]
    return [", ".join(f"{_SYMBOLS[name]} {_shown(s[name])}" for name in names) for s in settings]


def _settings(contender: Contender) -> dict[str, Any]:
    values: dict[str, Any] = {}
    explicit = contender.direction.solver == "explicit"
    for name in _SYMBOLS:
        part, _, field = name.partition(".")
        value = getattr(getattr(contender, part), field)
        values[name] = None if explicit and name in _IMPLICIT_ONLY else value
        if name in _RUNNING_ONLY and not contender.direction.running:
            values[name] = None
    values["optimizer.explicit_lr"] = contender.optimizer.last_lr
    values["optimizer.schedule"] = contender.optimizer.schedule.name
    return values


def _numbered(made: list[str]) -> list[str]:
    unique: list[str] = []
    for label in made:
        name, number = label, 2
        while name in unique:
            name, number = f"{label} ({number})", number + 1
        unique.append(name)
    return unique


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "/".join(_shown(part) for part in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
