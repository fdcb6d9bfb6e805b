"""Optimizers for many copies at once: the steps of torch's own, on rows of parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from proxprop.spec.catalog.optimizers import OPTIMIZERS
from proxprop.spec.config import OptimizerConfig

RULES = ("sgd", "momentum", "nesterov", "adam", "adamw")


class Rule:
    """The optimizer of some copies, which differ in their step sizes only.

    Args:
        config: Which of `RULES`, and its options; `lr` is not read.
        lr: η of each copy, (C,).
        hidden: How many leading columns move at η; the rest moves at the explicit layers' η.
        steps_per_epoch: For schedules.
        steps: Steps of the whole run, for schedules.
    """

    def __init__(
        self, config: OptimizerConfig, lr: Tensor, hidden: int, steps_per_epoch: int, steps: int
    ) -> None:
        self._config = config
        self._lr = lr[:, None]
        fixed = config.explicit_lr
        self._explicit_lr = self._lr if fixed is None else torch.full_like(self._lr, fixed)
        self._hidden = hidden
        self._schedule = (config.schedule, steps_per_epoch, float(steps))
        self._step = 0
        self._state: dict[str, Tensor] = {}
        spec = OPTIMIZERS[config.name]
        self._momentum = config.momentum if "momentum" in spec.fields else 0.0

    def keep(self, chosen: Tensor) -> None:
        """Drop all copies but the `chosen` (indices)."""
        self._lr, self._explicit_lr = self._lr[chosen], self._explicit_lr[chosen]
        self._state = {name: value[chosen] for name, value in self._state.items()}

    def step(self, parameters: Tensor, direction: Tensor) -> None:
        """Move `parameters` (C, P) along `direction` (C, P), which may be overwritten."""
        config = self._config
        if config.clip_norm is not None:
            norm = direction.norm(dim=1, keepdim=True)
            # torch's clip_grad_norm_ has this 1e-6
            direction *= (config.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        schedule, per_epoch, total = self._schedule
        factor = schedule.factor(self._step, per_epoch, total)
        self._step += 1
        if config.name in ("adam", "adamw"):
            self._adam(parameters, direction, factor)
        else:
            self._sgd(parameters, direction, factor)

    def _sgd(self, parameters: Tensor, direction: Tensor, factor: float) -> None:
        if self._config.weight_decay:
            direction = direction.add_(parameters, alpha=self._config.weight_decay)
        update = direction
        if self._momentum:
            velocity = self._state.get("velocity")
            if velocity is None:
                velocity = self._state["velocity"] = direction.clone()
            else:
                velocity.mul_(self._momentum).add_(direction)
            if self._config.name == "nesterov":
                update = direction.add_(velocity, alpha=self._momentum)
            else:
                update = velocity
        self._move(parameters, update, factor)

    def _adam(self, parameters: Tensor, direction: Tensor, factor: float) -> None:
        config = self._config
        if config.weight_decay and config.name == "adam":
            direction = direction.add_(parameters, alpha=config.weight_decay)
        elif config.weight_decay:
            self._move(parameters, parameters * config.weight_decay, factor)
        if not self._state:
            self._state = {name: torch.zeros_like(direction) for name in ("mean", "square")}
        first, second = config.betas
        mean = self._state["mean"].lerp_(direction, 1 - first)
        square = self._state["square"].mul_(second).addcmul_(direction, direction, value=1 - second)
        root = square.sqrt().div_((1 - second**self._step) ** 0.5).add_(config.eps)
        self._move(parameters, mean / root, factor / (1 - first**self._step))

    def _move(self, parameters: Tensor, update: Tensor, factor: float) -> None:
        parts = (
            (slice(None, self._hidden), self._lr),
            (slice(self._hidden, None), self._explicit_lr),
        )
        for columns, lr in parts:
            parameters[:, columns].addcmul_(update[:, columns], lr, value=-factor)
