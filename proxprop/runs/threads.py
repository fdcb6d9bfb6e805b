"""How a process that trains waits for its own threads."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

import proxprop

# Turns of libgomp, which PyTorch brings on Linux; its own limit, whatever the policy.
_TURNS = "1000"


def wait_politely(environment: MutableMapping[str, str]) -> None:
    """Make OpenMP's threads spin but shortly at a barrier, then sleep; a value already set stays.

    Must happen before torch is loaded. Spinning threads take turns on a busy machine: with as many
    other busy processes as cores, small steps were measured to take over fifty times as long.
    Asleep at once they are slow to wake: on an idle machine small steps then take three times as
    long. A thousand turns, some microseconds, cost neither (two cores; step in ms, plain | exact):

        =======================  ============  ============  ==============
        machine                  spin (torch)  sleep         1000, then sleep
        =======================  ============  ============  ==============
        idle, 64-128-64-10       0.35 | 1.04   1.14 | 2.83   0.39 | 1.22
        idle, 784-1000-300-…     21 | 41       24 | 50       21 | 38
        busy, 64-128-64-10       2.3 | 6.6     1.9 | 4.3     1.3 | 3.9
        busy, 784-1000-300-…     103 | 384     55 | 98       42 | 88
        =======================  ============  ============  ==============
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environment.setdefault("GOMP_SPINCOUNT", _TURNS)


def child_environment() -> dict[str, str]:
    """Return the environment of a process that computes with torch: this package in its path."""
    environment = dict(os.environ)
    wait_politely(environment)
    search = [str(Path(proxprop.__file__).parents[1]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, search))
    return environment
