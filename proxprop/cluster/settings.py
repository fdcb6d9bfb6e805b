"""Which cluster is used, and what each part takes of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self

from proxprop.spec.config import ConfigError, Problem

ADDRESS, CORES, GPUS = "PROXPROP_RAY", "PROXPROP_RAY_CORES", "PROXPROP_RAY_GPUS"
LOCAL = "local"


@dataclass(frozen=True)
class ClusterSettings:
    """A Ray cluster and what each part of a run takes of it.

    Attributes:
        address: "host:port" of the cluster's head, "auto" for the one this machine belongs to, or
            "local" for one that is started here.
        cores: CPU cores of each part, ≥ 1; as many threads compute.
        gpus: GPUs of each part, ≥ 0; a fraction shares one.
    """

    address: str
    cores: int = 1
    gpus: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        if find_spec("ray") is None:
            problems.append(Problem("--ray", "needs Ray: pip install 'proxprop[ray]'"))
        if "://" in self.address:
            rule = f"must be host:port, auto or local, got {self.address!r}; Ray Client is not used"
            problems.append(Problem("--ray", rule))
        if self.cores < 1:
            problems.append(Problem("--ray-cores", f"must be ≥ 1, got {self.cores}"))
        if self.gpus < 0 or (self.gpus > 1 and self.gpus % 1):
            rule = f"must be a fraction of 1 or a whole number, got {self.gpus:g}"
            problems.append(Problem("--ray-gpus", rule))
        if problems:
            raise ConfigError(problems)

    @property
    def environment(self) -> dict[str, str]:
        """What must be in the environment when ray is imported.

        Nobody is told that it is used; what it says of lost nodes, which it would print on standard
        output, is skipped; and a cluster of this machine alone is open to it alone: by the last
        variable ray, which would take the machine's outer address, keeps to 127.0.0.1.
        """
        here = self.address.partition(":")[0] in (LOCAL, "localhost", "127.0.0.1")
        alone = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"} if here else {}
        return {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": ".", **alone}

    def prepare(self, environment: MutableMapping[str, str]) -> None:
        """Put into the environment what must be there when ray is imported.

        A cluster that is started here answers to those who know its token alone: this process and
        those it starts.
        """
        environment.update(self.environment)
        if self.address == LOCAL:
            environment.setdefault("RAY_AUTH_MODE", "token")
            environment.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

    @property
    def device(self) -> str:
        """What a part computes on: "cpu" or "cuda"."""
        return "cuda" if self.gpus else "cpu"

    @classmethod
    def chosen(cls, environment: Mapping[str, str]) -> Self | None:
        """Return what the environment says, or None if no cluster is used.

        Raises:
            ConfigError: If a value means nothing.
        """
        address = environment.get(ADDRESS, "")
        if not address:
            return None
        cores, gpus = environment.get(CORES, "1"), environment.get(GPUS, "0")
        try:
            taken = int(cores), float(gpus)
        except ValueError as error:
            rule = f"must be a number of cores and one of GPUs, got {cores!r} and {gpus!r}"
            raise ConfigError([Problem(f"{CORES}, {GPUS}", rule)]) from error
        return cls(address, *taken)
