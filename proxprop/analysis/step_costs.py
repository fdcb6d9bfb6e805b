"""What a step of a config costs by its arithmetic, without its data and without computing one."""

from __future__ import annotations

from typing import Any

import torch

from proxprop.analysis.questions import CostQuestion
from proxprop.conversion import convert
from proxprop.cost import choose_grams, step_cost
from proxprop.data.preview import dataset_shape
from proxprop.models import build_model


def step_costs(question: CostQuestion) -> dict[str, Any]:
    """Return the fields that :class:`~proxprop.analysis.questions.CostQuestion` names.

    Raises:
        DataError: The shape of the samples cannot be found out.
    """
    config = question.config
    outline, direction = dataset_shape(config.data), config.direction
    model = build_model(
        config.model, outline.shape, len(outline.classes), config.seed, torch.float32
    ).to("meta")
    automatic = direction.gram == "auto"
    convert(
        model,
        solver=direction.solver,
        cg_steps=direction.cg_steps,
        gram="batch" if automatic else direction.gram,
        refresh=direction.refresh,
        skip_last=direction.layers == "hidden",
    )
    example = torch.empty(config.batch_size, *outline.shape, device="meta")
    cost = (choose_grams if automatic else step_cost)(model, example)
    return {
        "ratio": cost.ratio,
        "batch_ratio": cost.batch_ratio,
        "running": cost.running,
        "batch": [layer.name for layer in cost.layers if layer.gram == "batch"],
        "dearer": [name for name in cost.wide if name in cost.running],
    }
