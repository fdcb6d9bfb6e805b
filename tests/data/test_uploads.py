from __future__ import annotations

from pathlib import Path

import pytest

from proxprop.data import uploads
from proxprop.data.dataset import load
from proxprop.data.errors import DataError
from proxprop.data.source import quiet
from proxprop.data.uploads import keep_upload
from proxprop.spec.config import DataConfig

from .crafted import plain, two_classes, write_tar, write_zip


def test_what_was_sent_is_kept_once_and_can_be_loaded(tmp_path: Path, home: Path) -> None:
    content = write_zip(tmp_path / "a.zip", two_classes()).read_bytes()
    path = keep_upload("C:\\photos\\my pets.zip", content)
    assert (path.name, path.parents[1]) == ("my pets.zip", home / "uploads")
    assert keep_upload("my pets.zip", content) == path
    assert len(list((home / "uploads").glob("*/*"))) == 1
    data = load(DataConfig(name="folder", path=str(path)), progress=quiet)
    assert data.classes == ("cat", "dog")


@pytest.mark.parametrize("name", ["../../x.csv", "/etc/x.csv", "..\\x.csv", " x.csv ", "a\0x.csv"])
def test_names_lead_nowhere_else(name: str, home: Path) -> None:
    path = keep_upload(name, b"a,label\n1,x\n")
    assert path.resolve().is_relative_to(home / "uploads")
    assert path.name in ("x.csv", "a_x.csv")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("virus.exe", b"MZ", r"virus\.exe is none of zip, tar"),
        ("", b"", "a file without a name is none of"),
        ("a.zip", b"words", "neither a folder nor"),
        ("a.tar.gz", b"\x1f\x8bwords", "is damaged"),
    ],
)
def test_other_files_are_refused_and_not_kept(
    name: str, content: bytes, words: str, home: Path
) -> None:
    with pytest.raises(DataError, match=words):
        keep_upload(name, content)
    assert not list(home.glob("uploads/*/*"))


def test_hostile_archives_are_refused_and_not_kept(tmp_path: Path, home: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {**two_classes(), "zebra/../../1.png": plain(1)})
    with pytest.raises(DataError, match="points outside"):
        keep_upload("a.tar", path.read_bytes())
    assert not list(home.glob("uploads/*/*"))


def test_limits_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_MEGABYTES", 1)
    monkeypatch.setattr(uploads, "MAX_KEPT_MEGABYTES", 2)
    with pytest.raises(DataError, match=r"big\.csv has 2 MB, above the limit of 1 MB"):
        keep_upload("big.csv", bytes(2 * 10**6))
    for index in range(2):
        keep_upload("a.csv", bytes([index]) * 10**6)
    with pytest.raises(DataError, match="holds 2 MB of files that were sent, and 2 MB are allowed"):
        keep_upload("a.csv", b"one more")
