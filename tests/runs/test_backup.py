"""A backup taken while runs go on is whole, and comes back in place of what was there."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from proxprop import paths
from proxprop.files import write_atomically
from proxprop.runs.backup import back_up, restore
from proxprop.runs.errors import RunError, StoreCorruptError, StoreError
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point


def save(store: Store, run_id: str, step: int) -> None:
    """Save as a run does: points, then a checkpoint; only the last two are kept."""
    store.append(run_id, [Point("steps", step, 0, 0, {"loss": 1.0})], fields={"step": step})
    path = paths.checkpoints(run_id, store.home) / f"{step}.safetensors"
    write_atomically(path, b"state" * 1000)
    store.add_checkpoint(run_id, step, str(path.relative_to(store.home)))
    for old in store.checkpoints(run_id)[2:]:
        (store.home / old.path).unlink()
        store.drop_checkpoint(run_id, old.step)


@pytest.fixture
def run(store: Store) -> str:
    run_id = store.create_run(RunConfig(), "kept", process=Process.current())
    for step in range(1, 4):
        save(store, run_id, step)
    write_atomically(store.home / "uploads" / "abc" / "mine.csv", b"x,label\n")
    return run_id


def test_it_brings_everything_back_and_moves_what_was_there_aside(
    store: Store, run: str, tmp_path: Path
) -> None:
    archive = tmp_path / "kept.tar"
    back_up(store, archive)
    later = store.create_run(RunConfig(), "made since")
    store.close()
    aside = restore(archive, store.home)
    back = Store()
    assert [entry.id for entry in back.runs()] == [run]
    assert back.points(run, "steps")["step"].tolist() == [1, 2, 3]
    assert [(back.home / row.path).read_bytes()[:5] for row in back.checkpoints(run)] == [
        b"state",
        b"state",
    ]
    assert (back.home / "uploads" / "abc" / "mine.csv").exists()
    assert back.create_run(RunConfig())  # it can be written
    back.close()
    assert aside is not None
    assert {entry.id for entry in Store(aside / "proxprop.db").runs()} == {run, later}


def test_every_checkpoint_it_names_is_in_it_while_a_run_saves_and_deletes_all_the_time(
    store: Store, run: str, tmp_path: Path
) -> None:
    script = (
        "import sys; from tests.runs.test_backup import *\n"
        "store = Store()\n"
        "for step in range(10, 10**6): save(store, sys.argv[1], step); print(step, flush=True)"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, run], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    try:
        for number in range(3):
            before = int(writer.stdout.readline())
            archive, home = tmp_path / f"{number}.tar", tmp_path / str(number)
            back_up(store, archive)
            restore(archive, home)
            copy = Store(home / "proxprop.db")
            assert copy.damage() == ""
            assert copy.run(run).step >= before
            rows = copy.checkpoints(run)
            assert rows
            assert all((home / row.path).read_bytes() == b"state" * 1000 for row in rows)
            assert all(row.step <= copy.run(run).step for row in rows)
            copy.close()
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()


def test_what_is_no_backup_changes_nothing(store: Store, run: str, tmp_path: Path) -> None:
    store.close()
    good = tmp_path / "good.tar"
    back_up(store, good)
    store.close()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(good.read_bytes()[:20_000])
    empty = tmp_path / "empty.tar"
    tarfile.open(empty, "w").close()
    damaged = tmp_path / "damaged.tar"
    with tarfile.open(good) as source, tarfile.open(damaged, "w") as target:
        member = source.getmember("proxprop.db")
        data = source.extractfile(member)
        assert data is not None
        content = data.read()
        (tmp_path / "rubbish").write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        target.add(tmp_path / "rubbish", "proxprop.db")
    for bad in (cut, empty, damaged, tmp_path / "nothing.tar"):
        with pytest.raises(RunError, match="is no"):
            restore(bad, store.home)
        assert [entry.id for entry in Store().runs()] == [run]
    assert not list(store.home.glob(".restore-*"))


def test_a_store_in_use_is_not_replaced(store: Store, run: str, tmp_path: Path) -> None:
    archive = tmp_path / "kept.tar"
    back_up(store, archive)
    script = "import sys; file = open(sys.argv[1]); print(1, flush=True); input()"
    user = subprocess.Popen(
        [sys.executable, "-c", script, store.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert user.stdout is not None
    user.stdout.readline()
    with pytest.raises(RunError, match=f"Process {user.pid} has the store"):
        restore(archive, store.home)
    user.communicate()
    assert restore(archive, store.home) is not None


def test_a_damaged_store_does_not_take_the_place_of_a_good_backup(
    store: Store, run: str, tmp_path: Path
) -> None:
    archive = tmp_path / "kept.tar"
    back_up(store, archive)
    before = archive.read_bytes()
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StoreCorruptError, match="is damaged"):
        back_up(store, archive)
    assert archive.read_bytes() == before


def test_an_archive_that_cannot_be_written_is_told(store: Store, run: str) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        back_up(store, Path("/proc/nowhere/kept.tar"))
    assert not list(store.home.glob(".backup-*"))
