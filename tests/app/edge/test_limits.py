"""What the server takes of the machine before anyone asks for anything."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from app.edge.connections import LEFT, RESERVE, most_connections
from app.lifespan import keep_folders_in
from app.room import Room
from proxprop.data.bounds import ROOTS_VARIABLE, permitted
from proxprop.data.errors import DataError

RAISED = "from app.edge.connections import raise_file_limit; print(raise_file_limit())"


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 2000 if hard == resource.RLIM_INFINITY else min(hard, 2000)
    raised = subprocess.run(
        [sys.executable, "-c", RAISED],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, most)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(raised.stdout) == most


@pytest.mark.parametrize("files", [1024, 4096, 65_536])
def test_no_crowd_uses_up_all_open_files(files: int) -> None:
    # A page takes its websocket and what Streamlit opens for its session: an event loop.
    assert RESERVE + 3 * LEFT + 4 * most_connections(files) <= files


@pytest.mark.parametrize(
    ("room", "address", "bounded"),
    [
        (Room(), "127.0.0.1", False),
        (Room(), "192.168.1.5", True),
        (Room(), "", True),
        (Room(passphrase="a"), "127.0.0.1", True),
    ],
)
def test_folders_are_kept_to_where_others_reach_the_server(
    room: Room, address: str, bounded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(ROOTS_VARIABLE, "")
    del os.environ[ROOTS_VARIABLE]  # put back by monkeypatch, whatever is set meanwhile
    keep_folders_in(room, address)
    assert permitted(str(tmp_path / "home" / "data"))
    with pytest.raises(DataError) if bounded else nullcontext():
        permitted(str(tmp_path))
