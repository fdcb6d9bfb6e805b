"""Where data may lie, and how far a folder is looked through."""

import os
from pathlib import Path

import pytest

from proxprop.data import bounds
from proxprop.data.bounds import ROOTS_VARIABLE, Limits, Listing, permitted
from proxprop.data.containers import open_container
from proxprop.data.errors import DataError
from proxprop.data.read import read_sketch, read_source
from proxprop.data.source import quiet
from proxprop.spec.config import DataConfig
from tests.data.crafted import bars, write_folder

FILES = {f"{name}/{i}.png": bars(i) for name in ("cat", "dog") for i in range(4)}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    root = tmp_path / "open"
    monkeypatch.setenv(ROOTS_VARIABLE, os.pathsep.join([str(root), str(tmp_path / "none")]))
    return write_folder(root / "own", FILES)


def test_what_lies_inside_is_read(inside: Path) -> None:
    config = DataConfig(name="folder", path=str(inside))
    assert len(read_source(config, quiet).targets) == 8
    assert read_sketch(config) is not None


@pytest.mark.parametrize("read", [read_sketch, lambda config: read_source(config, quiet)])
def test_what_lies_outside_is_refused_alike_whether_it_exists(inside: Path, read) -> None:
    outside = write_folder(inside.parents[1] / "closed", FILES)
    (outside / "own.csv").write_text("a,label\n1,2\n")
    (inside.parent / "link").symlink_to(outside)
    paths = [
        *(outside, outside / "own.csv", outside / "absent", outside / "absent.csv"),
        *(inside / ".." / ".." / "closed", inside.parent / "link", Path("/etc"), Path("a" * 5000)),
    ]
    for path in paths:
        with pytest.raises(DataError, match=r"is outside the folders|is no path") as refusal:
            read(DataConfig(name="folder", path=str(path)))
        assert str(path) in str(refusal.value)


def test_without_roots_everything_may_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOTS_VARIABLE, raising=False)
    assert permitted("/usr") == "/usr"


def test_a_listing_ends_at_its_limits_or_when_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_folder(tmp_path / "many", {"a/1.png": b""})
    for number in range(600):
        (place / "a" / f"x{number}").touch()
    container = open_container(str(place))
    assert len(container.files()) == 601
    monkeypatch.setattr(Listing, "limits", Limits(files=100))
    with pytest.raises(DataError, match="more than 100 files"):
        container.files()
    clock = iter(range(1000))
    monkeypatch.setattr(bounds.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(Listing, "limits", Limits(seconds=1.5))
    with pytest.raises(DataError, match="cannot be listed within"):
        container.files()
    monkeypatch.setattr(Listing, "limits", Limits(alive=lambda: pytest.fail("listed again")))
    with pytest.raises(DataError, match="cannot be listed within"):
        container.files()
    Listing._slow.clear()

    class Left(Exception):
        """What the page's framework raises once its viewer has gone."""

    def alive():
        raise Left

    monkeypatch.setattr(Listing, "limits", Limits(alive=alive))
    with pytest.raises(Left):
        container.files()
