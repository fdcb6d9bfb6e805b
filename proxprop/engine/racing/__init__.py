"""Several contenders trained in turns, under equal conditions, in one worker.

`race` carries out a `RaceConfig` as a loop of events; how a race is stored is described in
`proxprop.spec.racing`.
"""

from proxprop.engine.racing.loop import race

__all__ = ["race"]
