"""What a probe is asked, and reading its answer. Loads no torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from proxprop.analysis.probe.result import LayerProbe, ProbeResult
from proxprop.spec.config import RunConfig
from proxprop.spec.config.base import Config
from proxprop.spec.config.parts import Positive

FORMAT = 1
TAUS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


class ProbeRequest(Config):
    """Which network is looked into.

    Attributes:
        config: Data, model, seed, batch size; which layers are implicit; explicit η over η.
        weights: File with the weights (safetensors); None for the initial ones.
        step: Steps behind those weights.
        taus: Values of τ at which the network's limit is computed.
    """

    config: RunConfig
    weights: str | None = None
    step: Annotated[int, Field(ge=0)] = 0
    taus: tuple[Positive, ...] = TAUS

    @property
    def digest(self) -> str:
        """Short hash of everything that determines the answer."""
        text = self.model_dump_json(exclude={"config": {"budget", "checkpoint", "instruments"}})
        return hashlib.sha256(f"{FORMAT}{text}".encode()).hexdigest()[:16]


def read_result(path: Path) -> ProbeResult:
    """Return the result at `path`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not a probe's result.
    """
    with np.load(path, allow_pickle=False) as archive:
        try:
            meta = json.loads(str(archive["meta"]))
            layers = tuple(
                LayerProbe(
                    **fields,
                    eigenvalues=archive[f"{i}.eigenvalues"],
                    energy=archive[f"{i}.energy"],
                    components=archive[f"{i}.components"],
                )
                for i, fields in enumerate(meta.pop("layers"))
            )
            for name in ("proximal", "implicit"):
                meta[name] = tuple((tau, value) for tau, value in meta[name])
            return ProbeResult(**meta, layers=layers)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is not the result of a probe: {error}") from error
