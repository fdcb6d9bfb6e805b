"""Hugging Face's Trainer with the callback takes the steps of the plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from proxprop import convert, param_groups
from tests.extras import need
from tests.integrations import plain

transformers = need("transformers", "transformers")
need("accelerate", "transformers")

from proxprop.integrations.transformers import ProxPropCallback  # noqa: E402

pytestmark = pytest.mark.extras


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = plain.network()
        self.losses: list[float] = []
        self.batches: list[tuple[Tensor, Tensor]] = []

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.model(inputs)
        loss = nn.functional.cross_entropy(logits, labels)
        self.losses.append(loss.item())
        self.batches.append((inputs, labels))
        return {"loss": loss, "logits": logits}


def data() -> list[dict[str, Tensor]]:
    return [{"inputs": row, "labels": label} for row, label in zip(*plain.samples())]


def arguments(folder: Path, **more: Any) -> Any:
    return transformers.TrainingArguments(
        **{
            "output_dir": str(folder),
            "per_device_train_batch_size": 10,
            "num_train_epochs": 3,
            "learning_rate": plain.LR,
            "lr_scheduler_type": "constant",
            "max_grad_norm": 0,
            "optim": "sgd",
            "optim_args": "momentum=0.5",
            "logging_steps": 1,
            "report_to": [],
            "use_cpu": True,
            "save_strategy": "no",
            "disable_tqdm": True,
            **more,
        }
    )


SGD = (torch.optim.SGD, {"lr": plain.LR, "momentum": 0.5})


def test_the_trainer_takes_the_plain_loops_steps_and_records_its_layers(tmp_path: Path) -> None:
    callback = ProxPropCallback(explicit_lr=plain.EXPLICIT_LR, every=4, tau=plain.TAU)
    model = Model()
    trainer = transformers.Trainer(
        model,
        arguments(tmp_path),
        train_dataset=data(),
        callbacks=[callback],
        optimizer_cls_and_kwargs=SGD,
    )
    trainer.train()
    assert model.losses == pytest.approx(plain.losses(model.batches), rel=1e-6)
    assert callback.report is not None
    assert callback.report.converted == ["model.0", "model.2"]
    rows = [row for row in trainer.state.log_history if "layers/cosine/model.0" in row]
    assert [row["step"] for row in rows] == [1, 5, 9]
    assert all(0 < row["layers/cosine/model.0"] <= 1 for row in rows)


def test_the_trainers_trackers_get_the_measures(tmp_path: Path) -> None:
    callback = ProxPropCallback(every=6, solver="cg", explicit_lr=plain.EXPLICIT_LR)
    trainer = transformers.Trainer(
        Model(), arguments(tmp_path), train_dataset=data(), callbacks=[callback]
    )
    callback.log = trainer.log
    seen: list[dict[str, float]] = []

    class Listener(transformers.TrainerCallback):  # type: ignore[misc,name-defined]
        def on_log(self, *args: Any, logs: dict[str, float], **kwargs: Any) -> None:
            seen.append(logs)

    trainer.add_callback(Listener())
    trainer.train()
    assert sum("layers/overshoot/model.2" in logs for logs in seen) == 2


def test_training_resumes_with_groups_made_before(tmp_path: Path) -> None:
    """As the callback's docstring says it is to be done."""

    def trainer(epochs: int) -> tuple[Model, Any]:
        model = Model()
        convert(model, tau=plain.TAU)
        kwargs = {**SGD[1], "params": param_groups(model, plain.LR, plain.EXPLICIT_LR)}
        return model, transformers.Trainer(
            model,
            arguments(tmp_path, num_train_epochs=epochs, save_strategy="epoch"),
            train_dataset=data(),
            callbacks=[ProxPropCallback(tau=plain.TAU)],
            optimizer_cls_and_kwargs=(SGD[0], kwargs),
        )

    first, begun = trainer(2)
    begun.train()
    second, resumed = trainer(3)
    resumed.train(resume_from_checkpoint=True)
    batches = first.batches + second.batches
    assert first.losses + second.losses == pytest.approx(plain.losses(batches), rel=1e-6)


def test_accumulated_gradients_are_not_measured(tmp_path: Path) -> None:
    trainer = transformers.Trainer(
        Model(),
        arguments(tmp_path, gradient_accumulation_steps=2),
        train_dataset=data(),
        callbacks=[ProxPropCallback(every=1)],
    )
    with pytest.raises(ValueError, match="every must be 0"):
        trainer.train()
