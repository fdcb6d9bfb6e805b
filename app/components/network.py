"""A network in words: its shape in one line, its layers in a table, how much there is to learn."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.components.notation import count
from app.components.tables import show_table
from app.forms.settings import CHOICES
from proxprop.data.preview import dataset_shape
from proxprop.spec.catalog.models import MODELS, LayerRow
from proxprop.spec.config import RunConfig


def show_layers(config: RunConfig | None) -> None:
    """Show the layer table of a config, or what to do where it cannot be known yet."""
    if config is None:
        st.caption("The layers are listed once the settings above can be read.")
    elif rows := layer_rows(config):
        show_table(layer_frame(rows, config), "Layers of the network")
    else:
        st.caption("The layers are listed once the images can be read.")


def layer_rows(config: RunConfig) -> list[LayerRow]:
    """Return the layers of a config; none where an image folder cannot be read."""
    try:
        outline = dataset_shape(config.data)
        return config.model.layers(outline.shape, len(outline.classes))
    except ValueError:  # an image folder that is missing, or whose images are too small
        return []


def layer_frame(rows: list[LayerRow], config: RunConfig) -> pd.DataFrame:
    """Return the layer table a person reads: layer, output, parameters, step."""
    weighted = [row.name for row in rows if row.parameters]
    explicit = set(weighted if config.direction.solver == "explicit" else weighted[-1:])
    if config.direction.solver != "explicit" and config.direction.layers == "all":
        explicit = set()
    return pd.DataFrame(
        {
            "layer": [row.name for row in rows],
            "output": ["×".join(map(str, row.shape)) for row in rows],
            "σ": [_sigma(row) for row in rows],
            "parameters": [count(row.parameters) if row.parameters else "" for row in rows],
            "weight step": [
                "" if not row.parameters else "explicit" if row.name in explicit else "implicit"
                for row in rows
            ],
        }
    )


def model_title(config: RunConfig | None) -> str:
    """Return the network in one short line, for example 64-128-64-10."""
    if config is None:
        return "?"
    rows = layer_rows(config)
    if not rows or config.model.name not in ("mlp", "paper-mlp"):
        return MODELS[config.model.name].label
    widths = [row.shape[0] for row in rows if row.kind == "linear"]
    fan_in = next(row.fan_in for row in rows if row.kind == "linear")
    return "-".join(map(str, (fan_in, *widths)))


def numbers_sentence(config: RunConfig) -> str:
    """Return how much there is to learn from and to learn, in words."""
    rows = layer_rows(config)
    if not rows:
        return ""
    samples = dataset_shape(config.data).train_size
    batches = -(-samples // config.batch_size)
    parameters = sum(row.parameters for row in rows)
    return (
        f"{count(parameters)} parameters, {count(samples)} training samples, "
        f"{count(batches)} batches of {count(config.batch_size)} per epoch."
    )


def _sigma(row: LayerRow) -> str:
    return "" if row.activation == "identity" else CHOICES["model.activation"][row.activation]
