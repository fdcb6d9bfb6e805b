"""Many runs on many machines: the loops of `proxprop.engine`, their parts carried out by Ray.

A loop here is what it is on one machine, a generator of events fed by controls; store, recorder and
checkpoints do not know the difference. It divides its config into *parts*: each seed of a race and
each trial of its search, each block of a sweep, a run as a whole. A `Team` gives parts to the
workers of a `Crew`, passes commands on, and gives the part of a lost worker to another one from its
last snapshot. `on_ray` is the crew of a Ray cluster, and the only module that imports ray;
`part_worker` is what works on the other machine, `work` what it carries out there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from proxprop.cluster.settings import ClusterSettings
from proxprop.cluster.team import Team
from proxprop.engine import load_loops
from proxprop.spec.controls import Loop


def chosen_loops() -> Callable[[], Mapping[str, Loop]]:
    """Return what loads the loops: this machine's, or a cluster's where the environment names one.

    Raises:
        ConfigError: If what the environment says of a cluster means nothing.
    """
    settings = ClusterSettings.chosen(os.environ)
    if settings is None:
        return load_loops

    def load() -> Mapping[str, Loop]:
        # Late: it loads torch.
        from proxprop.cluster.loops import Loops

        return Loops(lambda: hire(settings), settings.device).by_kind

    return load


def hire(settings: ClusterSettings) -> Team:
    """Return a team of workers of a Ray cluster.

    Raises:
        RunError: If it cannot be reached, or no node has room for a worker.
    """
    settings.prepare(os.environ)
    # Late: it loads ray.
    from proxprop.cluster.on_ray import RayCrew

    return Team(RayCrew(settings))
