"""Lightning's Trainer with the callback takes the steps of the plain loop."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.extras import need
from tests.integrations import plain

lightning = need("pytorch_lightning", "lightning")
need("proxprop.integrations.lightning", "lightning")

from proxprop.integrations.lightning import ProxPropCallback  # noqa: E402

pytestmark = pytest.mark.extras


class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.model = plain.network()
        self.losses: list[float] = []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=plain.LR, momentum=0.5)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def loader() -> Any:
    data = torch.utils.data.TensorDataset(*plain.samples())
    return torch.utils.data.DataLoader(data, batch_size=10)


def trainer(folder: Path, callback: ProxPropCallback, epochs: int = 3, **more: Any) -> Any:
    return lightning.Trainer(
        default_root_dir=folder,
        logger=lightning.loggers.CSVLogger(folder),
        callbacks=[callback],
        max_epochs=epochs,
        log_every_n_steps=1,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )


def test_the_trainer_takes_the_plain_loops_steps_and_logs_its_layers(tmp_path: Path) -> None:
    callback = ProxPropCallback(explicit_lr=plain.EXPLICIT_LR, every=4, tau=plain.TAU)
    module = Module()
    trainer(tmp_path, callback).fit(module, loader())
    assert module.losses == pytest.approx(plain.losses([*loader()] * 3, halve_every=3), rel=1e-6)
    assert callback.report is not None
    assert callback.report.converted == ["model.0", "model.2"]
    (log,) = tmp_path.rglob("metrics.csv")
    rows = [row for row in csv.DictReader(log.open()) if row.get("layers/cosine/model.0")]
    assert [int(row["step"]) for row in rows] == [1, 5, 9]
    assert all(0 < float(row["layers/cosine/model.0"]) <= 1 for row in rows)
    assert all(float(row["layers/update/model.4"]) > 0 for row in rows)


def test_a_resumed_fit_goes_on_as_if_it_had_not_ended(tmp_path: Path) -> None:
    def callback() -> ProxPropCallback:
        return ProxPropCallback(explicit_lr=plain.EXPLICIT_LR, tau=plain.TAU)

    module, saved = Module(), tmp_path / "saved.ckpt"
    first = trainer(tmp_path, callback(), epochs=2)
    first.fit(module, loader())
    first.save_checkpoint(saved)
    again = Module()
    trainer(tmp_path, callback()).fit(again, loader(), ckpt_path=saved, weights_only=False)
    expected = plain.losses([*loader()] * 3, halve_every=3)
    assert module.losses + again.losses == pytest.approx(expected, rel=1e-6)


def test_accumulated_gradients_are_not_measured(tmp_path: Path) -> None:
    callback = ProxPropCallback(every=1)
    with pytest.raises(ValueError, match="every must be 0"):
        trainer(tmp_path, callback, accumulate_grad_batches=2).fit(Module(), loader())
