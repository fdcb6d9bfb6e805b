"""One run and one race, really trained: wherever a number of theirs is shown, it is the same."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app import services
from app.components.notation import number
from app.components.side_by_side import results, sides
from app.live.snapshot import Snapshot
from app.report.figures import charts
from app.routes import ROUTES
from app.runs.columns import frame
from proxprop.cli import app as cli
from proxprop.runs.store import Store
from tests.app.compare.test_table import table
from tests.app.conftest import StillService, as_number, open_page

LOSS, ACCURACY = "train_loss", "validation_accuracy"
SHORT = ("--set", "data.samples=200", "--set", "instruments.tier=off", "--epochs", "2", "--json")


def command(*arguments: str) -> Any:
    done = CliRunner().invoke(cli, list(arguments))
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROXPROP_HOME", str(tmp_path_factory.mktemp("numbers")))
        patch.setattr(services, "_PARTS", {})
        opened = services.get_store()
        services._PARTS["service"] = StillService(opened)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def trained(store: Store) -> dict[str, Any]:
    return command("train", *SHORT)


@pytest.fixture(scope="module")
def raced(store: Store) -> dict[str, Any]:
    return command("race", *SHORT, "--seeds", "2", "--target", "1.5")


def get(path: str) -> str:
    answer = TestClient(Starlette(routes=list(ROUTES))).get(path)
    assert answer.status_code == 200
    return answer.text


def read_csv(text: str) -> pd.DataFrame:
    """Return a table with every number as it was written; older pandas miss the last digit."""
    return pd.read_csv(io.StringIO(text), float_precision="round_trip")


def exported(run: str) -> pd.DataFrame:
    """Return the last value of every column of the exported points, by member."""
    points = read_csv(get(f"/api/runs/{run}/points.csv"))
    ends = points[points["table"] == "evaluations"].sort_values("step", kind="stable")
    return ends.groupby(["member", "column"]).last()


def streamed(store: Store, run: str) -> dict[str, list[float]]:
    """Return what tiles and charts are sent: series → values."""
    snapshot = Snapshot()
    snapshot.set_run(store.run(run))
    snapshot.add_chunks(store.chunks_after([run]))
    sent = json.loads(snapshot.update(None) or "")
    return {name: series["y"] for name, series in sent["series"].items()}


def printed(run: str) -> list[str]:
    """Return the lines that the exported script prints."""
    script, output = get(f"/api/runs/{run}/snippet.py"), io.StringIO()
    with redirect_stdout(output):
        exec(compile(script, "script", "exec"), {})
    return output.getvalue().splitlines()


def close(value: float) -> Any:
    return pytest.approx(value, rel=5e-3)  # three digits


def test_a_runs_numbers_agree_wherever_they_are_shown(
    store: Store, trained: dict[str, Any]
) -> None:
    run, final = trained["id"], trained["summary"]
    stored = store.run(run)
    told = command("runs", "show", run, "--json")
    assert (told["summary"], told["step"], told["epoch"], told["seconds"]) == (
        *(final, trained["step"], trained["epoch"], trained["seconds"]),
    )
    words = CliRunner().invoke(cli, ["runs", "show", run]).stdout
    ends = exported(run)
    sent = streamed(store, run)
    line = frame([(stored,)], ("training loss", "best loss", "accuracy", "epochs", "time [s]"))
    assert line.iloc[0].tolist() == [
        *(final[LOSS], final[f"best_{LOSS}"], final[ACCURACY]),
        *(trained["epoch"], trained["seconds"]),
    ]
    for name in (LOSS, "validation_loss", ACCURACY):
        assert ends.loc[(0, name), "value"] == final[name]
        assert ends.loc[(0, name), "seconds"] == trained["seconds"]
        assert sent[f"0/evaluations/{name}"][-1] == pytest.approx(final[name], rel=1e-5)
        assert re.search(rf"{name.replace('_', ' ')} *│ *{final[name]:.4g} ", words), words
    (side,) = sides(store, [stored])
    shown = {label: values[0] for label, values in results([side])}
    assert shown["training loss"] == number(final[LOSS])
    assert shown["validation accuracy"] == f"{100 * final[ACCURACY]:.1f} %"
    drawn = {figure.layout.title.text: figure.data[-1] for figure in charts(store, [side])}
    assert drawn["Training loss by epoch"].y[-1] == final[LOSS]
    assert drawn["Training loss by seconds"].x[-1] == trained["seconds"]
    config = json.loads(get(f"/api/runs/{run}/config.json"))
    assert config == told["config"]


def test_a_runs_script_prints_the_same_numbers(store: Store, trained: dict[str, Any]) -> None:
    final = trained["summary"]
    *_, last, end = printed(trained["id"])
    for name in (LOSS, "validation_loss", ACCURACY):
        assert f"{name} {final[name]:.4g}" in last
    assert f"epoch {trained['epoch']:.4g}" in last
    assert end == store.run(trained["id"]).words


def test_a_races_numbers_agree_wherever_they_are_shown(store: Store, raced: dict[str, Any]) -> None:
    race, rows = raced["id"], raced["contenders"]
    told = command("runs", "show", race, "--json")["contenders"]
    ends, sent = exported(race), streamed(store, race)
    file = read_csv(get(f"/api/races/{race}/table.csv?target=1.5&measure={LOSS}&baseline=0"))
    cells = table(open_page("compare", race=race, **{"target.train_loss": "1.5"}))[1:]
    beside = dict(results(sides(store, [store.run(race)])))
    figures = {f.layout.title.text: f for f in charts(store, sides(store, [store.run(race)]))}
    means = [trace for trace in figures["Training loss by epoch"].data if trace.name]
    for place, row in enumerate(rows):
        loss, accuracy = row["final"][LOSS], row["final"][ACCURACY]
        assert told[place]["final"] == row["final"]
        assert told[place]["step_seconds"] == row["step_seconds"]
        members = row["members"]
        for name, stat in ((LOSS, loss), (ACCURACY, accuracy)):
            values = [ends.loc[(member, name), "value"] for member in members]
            assert sum(values) / len(values) == pytest.approx(stat["mean"])
            streams = [sent[f"{member}/evaluations/{name}"][-1] for member in members]
            assert streams == pytest.approx(values, rel=1e-5)
        assert file[f"final_{LOSS}"][place] == loss["mean"]
        assert file["seconds_to_target"][place] == pytest.approx(
            row["seconds_to_target"]["mean"] or float("nan"), nan_ok=True
        )
        mean, std = (as_number(part) for part in cells[place][2].split(" ± "))
        assert (mean, std) == (close(loss["mean"]), pytest.approx(loss["std"], rel=5e-2))
        assert cells[place][4].startswith(f"{100 * accuracy['mean']:.1f} %")
        assert beside["training loss"][place].startswith(number(loss["mean"]))
        assert means[place].y[-1] == pytest.approx(loss["mean"])


def test_a_races_script_prints_the_same_numbers(store: Store, raced: dict[str, Any]) -> None:
    ends = exported(raced["id"])
    lines = printed(raced["id"])
    for row in raced["contenders"]:
        for seed, member in enumerate(row["members"]):
            mine = [line for line in lines if line.startswith(f"{row['label']}, seed {seed}:")]
            measured = [line for line in mine if "train_loss" in line]
            assert f"train_loss {ends.loc[(member, LOSS), 'value']:.4g} " in f"{measured[-1]} "
