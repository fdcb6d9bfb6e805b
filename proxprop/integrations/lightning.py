"""Proximal steps in Lightning's Trainer, by a callback."""

from __future__ import annotations

from typing import Any

from proxprop.analysis.recorder import Tier
from proxprop.conversion import ConversionReport
from proxprop.integrations.steps import ProximalSteps

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError:
    from pytorch_lightning import Callback, LightningModule, Trainer


class ProxPropCallback(Callback):
    """Converts the module before its optimizers are made, and logs what the layers do.

    Args:
        explicit_lr: η of explicit layers in every optimizer; None for the optimizer's own. A
            module whose ``configure_optimizers`` uses ``param_groups`` needs none.
        every: Optimizer steps between two measurements of the layers, sent to the trainer's
            loggers as "layers/<measure>/<layer>" (`proxprop.analysis.recorder`); 0 for none.
        tier: "cheap", or "full" for the measures that need spectra as well.
        **settings: As for `convert`: ``tau``, ``solver``, ``gram``, ``include`` and the rest.

    Raises:
        ValueError: ``every`` is negative, or gradients are accumulated while layers are measured:
            a measurement is of one batch's step.

    Note:
        Manual optimization is measured too, as long as a batch takes one step.
    """

    def __init__(
        self,
        explicit_lr: float | None = None,
        every: int = 0,
        tier: Tier = "cheap",
        **settings: Any,
    ) -> None:
        super().__init__()
        self._steps = ProximalSteps(explicit_lr, every, tier, settings)
        self._every = every

    @property
    def report(self) -> ConversionReport | None:
        """What was converted and what was not, and why; None before training."""
        return self._steps.report

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Convert, before ``configure_optimizers``."""
        if stage != "fit":
            return
        if self._every and trainer.accumulate_grad_batches != 1:
            raise ValueError(
                "every must be 0 where gradients are accumulated, got "
                f"{self._every}: a measurement is of one batch's step"
            )
        self._steps.convert(pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give explicit layers their η, before a checkpoint's optimizer states are loaded."""
        schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
        for optimizer in trainer.optimizers:
            own = [scheduler for scheduler in schedulers if scheduler.optimizer is optimizer]
            self._steps.regroup(pl_module, optimizer, own)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Watch the coming step, if its turn has come."""
        self._steps.begin(pl_module, trainer.global_step)

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure the directions before anything clips them."""
        self._steps.directions()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log what was measured."""
        if values := self._steps.updates(pl_module):
            for logger in trainer.loggers:
                logger.log_metrics(values, step=trainer.global_step)
