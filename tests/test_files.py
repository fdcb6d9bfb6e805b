"""A file is there whole, or as it was."""

import os
from pathlib import Path

import pytest

from proxprop.files import atomic_file, write_atomically


def test_a_file_is_replaced_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.txt"
    write_atomically(path, "first")
    with atomic_file(path) as stream:
        stream.write(b"second")
        stream.flush()
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert os.listdir(path.parent) == ["a.txt"]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "first")
    with pytest.raises(TypeError), atomic_file(path) as stream:
        stream.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_readers_of_other_accounts_may_read_it(tmp_path: Path) -> None:
    plain, atomic = tmp_path / "plain", tmp_path / "atomic"
    plain.write_text("x")
    write_atomically(atomic, "x")
    assert plain.stat().st_mode == atomic.stat().st_mode


def test_what_killed_processes_left_is_deleted_once_abandoned(tmp_path: Path) -> None:
    fresh, abandoned = tmp_path / ".new.part", tmp_path / ".old.part"
    for path in (fresh, abandoned):
        path.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    write_atomically(tmp_path / "a.txt", "x")
    assert set(tmp_path.iterdir()) == {fresh, tmp_path / "a.txt"}
