"""Proximal steps in Hugging Face's Trainer, by a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from proxprop.analysis.recorder import Tier
from proxprop.conversion import ConversionReport
from proxprop.integrations.steps import ProximalSteps


class ProxPropCallback(TrainerCallback):
    """Converts the model when training begins, and records what the layers do.

    The Trainer clips by ``max_grad_norm``, 1 by default: a proximal direction is no gradient, so
    set that to 0 unless you mean it.

    Args:
        explicit_lr: η of explicit layers; None for the optimizer's own. Where training is to
            resume from a checkpoint, convert the model yourself and give the Trainer
            ``optimizer_cls_and_kwargs`` with ``params=param_groups(...)`` instead: it loads the
            optimizer's state before any callback could split its groups.
        every: Optimizer steps between two measurements of the layers; 0 for none.
        tier: "cheap", or "full" for the measures that need spectra as well.
        log: Called with each measurement, "layers/<measure>/<layer>" → value; set the attribute to
            ``trainer.log`` once there is a trainer, and every tracker of the Trainer gets them.
            None writes them into the state's ``log_history`` alone.
        **settings: As for `convert`: ``tau``, ``solver``, ``gram``, ``include`` and the rest.

    Raises:
        ValueError: ``every`` is negative, or gradients are accumulated while layers are measured:
            a measurement is of one batch's step.

    Note:
        Directions are measured as the optimizer is given them, clipped where the Trainer clips.
    """

    def __init__(
        self,
        explicit_lr: float | None = None,
        every: int = 0,
        tier: Tier = "cheap",
        log: Callable[[dict[str, float]], None] | None = None,
        **settings: Any,
    ) -> None:
        self.log = log
        self._steps = ProximalSteps(explicit_lr, every, tier, settings)
        self._every = every

    @property
    def report(self) -> ConversionReport | None:
        """What was converted and what was not, and why; None before training."""
        return self._steps.report

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Convert the model and give explicit layers their η."""
        if self._every and args.gradient_accumulation_steps != 1:
            raise ValueError(
                "every must be 0 where gradients are accumulated, got "
                f"{self._every}: a measurement is of one batch's step"
            )
        model, schedule = kwargs["model"], kwargs["lr_scheduler"]
        self._steps.convert(model)
        self._steps.regroup(model, kwargs["optimizer"], [schedule] if schedule else [])

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Watch the coming step, if its turn has come."""
        self._steps.begin(kwargs["model"], state.global_step)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure the directions that the optimizer is given."""
        self._steps.directions()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log what was measured."""
        values = self._steps.updates(kwargs["model"])
        if values and self.log is not None:
            self.log(values)
        elif values:
            state.log_history.append({**values, "step": state.global_step})
