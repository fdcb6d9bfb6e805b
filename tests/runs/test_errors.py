"""A damaged, locked, full or foreign store is told in words, and left as it is."""

import sqlite3
from pathlib import Path

import pytest

from proxprop.runs.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreVersionError,
)
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point

from .limits import file_size_limit


def test_a_file_that_is_no_store_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "proxprop.db"
    path.write_bytes(b"these are somebody's notes, and no database at all" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreCorruptError, match="Move it away") as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_damaged_store_is_told_when_its_damage_is_read(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    for step in range(200):
        store.append(run_id, [Point("steps", step, 0, 0, {"loss": 1.0})])
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(store.path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 64] = b"\xff" * 64
    store.path.write_bytes(data)
    with pytest.raises(StoreCorruptError, match="is damaged"):
        Store(store.path).points(run_id, "steps")


def test_a_store_of_a_newer_version_is_refused(store: Store) -> None:
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreVersionError, match="newer proxprop"):
        Store(store.path)


def test_a_locked_store_is_told_and_works_again(store: Store) -> None:
    hasty = Store(store.path, busy_timeout=0.05)
    run_id = hasty.create_run(RunConfig())
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLockedError, match="locked by another program"):
        hasty.append(run_id, [Point("steps", 1, 0, 0, {"loss": 1.0})])
    assert hasty.run(run_id).status == "queued"  # reading goes on
    holder.execute("ROLLBACK")
    holder.close()
    hasty.append(run_id, [Point("steps", 1, 0, 0, {"loss": 1.0})])
    assert len(hasty.points(run_id, "steps")) == 1
    hasty.close()


def test_a_full_disk_is_told_and_loses_nothing_recorded(store: Store) -> None:
    run_id = store.create_run(RunConfig())
    wide = {f"c{i}": 1.0 for i in range(4000)}
    store.append(run_id, [Point("layers", 0, 0, 0, wide)])
    largest = max(file.stat().st_size for file in store.home.iterdir())

    def fill() -> None:
        for step in range(1, 100):
            store.append(run_id, [Point("layers", step, 0, 0, wide)])

    with file_size_limit(largest + 100_000), pytest.raises(StoreFullError, match="Free some space"):
        fill()
    kept = store.points(run_id, "layers")["step"].tolist()
    assert kept == list(range(len(kept)))
    assert 1 <= len(kept) < 100
    store.append(run_id, [Point("layers", len(kept), 0, 0, wide)])
    assert store.points(run_id, "layers")["step"].tolist() == [*kept, len(kept)]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="PROXPROP_HOME"):
        Store(tmp_path / "file" / "proxprop.db")
