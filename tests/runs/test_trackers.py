"""What a tracker is sent is what the store holds, read back by each tracker's own reader."""

from __future__ import annotations

import itertools
import json
import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.engine import load_loops
from proxprop.imported import read_export
from proxprop.runs.errors import RunError
from proxprop.runs.execution import execute
from proxprop.runs.fits import check_fits
from proxprop.runs.mailbox import Mailbox
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.runs.trackers import Member
from proxprop.spec.config import RaceConfig, RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import TABLES, Notice
from proxprop.spec.racing import race_labels
from tests.extras import need

Curve = list[tuple[int, float]]  # (step, value) in the order of the steps
Read = Callable[[str, str], Mapping[str, Curve]]  # (group, name of the member) → metric → curve

SMALL: dict[str, Any] = {
    "data": {"name": "digits", "samples": 200},
    "model": {"widths": [8]},
    "budget": {"epochs": 3},
    "instruments": {"every": 2},
    "batch_size": 40,
}
CONTENDERS = [{"direction": {"solver": solver}} for solver in ("explicit", "exact")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    return tmp_path


def tensorboard(home: Path) -> Read:
    reader = need("tensorboard.backend.event_processing.event_accumulator", "tensorboard")

    def read(group: str, name: str) -> Mapping[str, Curve]:
        events = reader.EventAccumulator(
            str(home / "tensorboard" / group / name), size_guidance={"scalars": 0}
        )
        events.Reload()
        return {
            tag: sorted((point.step, point.value) for point in events.Scalars(tag))
            for tag in events.Tags()["scalars"]
        }

    return read


def framed(data: bytes) -> Iterator[bytes]:
    """Yield the records of an offline file of Weights & Biases: LevelDB's log after 7 bytes."""
    block, place, whole = 32 * 1024, 7, b""
    while place + 7 <= len(data):
        if (left := block - place % block) < 7:
            place += left
            continue
        size, kind = struct.unpack_from("<HB", data, place + 4)  # behind a checksum
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a record in one piece, or the last of its pieces
            yield whole
            whole = b""


def histories(home: Path, group: str, name: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each offline file of a run of Weights & Biases."""
    records = need("wandb.proto.wandb_internal_pb2", "wandb")
    for file in (home / "wandb").rglob("*.wandb"):
        run, rows = None, []
        for data in framed(file.read_bytes()):
            record = records.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                run = record.run
            if record.HasField("history"):
                items = record.history.item
                rows.append({i.key or i.nested_key[0]: json.loads(i.value_json) for i in items})
        if run is not None and (run.run_group, run.display_name) == (group, name):
            yield rows


def wandb(home: Path) -> Read:
    need("wandb", "wandb")

    def read(group: str, name: str) -> Mapping[str, Curve]:
        curves: dict[str, Curve] = defaultdict(list)
        for row in itertools.chain.from_iterable(histories(home, group, name)):
            for key, value in row.items():
                if not key.startswith("_") and key != "step":
                    curves[key].append((row["step"], float(value)))
        return {key: sorted(curve) for key, curve in curves.items()}

    return read


def trackio(home: Path) -> Read:
    need("trackio", "trackio")
    storage = need("trackio.sqlite_storage", "trackio").SQLiteStorage

    def read(group: str, name: str) -> Mapping[str, Curve]:
        (run,) = [r for r in storage.get_runs("proxprop") if r.startswith(f"{name} ({group}")]
        curves: dict[str, Curve] = defaultdict(list)
        for row in storage.get_logs("proxprop", run):
            for key, value in row.items():
                if "/" in key:
                    curves[key].append((row["step"], float(value)))
        return {key: sorted(curve) for key, curve in curves.items()}

    return read


READERS = {reader.__name__: reader for reader in (tensorboard, wandb, trackio)}
each_tracker = pytest.mark.parametrize("tracker", READERS)


def recorded(store: Store, run_id: str, member: int = 0) -> Mapping[str, Curve]:
    """Return what the store holds, as metric → curve."""
    curves = {}
    for table in TABLES:
        points = store.points(run_id, table, member=member)
        for column in points.columns.difference(["step", "epoch", "seconds"]):
            known: pd.Series = points.set_index("step")[column]
            curves[f"{table}/{column}"] = [(int(s), float(v)) for s, v in known.items()]
    return curves


def alike(logged: Mapping[str, Curve], stored: Mapping[str, Curve], rel: float) -> None:
    assert logged.keys() == stored.keys()
    for metric, curve in stored.items():
        assert [step for step, _ in logged[metric]] == [step for step, _ in curve], metric
        values = [value for _, value in logged[metric]]
        assert values == pytest.approx([value for _, value in curve], rel=rel, nan_ok=True), metric


# Event files hold float32.
PRECISION = {"tensorboard": 1e-6, "wandb": 1e-12, "trackio": 1e-12}


@pytest.mark.extras
@each_tracker
def test_a_tracker_holds_what_the_store_holds(tracker: str, home: Path) -> None:
    read = READERS[tracker](home)
    store = Store()
    config = RunConfig.parse({**SMALL, "log": tracker})
    run_id = store.create_run(config, "mine", process=Process.current())
    mailbox = Mailbox(store, run_id)
    ended = execute(store, run_id, mailbox, load_loops)
    assert ended.outcome == "finished", ended.words
    stored = recorded(store, run_id)
    assert {"steps/loss", "evaluations/train_loss", "layers/overshoot/linear1", "settings/tau"} <= {
        *stored
    }
    alike(read(run_id, "mine"), stored, PRECISION[tracker])
    for name, content in exports(tracker, home, run_id):
        (run,) = read_export(name, content)
        curves = {
            metric: list(zip(curve.step.tolist(), curve.value.tolist(), strict=True))
            for metric, curve in run.curves.items()
        }
        alike(curves, stored, PRECISION[tracker])
        assert run.clock == "wall"


def exports(tracker: str, home: Path, run_id: str) -> Iterator[tuple[str, bytes]]:
    """Yield what a person would take away of a run: names and contents of files."""
    if tracker == "tensorboard":
        (events,) = (home / "tensorboard" / run_id / "mine").iterdir()
        yield events.name, events.read_bytes()
    if tracker == "trackio":
        yield "proxprop.db", (home / "trackio" / "proxprop.db").read_bytes()
    if tracker == "wandb":
        (rows,) = histories(home, run_id, "mine")
        yield "history.json", json.dumps(rows).encode()
        yield "history.csv", pd.DataFrame(rows).to_csv().encode()


@pytest.mark.extras
@each_tracker
def test_a_races_members_are_runs_of_their_own(tracker: str, home: Path) -> None:
    read = READERS[tracker](home)
    store = Store()
    config = RaceConfig.parse(
        {**SMALL, "kind": "race", "contenders": CONTENDERS, "log": tracker, "budget": {"steps": 4}}
    )
    run_id = store.create_run(config, process=Process.current())
    execute(store, run_id, Mailbox(store, run_id), load_loops)
    for member, label in enumerate(race_labels(config)):
        alike(read(run_id, label), recorded(store, run_id, member), PRECISION[tracker])


@pytest.mark.extras
@each_tracker
def test_a_resumed_run_goes_on_in_the_run_it_had(tracker: str, home: Path) -> None:
    read = READERS[tracker](home)
    store = Store()
    config = RunConfig.parse({**SMALL, "log": tracker})
    run_id = store.create_run(config, "mine", process=Process.current())
    mailbox = Mailbox(store, run_id)
    mailbox.put(Control("stop"))
    assert execute(store, run_id, mailbox, load_loops).outcome == "stopped"
    assert store.requeue(run_id, Process.current())
    assert execute(store, run_id, Mailbox(store, run_id), load_loops).outcome == "finished"
    # Steps done before the stop may be there twice, each time with the same loss.
    logged = dict(read(run_id, "mine")["steps/loss"])
    assert logged == pytest.approx(dict(recorded(store, run_id)["steps/loss"]), rel=1e-6)


def test_a_tracker_that_is_not_installed_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxprop.runs.trackers.find_spec", lambda name: None)
    for tracker in READERS:
        config = RunConfig.parse({"log": tracker})
        with pytest.raises(RunError, match=rf"pip install 'proxprop\[{tracker}\]'"):
            check_fits(config)
    result = CliRunner().invoke(app, ["train", "--log", "wandb"])
    assert result.exit_code == 1
    assert "proxprop[wandb]" in result.output
    assert Store().runs() == []


class Failing:
    """A tracker that fails after some points, or at once."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, member: Member) -> Failing:
        if self.left == 0:
            raise ValueError("api_key not configured (no-tty).\nand much more")
        return self

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError("No space left on device")

    def finish(self) -> None:
        raise AssertionError("a tracker that failed is left alone")


@pytest.mark.parametrize(
    ("after", "outcome", "words"),
    [
        (0, "failed", "trackio does not take this run: api_key not configured (no-tty)."),
        (5, "finished", "trackio takes no more of this run: No space left on device"),
    ],
)
def test_a_tracker_in_trouble_is_named(
    after: int, outcome: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that a tracker does not take has failed; one that it lets down goes on."""
    monkeypatch.setitem(sys.modules, "trackio", type(sys)("trackio"))
    monkeypatch.setattr("proxprop.runs.trackers.find_spec", lambda name: "there")
    monkeypatch.setattr("proxprop.runs.trackers._WRITERS", {"trackio": Failing(after)})
    store = Store()
    config = RunConfig.parse({**SMALL, "log": "trackio"})
    run_id = store.create_run(config, process=Process.current())
    execute(store, run_id, Mailbox(store, run_id), load_loops)
    run = store.run(run_id)
    notices = [row.event.text for row in store.events(run_id) if isinstance(row.event, Notice)]
    assert (run.outcome, words in (notices if after else [run.words])) == (outcome, True)
    assert store.points(run_id, "steps").empty == (after == 0)


def test_where_a_run_is_logged_changes_no_number() -> None:
    assert RunConfig.parse({"log": "wandb"}).digest == RunConfig().digest
