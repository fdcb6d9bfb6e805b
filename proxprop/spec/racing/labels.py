"""What contenders are called: by their own label, or by what tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import Contender, RaceConfig

# Settings worth a word in a label, in this order, with their symbols.
_SYMBOLS = {
    "optimizer.lr": "η",
    "direction.tau": "τ",
    "optimizer.explicit_lr": "explicit η",
    "direction.layers": "layers",
    "direction.cg_rtol": "CG tolerance",
    "optimizer.momentum": "momentum",
    "optimizer.betas": "betas",
    "optimizer.eps": "eps",
    "optimizer.weight_decay": "weight decay",
    "optimizer.clip_norm": "clipping",
    "optimizer.schedule": "schedule",
}
_SEARCHED = {"optimizer.lr", "direction.tau", "optimizer.explicit_lr"}
_IMPLICIT_ONLY = {"direction.tau", "direction.layers", "direction.cg_rtol"}


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
            for index, words in zip(alike, _differences([contenders[i] for i in alike], names)):
                made[index] = f"{label}, {words}" if words else label
    return tuple(_numbered(made))


def _differences(alike: Sequence[Contender], names: Sequence[str]) -> list[str]:
    shown = [_settings(contender) for contender in alike]
    names = [name for name in names if len({str(settings[name]) for settings in shown}) > 1]
    return [", ".join(f"{_SYMBOLS[name]} {_word(s[name])}" for name in names) for s in shown]


def _settings(contender: Contender) -> dict[str, Any]:
    values: dict[str, Any] = {}
    explicit = contender.direction.solver == "explicit"
    for name in _SYMBOLS:
        part, _, field = name.partition(".")
        value = getattr(getattr(contender, part), field)
        values[name] = None if explicit and name in _IMPLICIT_ONLY else value
    values["optimizer.explicit_lr"] = contender.optimizer.last_lr
    values["optimizer.schedule"] = contender.optimizer.schedule.name
    return values


def _numbered(made: list[str]) -> list[str]:
    taken: set[str] = set()
    unique = []
    for label in made:
        words, number = label, 2
        while words in taken:
            words, number = f"{label} ({number})", number + 1
        taken.add(words)
        unique.append(words)
    return unique


def _word(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "/".join(_word(part) for part in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
