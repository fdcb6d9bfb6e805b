"""A store in trouble is told on every page and by every route, in the store's own words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import services
from app.routes import ON_ERROR, ROUTES
from proxprop.runs.errors import RunError
from proxprop.runs.process import Process
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point
from proxprop.spec.racing import default_race
from tests.app.conftest import PAGES, dials, known_run, open_page
from tests.runs.waiting import until


def damage(store: Store, table: str) -> str:
    """Overwrite the first page of a table; return a run's id."""
    run_id = store.create_run(RunConfig(), process=Process.current())
    for step in range(100):
        store.append(run_id, [Point("steps", step, 0, 0, {"loss": 1.0})] * 20)
    store.end(run_id, "finished", "done")
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root, size = (
            connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)),
            connection.execute("PRAGMA page_size"),
        )
        start, length = root.fetchone()[0], size.fetchone()[0]
    connection.close()
    data = bytearray(store.path.read_bytes())
    data[(start - 1) * length : start * length] = b"\xff" * length
    store.path.write_bytes(data)
    return run_id


def test_damage_that_nothing_shown_touches_is_told_on_every_page(store: Store) -> None:
    damage(store, "chunks")
    service = RunService(store, prewarm=False)
    try:
        trouble = until(lambda: service.trouble, "the damage is found")
    finally:
        service.shutdown()
    assert f"{store.path} is damaged" in trouble
    assert "proxprop restore FILE" in trouble
    services._PARTS["service"].trouble = trouble
    for page in ("home", "train", "runs"):  # the frame around all pages says it
        at = open_page(page)
        assert [error.value for error in at.error] == [trouble]
        if page == "runs":
            assert len(at.dataframe[0].value) == 1
    client = TestClient(Starlette(routes=ROUTES, exception_handlers=ON_ERROR))
    (run,) = store.runs()
    assert client.get(f"/api/runs/{run.id}/points.csv").status_code == 503
    assert client.get(f"/api/runs/{run.id}/config.json").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["stream?runs={}", "runs/{}/points.csv", "runs/{}/config.json", "races/{}/table.csv"],
)
def test_routes_answer_for_a_store_they_cannot_read(store: Store, path: str) -> None:
    run_id = damage(store, "runs")
    client = TestClient(Starlette(routes=ROUTES, exception_handlers=ON_ERROR))
    answer = client.get(f"/api/{path.format(run_id)}")
    assert answer.status_code == 503
    assert "is damaged" in answer.text
    assert "Traceback" not in answer.text


def test_a_server_without_a_store_says_why_on_every_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setattr(services, "_PARTS", {})
    (tmp_path / "proxprop.db").write_bytes(b"somebody's notes" * 1000)
    for page in PAGES:
        (error,) = open_page(page).error
        assert "no run store" in error.value
    client = TestClient(Starlette(routes=ROUTES, exception_handlers=ON_ERROR))
    assert client.get("/api/stream?runs=abc").status_code == 503


def rewrite(store: Store, run_id: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the stored config of a run as another version might have written it."""
    config = json.loads(store.run(run_id).config_json)
    change(config)
    with sqlite3.connect(store.path) as connection:
        values = (json.dumps(config), run_id)
        connection.execute("UPDATE runs SET config = ? WHERE id = ?", values)
        connection.execute(
            "INSERT INTO events (run_id, member, time, step, kind, payload) "
            "VALUES (?, 0, 0, 5, 'omen', '{}')",
            (run_id,),
        )
    connection.close()


def of_the_future(config: dict[str, Any]) -> None:
    config["warp"] = 9
    config["direction"]["solver"] = "telepathic"
    config["optimizer"]["lr"] = 0.37


def test_a_run_of_another_version_is_opened_to_read(store: Store) -> None:
    run_id = known_run(store, outcome="interrupted")
    rewrite(store, run_id, of_the_future)
    run = store.run(run_id)
    assert "warp: is not a field" in run.foreign
    assert "direction.solver: must be one of" in run.foreign
    assert (run.resumable, run.extendable, run.config.optimizer.lr) == (False, False, 0.37)  # type: ignore[union-attr]
    for page in ("train", "runs"):
        at = open_page(page, run=run_id)
        assert run.foreign in [warning.value for warning in at.warning]
        assert not at.error
        keys = {button.key for button in at.button}
        assert not keys & {"resume", "extend.go", "copy", "replay"}
    train = open_page("train", run=run_id)
    assert dials(train)["dial.optimizer.lr"]["text"] == "0.37"
    with pytest.raises(RunError, match="can only be read"):
        services.get_service().resume(run_id)
    client = TestClient(Starlette(routes=ROUTES, exception_handlers=ON_ERROR))
    for name, status in (("config.json", 409), ("snippet.py", 409), ("points.csv", 200)):
        assert client.get(f"/api/runs/{run_id}/{name}").status_code == status
    assert "'omen'" in str([row.event for row in store.events(run_id)])


def test_a_race_of_another_version_is_opened_to_read(store: Store) -> None:
    race = known_run(store, default_race())  # type: ignore[arg-type]
    rewrite(store, race, lambda config: config["contenders"][1]["optimizer"].update(name="omega"))
    at = open_page("compare", race=race)
    assert "contenders.1.optimizer.name" in at.warning[0].value
    assert not at.error


def test_a_run_of_which_nothing_can_be_read_hides_no_other(store: Store) -> None:
    good, bad = known_run(store), known_run(store)
    rewrite(store, bad, lambda config: config.update(kind="dream"))
    at = open_page("runs", run=bad)
    assert len(at.dataframe[0].value) == 2
    assert "kind: must be one of" in at.warning[0].value
    assert "kind: must be one of" in open_page("train", run=bad).warning[0].value
    assert good in {run.id for run in store.runs()}


@pytest.mark.parametrize("column", ["config", "summary", "tags", "started_info"])
def test_a_row_that_was_damaged_hides_no_other(store: Store, column: str) -> None:
    good, bad = known_run(store), known_run(store)
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"UPDATE runs SET {column} = '{{\"x' WHERE id = ?", (bad,))
    connection.close()
    assert {run.id for run in store.runs()} == {good, bad}
    at = open_page("runs", run=bad)
    assert len(at.dataframe[0].value) == 2
    assert not at.error
    assert len(at.warning) == (column == "config")
