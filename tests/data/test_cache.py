from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from proxprop.data import cache
from proxprop.data.cache import CacheKey, cached, read_entry, write_entry
from proxprop.data.dataset import load
from proxprop.spec.config import DataConfig

from .crafted import plain, two_classes, write_folder, write_zip

KEY = CacheKey("thing", "some source", "version 1")


@dataclass(frozen=True)
class Entry:
    """Arrays and plain data, as what is cached."""

    numbers: np.ndarray
    names: tuple[str, ...]
    more: np.ndarray | None = None


@dataclass(frozen=True)
class Empty:
    """What fits nothing."""


ENTRY = Entry(np.arange(5000, dtype=np.int64), ("ä", "b"))


def test_entry_round_trips() -> None:
    assert read_entry(KEY, Entry) is None
    write_entry(KEY, ENTRY)
    found = read_entry(KEY, Entry)
    assert found is not None
    assert (found.names, found.more) == (ENTRY.names, None)
    np.testing.assert_array_equal(found.numbers, ENTRY.numbers)


def test_a_flipped_byte_never_changes_a_number() -> None:
    write_entry(KEY, ENTRY)
    sound = KEY.path.read_bytes()
    noticed = 0
    for position in range(0, len(sound), 211):
        damaged = bytearray(sound)
        damaged[position] ^= 0xFF
        KEY.path.write_bytes(damaged)
        found = read_entry(KEY, Entry)
        if found is None:
            noticed += 1
        else:  # the byte was a time stamp or the like
            np.testing.assert_array_equal(found.numbers, ENTRY.numbers)
    assert noticed > 0.95 * len(sound) / 211


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_damaged_entry_is_built_again(content: bytes) -> None:
    write_entry(KEY, ENTRY)
    KEY.path.write_bytes(content)
    found = cached(KEY, Entry, lambda: ENTRY)
    np.testing.assert_array_equal(found.numbers, ENTRY.numbers)
    assert read_entry(KEY, Entry) is not None


def test_entry_that_does_not_fit_is_built_again() -> None:
    write_entry(KEY, Empty())
    found = cached(KEY, Entry, lambda: ENTRY)
    np.testing.assert_array_equal(found.numbers, ENTRY.numbers)


def test_pickled_arrays_are_never_loaded() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("an entry was unpickled",))

    KEY.path.parent.mkdir(parents=True)
    hostile = np.empty(1, dtype=object)
    hostile[0] = Trap()
    with KEY.path.open("wb") as stream:
        about = '{"arrays": ["numbers"], "about": {"names": []}}'
        np.savez(stream, numbers=hostile, written=np.array(about))
    assert read_entry(KEY, Entry) is None


def test_new_state_replaces_the_old_entry_and_no_other(home: Path) -> None:
    other = CacheKey("thing", "another source", "version 1")
    write_entry(KEY, ENTRY)
    write_entry(other, ENTRY)
    newer = CacheKey(KEY.name, KEY.identity, "version 2")
    write_entry(newer, ENTRY)
    assert set((home / "cache").iterdir()) == {newer.path, other.path}


def test_full_disk_is_told_and_not_fatal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "savez", full)
    told: list[str] = []
    config = DataConfig(name="folder", path=str(write_zip(tmp_path / "a.zip", two_classes())))
    data = load(config, progress=lambda words, _: told.append(words))
    assert len(data.train) == 10
    assert any("No space left" in words for words in told)
    assert not list((home / "cache").iterdir())  # no half-written file stays behind


def test_unfinished_files_are_swept_once_abandoned() -> None:
    write_entry(KEY, ENTRY)
    folder = KEY.path.parent
    fresh, abandoned = folder / ".new.part", folder / ".old.part"
    for path in (fresh, abandoned):
        path.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    write_entry(KEY, ENTRY)
    assert set(folder.iterdir()) == {KEY.path, fresh}


def test_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DataConfig(name="folder", path=str(write_zip(tmp_path / "a.zip", two_classes())))
    first = load(config)
    monkeypatch.setattr("proxprop.data.read.folder_source", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(load(config).train.inputs, first.train.inputs)


@pytest.mark.parametrize("archive", [False, True])
def test_changed_files_are_decoded_again(tmp_path: Path, archive: bool) -> None:
    def write(files: dict[str, bytes]) -> Path:
        if archive:
            return write_zip(tmp_path / "a.zip", files)
        return write_folder(tmp_path / "a", files)

    config = DataConfig(name="folder", path=str(write(two_classes())), validation=0)
    assert load(config).train.inputs.max() < 250
    write({**two_classes(), "dog/05.png": plain(255), "dog/06.png": plain(255)})
    data = load(config)
    everything = torch.cat([data.train.inputs, data.test.inputs])
    assert len(everything) == 13
    assert everything.max() == 255


def test_options_have_entries_of_their_own(tmp_path: Path) -> None:
    path = str(write_zip(tmp_path / "a.zip", two_classes()))
    for size in (None, 2, 3, None):
        data = load(DataConfig(name="folder", path=path, image_size=size))
        assert data.shape == (1, size or 4, size or 4)


def test_processes_loading_at_once_agree(tmp_path: Path, home: Path) -> None:
    path = write_zip(tmp_path / "a.zip", two_classes(per_class=50))
    script = textwrap.dedent(
        f"""
        import sys
        from proxprop.spec.config import DataConfig
        from proxprop.data.dataset import load
        print("ready", flush=True)
        sys.stdin.readline()
        data = load(DataConfig(name="folder", path={str(path)!r}))
        print(int(data.train.inputs.long().sum()), len(data.train))
        """
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:  # both wait at the start line until now
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = []
    for worker in workers:
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
        answers.append(out)
    assert answers[0] == answers[1]
    data = load(DataConfig(name="folder", path=str(path)))
    assert answers[0] == f"{int(data.train.inputs.long().sum())} {len(data.train)}\n"
    assert not list((home / "cache").glob("*.part"))
