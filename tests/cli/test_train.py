"""`proxprop train` and `proxprop runs`, in processes of their own where signals matter."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop import __version__
from proxprop.cli import app
from proxprop.runs.process import Process
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.racing import default_race, race_labels
from tests.runs.limits import file_size_limit
from tests.runs.waiting import until

runner = CliRunner()


def call(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "proxprop.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_with_a_checkpoint_and_the_run_resumes(store: Store) -> None:
    # A dashboard on the same store must leave the terminal's run alone, and see it live.
    service = RunService(store, concurrency=1, prewarm=False)
    command = ["--steps", "1500", "--set", "checkpoint.seconds=0.2", "--name", "from a terminal"]
    process = call("train", *command)
    (run,) = until(store.runs, "the run is listed")
    until(lambda: store.run(run.id).step >= 20, "it trains")
    assert store.run(run.id).pid == process.pid
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopping after this step" in err
    stopped = store.run(run.id)
    assert (stopped.status, stopped.outcome) == ("ended", "stopped")
    assert stopped.id in out
    assert store.checkpoints(run.id)[0].step == stopped.step

    again = call("runs", "resume", run.id, "--json")
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    result = json.loads(out)
    assert (result["id"], result["outcome"], result["step"]) == (run.id, "finished", 1500)
    assert store.points(run.id, "steps")["step"].tolist() == list(range(1, 1501))
    service.shutdown()


def test_a_terminal_that_goes_away_interrupts_its_run(store: Store) -> None:
    process = call("train", "--steps", "100000000", "--json")
    (run,) = until(store.runs, "the run is listed")
    until(lambda: store.run(run.id).step >= 5, "it trains")
    os.kill(process.pid, signal.SIGHUP)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert json.loads(out)["outcome"] == "interrupted"
    assert "SIGHUP" in store.run(run.id).words


def test_refused_settings_print_as_words(store: Store) -> None:
    result = runner.invoke(app, ["train", "--tau", "-1", "--widths", "8,x", "--data", "imagenet"])
    assert result.exit_code == 2
    assert "direction.tau: must be > 0, got -1.0" in result.output
    assert "model.widths.1: must be a whole number, got 'x'" in result.output
    assert "unknown data set 'imagenet'" in result.output
    assert "Traceback" not in result.output
    assert store.runs() == []


def test_bad_data_fails_in_words(store: Store, tmp_path: Path) -> None:
    result = runner.invoke(app, ["train", "--data-path", str(tmp_path / "nothing")])
    assert result.exit_code == 1
    (run,) = store.runs()
    assert run.outcome == "failed"
    assert "nothing" in run.words


@pytest.mark.parametrize(
    "command", [["show"], ["delete", "-y"], ["restore"], ["export"], ["resume"]]
)
def test_an_unknown_run_prints_as_words(store: Store, command: list[str]) -> None:
    result = runner.invoke(app, ["runs", *command, "nope"])
    assert result.exit_code == 1
    assert "There is no run 'nope'" in result.output


def test_a_damaged_store_prints_as_words(store: Store) -> None:
    store.close()
    store.path.write_bytes(b"no database" * 1000)
    for wal in store.home.glob("proxprop.db-*"):
        wal.unlink()
    result = runner.invoke(app, ["runs", "list"])
    assert result.exit_code == 1
    assert str(store.path) in result.output
    assert "Move it away" in result.output


def test_runs_are_listed_shown_exported_deleted_and_restored(store: Store, tmp_path: Path) -> None:
    assert "No runs yet" in runner.invoke(app, ["runs"]).output
    run_id = store.create_run(RunConfig(), "mine", process=Process.current())
    store.end(run_id, "finished", "done", {"train_loss": 0.25, "test_loss": float("nan")})
    (listed,) = json.loads(runner.invoke(app, ["runs", "list", "--json"]).output)
    assert (listed["id"], listed["name"], listed["outcome"]) == (run_id, "mine", "finished")
    assert listed["summary"] == {"train_loss": 0.25, "test_loss": None}
    shown = runner.invoke(app, ["runs", "show", run_id])
    assert "0.25" in shown.output
    assert "not finite" in shown.output
    exported = runner.invoke(app, ["runs", "export", run_id])
    assert RunConfig.parse_json(exported.output) == RunConfig()
    out = tmp_path / "points.csv"
    assert runner.invoke(app, ["runs", "export", run_id, "steps", "--out", str(out)]).exit_code == 0
    assert out.read_text() == "step,epoch,seconds\n"
    assert "no final weights" in runner.invoke(app, ["runs", "export", run_id, "weights"]).output
    assert "restore" in runner.invoke(app, ["runs", "delete", run_id]).output
    assert store.runs() == []
    runner.invoke(app, ["runs", "restore", run_id])
    assert [run.id for run in store.runs()] == [run_id]
    refused = runner.invoke(app, ["runs", "delete", run_id, "--purge"], input="n\n")
    assert refused.exit_code == 1
    assert "gone" not in refused.output
    assert runner.invoke(app, ["runs", "delete", run_id, "--purge", "-y"]).exit_code == 0
    assert store.get([run_id]) == {}


def test_a_resumed_run_takes_no_settings(store: Store) -> None:
    result = runner.invoke(app, ["train", "--resume", "x", "--tau", "3"])
    assert result.exit_code == 2
    assert "keeps its settings" in result.output


def test_a_finished_run_is_not_resumed(store: Store) -> None:
    run_id = store.create_run(RunConfig(), process=Process.current())
    store.end(run_id, "finished", "done")
    result = runner.invoke(app, ["train", "--resume", run_id])
    assert result.exit_code == 1
    assert "cannot be resumed: it is finished" in result.output


def test_weights_that_cannot_be_written_are_said(store: Store) -> None:
    train = ["train", *("--widths", "400,400", "--steps", "2", "--solver", "explicit")]
    with file_size_limit(400_000):
        result = runner.invoke(app, train)
    (run,) = store.runs()
    assert (result.exit_code, run.outcome, run.step) == (1, "failed", 2)
    assert "weights are lost" in run.words
    assert "cannot be written: File too large" in " ".join(result.output.split())
    exported = runner.invoke(app, ["runs", "export", run.id, "weights"])
    assert exported.exit_code == 1
    assert "File too large. Free some space" in exported.output
    refused = runner.invoke(app, ["runs", "resume", run.id])
    assert (refused.exit_code, "the 2 steps it recorded" in refused.output) == (1, True)
    resumed = runner.invoke(app, ["runs", "resume", run.id, "--begin-again", "--json"])
    assert (resumed.exit_code, store.run(run.id).outcome) == (0, "finished")


def test_a_larger_budget_continues_a_finished_run_as_if_it_had_been_given_at_once(
    store: Store, tmp_path: Path
) -> None:
    train = ["train", "--widths", "8", "--json"]
    straight = json.loads(runner.invoke(app, [*train, "--steps", "30"]).stdout)
    run_id = json.loads(runner.invoke(app, [*train, "--steps", "10"]).stdout)["id"]
    refused = runner.invoke(app, ["runs", "resume", run_id])
    assert (refused.exit_code, f"proxprop train --resume {run_id}" in refused.output) == (1, True)
    for budget in (["--steps", "10"], ["--epochs", "0.1"], ["--seconds", "1e-9"]):
        refused = runner.invoke(app, ["train", "--resume", run_id, *budget])
        assert (refused.exit_code, "give a larger one" in refused.output) == (2, True)
    more = runner.invoke(app, ["train", "--resume", run_id, "--steps", "30", "--json"])
    assert more.exit_code == 0, more.output
    result = json.loads(more.stdout)
    assert (result["outcome"], result["step"]) == ("finished", 30)
    assert result["summary"] == straight["summary"]
    run = store.run(run_id)
    assert (run.progress, run.digest) == (1.0, store.run(straight["id"]).digest)
    steps = store.points(run_id, "steps")
    assert steps["loss"].tolist() == store.points(straight["id"], "steps")["loss"].tolist()
    race = store.create_run(default_race(), process=Process.current())
    store.end(race, "finished", "done")
    refused = runner.invoke(app, ["train", "--resume", race, "--epochs", "9"])
    assert (refused.exit_code, "is a race" in refused.output) == (2, True)


@pytest.mark.parametrize("module", ["proxprop", "proxprop.cli"])
def test_the_version_is_told(module: str) -> None:
    call_of = [sys.executable, "-m", module, "--version"]
    told = subprocess.run(call_of, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == f"proxprop {__version__}\n"


def test_runs_are_listed_with_what_tells_them_apart(store: Store) -> None:
    values = {"train_loss": 0.25, "validation_loss": 0.5, "validation_accuracy": 0.875}
    first = store.create_run(RunConfig(), "mine [/of] [a]", process=Process.current())
    store.end(first, "finished", "done", values)
    second = store.create_run(RunConfig.parse({"data": {"name": "spirals"}}))
    listing = runner.invoke(app, ["runs", "list"]).stdout
    for text in (
        "mine [/of] [a]",
        "digits",
        "spirals",
        "0.25",
        "0.5",
        "87.5%",
        time.strftime("%Y-%m-%d"),
    ):
        assert text in listing

    def listed(*filters: str) -> list[str]:
        result = runner.invoke(app, ["runs", "list", "--json", *filters])
        return [run["id"] for run in json.loads(result.stdout)]

    assert listed("--data", "spirals") == listed("--status", "queued") == [second]
    assert listed("--status", "finished") == listed("--status", "ended") == [first]
    assert listed("--data", "spirals", "--status", "finished") == []
    assert listed("--limit", "1") == [second]
    refused = runner.invoke(app, ["runs", "list", "--status", "happy"])
    assert (refused.exit_code, "must be one of queued" in refused.output) == (2, True)


def test_a_race_is_shown_with_every_contender(store: Store) -> None:
    raced = runner.invoke(app, ["race", "--steps", "2", "--json"])
    run_id = json.loads(raced.stdout)["id"]
    shown = runner.invoke(app, ["runs", "show", run_id]).stdout
    for label in race_labels(store.run(run_id).config):  # type: ignore[arg-type]
        assert label in shown.split('"kind"')[0]
    assert "step [ms]" in shown
    result = json.loads(runner.invoke(app, ["runs", "show", run_id, "--json"]).stdout)
    assert len(result["contenders"]) == 3
    assert result["config"]["kind"] == "race"
