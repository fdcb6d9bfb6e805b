"""Which loop carries out which kind of config; a new kind of run is one line here."""

from __future__ import annotations

from collections.abc import Mapping

from proxprop.engine.racing import race
from proxprop.engine.sweeping import sweep
from proxprop.engine.training import train
from proxprop.spec.controls import Loop

LOOPS: Mapping[str, Loop] = {"run": train, "race": race, "sweep": sweep}
