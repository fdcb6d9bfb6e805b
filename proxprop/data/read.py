"""From a data config to its decoded samples, whatever kind of data it names."""

from __future__ import annotations

from proxprop.catalog.data import DATA
from proxprop.config.parts import DataConfig
from proxprop.config.run import TOY_SAMPLES
from proxprop.data.digits import digits_source
from proxprop.data.errors import DataError
from proxprop.data.source import Progress, Source
from proxprop.data.toys import toy_source


def read_source(config: DataConfig, progress: Progress) -> Source:
    """Return all samples of the data set that `config` names.

    Raises:
        DataError: If they cannot be had or used.
    """
    kind = DATA[config.name].kind
    if kind == "toy":
        samples = config.samples or TOY_SAMPLES
        return toy_source(config.name, samples, config.noise, config.split_seed)
    if kind == "embedded":
        return digits_source()
    raise DataError(f"data set {config.name!r} cannot be read yet; choose digits")
