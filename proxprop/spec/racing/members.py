"""Which member of a stored race is which contender with which seed."""

from __future__ import annotations

from typing import NamedTuple

from proxprop.spec.config import RaceConfig


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
