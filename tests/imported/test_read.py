"""Every kind of export comes to the numbers that were written into it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from proxprop.imported import ExportError, ImportedRun, guess, read_export, reading
from proxprop.imported.curves import MAX_POINTS, MAX_RUNS
from proxprop.spec.curves import Measure
from tests.imported.written import event_file, trackio_file


def values(run: ImportedRun, metric: str) -> dict[float, float]:
    """Return step → value of a metric."""
    curve = run.curves[metric]
    return dict(zip(curve.step.tolist(), curve.value.tolist(), strict=True))


def only(name: str, content: bytes | str) -> ImportedRun:
    """Return the one run of a file."""
    (run,) = read_export(name, content.encode() if isinstance(content, str) else content)
    return run


@pytest.mark.parametrize("as_tensor", [False, True])
def test_event_files(as_tensor: bool) -> None:
    scalars = [
        ("train/loss", 0, 2.5, 1e9),
        ("acc", 0, 0.25, 1e9),
        ("train/loss", 300, 0.5, 1e9 + 9),
    ]
    run = only("events.out.tfevents.1.host.2.0", event_file(scalars, as_tensor=as_tensor))
    assert (run.source, run.clock, run.name) == (
        "TensorBoard",
        "wall",
        "TensorBoard, 2001-09-09 01:46",
    )
    assert values(run, "train/loss") == {0: 2.5, 300: 0.5}
    assert values(run, "acc") == {0: 0.25}
    assert run.curves["train/loss"].seconds.tolist() == [0, 9]
    assert not run.curves["train/loss"].has("epoch")


def test_an_event_file_that_is_still_written_is_read_to_its_last_whole_record() -> None:
    content = event_file([("loss", 1, 0.5, 0.0), ("loss", 2, 0.25, 0.0)])
    assert values(only("e", content[:-7]), "loss") == {1: 0.5}


def test_epochs_are_read_off_the_metric_that_tells_them() -> None:
    run = only("e", event_file([("epoch", 0, 0, 0), ("loss", 50, 1, 0), ("epoch", 100, 2, 0)]))
    assert run.curves["loss"].epoch.tolist() == [1.0]


def test_a_step_told_again_after_a_resume_counts_once() -> None:
    run = only("e", event_file([("loss", s, v, 0) for s, v in [(1, 9), (2, 8), (2, 7), (3, 6)]]))
    assert values(run, "loss") == {1: 9, 2: 7, 3: 6}


def test_stores_of_trackio(tmp_path: Path) -> None:
    rows = [
        ("a", "mine", 0, "2026-11-01T10:00:00", {"train_loss": 2.0, "note": "words"}),
        ("a", "mine", 5, "2026-11-01T10:00:30", {"train_loss": "NaN", "flag": True}),
        ("b", "mine", 0, "2026-11-01T11:00:00", {"train_loss": 1.0}),
        ("c", "other", 0, "2026-11-01T12:00:00", {"train_loss": 3.0}),
    ]
    runs = read_export("proxprop.db", trackio_file(tmp_path / "p.db", rows))
    assert [run.name for run in runs] == ["mine (a)", "mine (b)", "other"]
    first = runs[0].curves["train_loss"]
    assert runs[0].curves.keys() == {"train_loss"}
    assert first.seconds.tolist() == [0, 30]
    np.testing.assert_equal(first.value, [2.0, np.nan])


HISTORY = [
    {"_step": 0, "step": 0, "_runtime": 1.5, "train_loss": 2.0, "epoch": 0},
    {"_step": 1, "step": 0, "_runtime": 1.6, "val_acc": 0.1},
    {"_step": 2, "step": 40, "_runtime": 3.0, "train_loss": 0.5, "epoch": 2, "words": "fine"},
]
AS_CSV = """\
_step,step,_runtime,train_loss,epoch,val_acc,words
0,0,1.5,2.0,0,,
1,0,1.6,,,0.1,
2,40,3.0,0.5,2,,fine
"""
AS_COLUMNS = {
    head: {str(at): row.get(head) for at, row in enumerate(HISTORY)}
    for head in dict.fromkeys(head for row in HISTORY for head in row)
}


@pytest.mark.parametrize(
    "content",
    [
        AS_CSV,
        "\ufeff" + AS_CSV.replace("\n", "\r\n"),
        AS_CSV.replace(",", ";"),
        json.dumps(HISTORY),
        json.dumps({"history": HISTORY}),
        json.dumps(AS_COLUMNS),
        "\n".join(map(json.dumps, HISTORY)),
    ],
    ids=["csv", "bom", "semicolons", "json", "below a name", "columns", "lines"],
)
def test_histories(content: str) -> None:
    run = only("brave-owl-3.csv", content)
    assert (run.name, run.source, run.clock) == ("brave-owl-3", "Weights & Biases", "wall")
    assert values(run, "train_loss") == {0: 2.0, 40: 0.5}
    assert values(run, "val_acc") == {0: 0.1}
    assert run.curves["train_loss"].epoch.tolist() == [0, 2]
    assert run.curves["train_loss"].seconds.tolist() == [1.5, 3.0]
    assert "words" not in run.curves


def test_a_history_of_several_runs() -> None:
    runs = read_export("all.csv", b"run,step,loss\na,0,2\nb,0,3\na,1,1\n")
    assert {run.name: values(run, "loss") for run in runs} == {"a": {0: 2, 1: 1}, "b": {0: 3}}


def test_a_panel_of_weights_and_biases() -> None:
    lines = [f"{run} - val/loss" for run in ("owl - 3", "x")]
    head = ",".join(["Step", *(f"{line}{end}" for line in lines for end in ("", "__MIN", "__MAX"))])
    runs = read_export("panel.csv", f"{head}\n1,0.5,0.4,0.6,,,\n2,,,,7,7,7\n".encode())
    assert {run.name: values(run, "val/loss") for run in runs} == {"owl - 3": {1: 0.5}, "x": {2: 7}}
    with pytest.raises(ExportError, match="set its x axis to Step"):
        read_export("panel.csv", head.replace("Step", "Relative Time").encode())


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_one_tag_of_tensorboard(ending: str) -> None:
    content = (
        "Wall time,Step,Value\n100.5,0,2\n101.5,10,1\n"
        if ending == "csv"
        else "[[100.5, 0, 2], [101.5, 10, 1]]"
    )
    run = only(f"run-fast-tag-train_loss.{ending}", content)
    assert (run.name, values(run, "train_loss")) == ("fast", {0: 2, 10: 1})
    assert run.curves["train_loss"].seconds.tolist() == [0, 1]


def test_the_state_of_hugging_faces_trainer() -> None:
    log = [{"loss": 2.0, "step": 5, "epoch": 0.5}, {"eval_loss": 1.5, "step": 10, "epoch": 1.0}]
    run = only("trainer_state.json", json.dumps({"global_step": 10, "log_history": log}))
    assert guess(run.curves, "train_loss") == "loss"
    assert guess(run.curves, "validation_loss") == "eval_loss"
    assert run.curves["eval_loss"].epoch.tolist() == [1.0]


@pytest.mark.parametrize(
    ("measure", "metrics", "found"),
    [
        ("train_loss", ["steps/loss", "evaluations/train_loss"], "evaluations/train_loss"),
        ("train_loss", ["Train/Loss", "loss"], "Train/Loss"),
        ("train_loss", ["accuracy"], None),
        ("validation_loss", ["fold1/val_loss", "lr"], "fold1/val_loss"),
        ("validation_loss", ["fold1/val_loss", "fold2/val_loss"], None),
        ("validation_accuracy", ["val_acc", "train_acc"], "val_acc"),
        ("train_accuracy", ["train_accuracy"], None),
    ],
)
def test_which_metric_is_meant(measure: Measure, metrics: list[str], found: str | None) -> None:
    assert guess(metrics, measure) == found


def test_an_accuracy_in_percent_is_a_share() -> None:
    run = only("h.csv", "step,val_acc,val_loss,never\n0,10,3,nan\n1,85,2,nan\n")
    accuracy, loss = (
        reading(run, "val_acc", "validation_accuracy"),
        reading(run, "val_loss", "train_loss"),
    )
    assert accuracy is not None
    assert loss is not None
    assert (accuracy.curve.value.tolist(), accuracy.percent) == ([0.1, 0.85], True)
    assert (loss.curve.value.tolist(), loss.percent) == ([3, 2], False)
    assert reading(run, "never", "train_loss") is None
    assert reading(run, "absent", "train_loss") is None


def test_a_long_curve_keeps_its_peaks_and_its_end() -> None:
    numbers = np.random.default_rng(0).normal(size=50_000)
    numbers[[123, 40_321]] = -100, 100
    rows = "\n".join(f"{step},{value!r}" for step, value in enumerate(numbers.tolist()))
    curve = only("long.csv", f"step,loss\n{rows}\n").curves["loss"]
    assert len(curve) <= MAX_POINTS
    assert (curve.value.min(), curve.value.max(), curve.step[-1]) == (-100, 100, 49_999)


def test_of_many_runs_the_first_are_taken() -> None:
    rows = "".join(f"r{number},0,{number}\n" for number in range(MAX_RUNS + 5))
    assert len(read_export("many.csv", f"run,step,loss\n{rows}".encode())) == MAX_RUNS


def test_reading_loads_neither_torch_nor_pandas_nor_a_tracker() -> None:
    heavy = ("torch", "pandas", "streamlit", "tensorboard", "google.protobuf")
    script = f"import sys, proxprop.imported; assert not {{*{heavy}}} & {{*sys.modules}}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
