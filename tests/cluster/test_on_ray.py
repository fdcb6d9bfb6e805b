"""A Ray cluster of two nodes on this machine: the numbers of one machine, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxprop.engine.racing.loop import RaceState
from proxprop.runs.checkpoints import Checkpoints
from proxprop.runs.results import sweep_map
from proxprop.spec.events import Notice
from proxprop.spec.placing import ARTIFACT
from tests.cluster.conftest import PATIENCE, ROOT, Home, TwoNodes, ending
from tests.data.crafted import cifar10_folders
from tests.runs.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# Of the paper's plan: with what is shown beside from another part, a search, and the sweep.
PARTS = (
    *("--experiment", "mlp", "--experiment", "stability"),
    *("--part", "main", "--part", "controls", "--part", "rivals"),
)


def test_a_race_with_a_search_and_a_sweep_give_the_numbers_of_one_machine(
    cluster: TwoNodes, tmp_path: Path
) -> None:
    for name, command in {
        "race": ("race", "--seeds", "3", "--epochs", "2", "--search", "2", "--search-epochs", "1"),
        "sweep": ("sweep", "--points", "4", "--steps", "20", "--seeds", "2"),
    }.items():
        here, there = Home(tmp_path / name / "here"), Home(tmp_path / name / "there")
        here.run(*command)
        there.run(*command, ray=cluster.address)
        assert here.numbers() == there.numbers()
        (run,) = there.store.runs()
        placed = there.store.artifact(run.id, 0, ARTIFACT)
        assert placed is not None
        nodes = placed.payload["nodes"]
        assert len(nodes) == 2, "both nodes had something to do"
        if name == "sweep":
            (other,) = here.store.runs()
            assert sweep_map(there.store, run.id) == sweep_map(here.store, other.id)


def test_the_papers_plan_gives_the_results_of_one_machine(
    cluster: TwoNodes, here: Home, there: Home, tmp_path: Path
) -> None:
    images = cifar10_folders(tmp_path / "cifar10")
    for home, address in ((here, ""), (there, cluster.address)):
        words = ("--epochs", "2", "--data", str(images), *PARTS)
        process = home.call("tests.cluster.shortened_paper", "paper", *words, ray=address)
        output, errors = ending(process)
        assert process.returncode == 0, errors
        assert "Claim by claim" in output
    assert here.numbers() == there.numbers()
    assert results(here) == results(there)
    placed = [there.store.artifact(run.id, 0, ARTIFACT) for run in there.store.runs()]
    nodes = {node["node"] for row in placed if row is not None for node in row.payload["nodes"]}
    assert len(nodes) == 2, "both nodes had something to do"


def test_ctrl_c_stops_parts_that_go_on_side_by_side_and_they_go_on_to_the_same_numbers(
    cluster: TwoNodes, here: Home, there: Home, tmp_path: Path
) -> None:
    """One press stops them all, each with what is to resume it; none begins any more."""
    images = cifar10_folders(tmp_path / "cifar10")
    words = ("paper", "--data", str(images), *PARTS)
    process = there.call("tests.cluster.shortened_paper", *words, ray=cluster.address)

    def at_once() -> bool:
        return (there.path / "proxprop.db").exists() and (
            sum(run.status == "running" for run in there.store.runs()) == 2
        )

    until(at_once, "two parts are under way", PATIENCE)
    process.send_signal(signal.SIGINT)
    output, errors = ending(process)
    assert process.returncode == 130, errors
    assert "Not everything is done: the same command goes on." in output
    outcomes = [run.outcome for run in there.store.runs()]
    assert set(outcomes) <= {"stopped", "finished"}
    assert "stopped" in outcomes
    assert len(outcomes) < 4, "no other part began"
    for home, address in ((there, cluster.address), (here, "")):
        process = home.call("tests.cluster.shortened_paper", *words, ray=address)
        _, errors = ending(process)
        assert process.returncode == 0, errors
    assert here.numbers() == there.numbers()
    assert results(here) == results(there)


def results(home: Home) -> dict[str, Any]:
    """Return the paper's result files, times left out."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            kept = value.keys() - {"recorded", "seconds", "load"}
            return {key: timeless(value[key]) for key in sorted(kept)}
        return [timeless(entry) for entry in value] if isinstance(value, list) else value

    files = sorted((home.path / "paper").glob("*.json"))
    assert len(files) == 4
    return {file.name: timeless(json.loads(file.read_text())) for file in files}


def test_lessons_are_checked_to_the_same_numbers(
    cluster: TwoNodes, here: Home, there: Home
) -> None:
    verdicts = []
    for home, address in ((here, ""), (there, cluster.address)):
        process = home.call("proxprop", "lessons", "--check", "1", "4", "2", ray=address)
        output, errors = ending(process)
        assert (process.returncode, errors) == (0, "")
        places = [output.index(f"{number}  ") for number in (1, 4, 2)]
        assert places == sorted(places)
        kept = [json.loads(f.read_text()) for f in sorted((home.path / "lessons").glob("*.json"))]
        assert len(kept) == 3
        verdicts.append([{**verdict, "seconds": 0} for verdict in kept])
    assert verdicts[0] == verdicts[1]


def test_a_run_started_on_the_pages_goes_to_the_cluster_and_obeys(
    cluster: TwoNodes, there: Home
) -> None:
    output, errors = ending(there.call("tests.cluster.dashboard", ray=cluster.address))
    seen = json.loads(output or "{}")
    assert seen, errors
    assert seen["outcomes"] == ["stopped", "stopped"]
    assert seen["set"] == [{"direction.tau": 0.2}]
    assert seen["steps"] == [*range(1, len(seen["steps"]) + 1)]
    assert sum(node["done"] for node in seen["nodes"]) == 1
    assert seen["loaded"] == []


def test_other_versions_are_refused_in_words(cluster: TwoNodes, there: Home) -> None:
    process = there.call("tests.cluster.other_version", "train", "--json", ray=cluster.address)
    output, _ = ending(process)
    result = json.loads(output)
    assert result["outcome"] == "failed"
    assert " has other versions: proxprop " in result["words"]
    assert result["words"].endswith(" there and 9.9 here. Install the same.")


def test_local_is_a_cluster_of_this_machine(here: Home, there: Home) -> None:
    run = ("train", "--epochs", "2")
    here.run(*run)
    there.run(*run, ray="local")
    assert here.numbers() == there.numbers()


HOLD = """
import os, sys
from proxprop.cluster.local import hold_local
os.environ["PROXPROP_RAY"] = address = hold_local()
train = f"{sys.executable} -m proxprop train --epochs 1 --json"
os.execvp("sh", ["sh", "-c", f"echo {address}; {train}; read end"])
"""


def test_a_held_cluster_serves_those_its_holder_starts_and_ends_with_it(here: Home) -> None:
    """Who holds it becomes a server by exec, and its runs are processes of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=ROOT,
        env=here.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        address = holder.stdout.readline().strip()
        assert json.loads(holder.stdout.readline())["outcome"] == "finished"
        holder.kill()
    host, _, port = address.rpartition(":")

    def ended() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) != 0

    until(ended, "it ends", 60.0)


def test_a_killed_driver_leaves_nothing_behind(cluster: TwoNodes, there: Home) -> None:
    process = there.start("race", "--seeds", "2", "--epochs", "2000", ray=cluster.address)
    workers = until(ray_workers, "both seeds have a worker", PATIENCE)
    until(lambda: there.store.runs()[0].step > 50, "they train", PATIENCE)
    process.kill()
    process.communicate()
    until(lambda: not any(map(alive, workers)), "their workers end", 30.0)
    assert there.store.runs()[0].as_it_stands.outcome == "interrupted"


def ray_workers() -> list[int]:
    """Return the processes that carry out parts, once there are two."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = entry.read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::RayWorker"):
            found.append(int(entry.parent.name))
    return found if len(found) >= 2 else []


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_cluster_that_is_not_there_is_refused_in_words(there: Home) -> None:
    output, _ = ending(there.start("train", ray="127.0.0.1:1"))
    words = json.loads(output)["words"]
    assert words.startswith("The Ray cluster at '127.0.0.1:1' cannot be used")
    assert "ray start" in words


def test_a_killed_node_costs_the_work_since_the_last_checkpoint(
    cluster: TwoNodes, here: Home, there: Home
) -> None:
    race = ("race", "--seeds", "2", "--epochs", "60", "--set", "checkpoint.seconds=0.2")
    process = there.start(*race, ray=cluster.address)
    until(lambda: (there.path / "proxprop.db").is_file(), "it begins", PATIENCE)

    def both_are_saved() -> bool:
        runs = there.store.runs()
        snapshot, _ = Checkpoints(there.store, runs[0].id).latest() if runs else (None, [])
        saved = RaceState(6).restore(snapshot) if snapshot is not None else {}
        return all(member in saved and saved[member].step > 0 for member in (0, 3))

    until(both_are_saved, "both seeds are under way and saved", PATIENCE)
    (worker,) = cluster.workers(0)
    os.kill(cluster.nodes[0], signal.SIGKILL)
    until(lambda: not worker.exists(), "its worker ends with it", PATIENCE)
    output, errors = ending(process)
    assert (json.loads(output)["outcome"], errors) == ("finished", "")
    here.run(*race)
    assert here.numbers() == there.numbers()
    (run,) = there.store.runs()
    notices = [e.event.text for e in there.store.events(run.id) if isinstance(e.event, Notice)]
    (lost,) = [text for text in notices if "lost its worker" in text]
    assert "steps are done again, from its last checkpoint." in lost
    assert run.revision == 1
