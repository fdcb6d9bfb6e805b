"""Stores that are damaged, newer, read-only or none at all: told in a sentence."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.drills.dashboard import furnish
from proxprop.runs.store import Store


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _scribbled(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(8192, len(content), 4096):
        content[place : place + 200] = b"\xff" * 200
    file.write_bytes(content)


def _newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


KINDS: dict[str, Callable[[Path], None]] = {
    "cut in half": _cut,
    "scribbled over": _scribbled,
    "of a newer version": _newer,
    "another file": lambda file: file.write_text("no store\n" * 1000) and None,
    "a folder": _folder,
    "empty": lambda file: file.write_bytes(b""),
    "a header only": lambda file: file.write_bytes(file.read_bytes()[:100]),
    "without its first page": lambda file: file.write_bytes(bytes(4096) + file.read_bytes()[4096:]),
}


def damage(home: Path) -> str:
    """Damage a store in eight ways and ask for it; each is told in words, or read as it is."""
    told, read, tracebacks = 0, 0, 0
    taken = socket.create_server(("127.0.0.1", 0))  # so that serve ends where it would begin
    serve = ["serve", "--no-browser", "--port", str(taken.getsockname()[1])]
    for number, (_, harm) in enumerate(KINDS.items()):
        place = home / str(number)
        store = Store(place / "proxprop.db")
        furnish(store)
        store.close()
        for extra in ("-wal", "-shm"):
            place.joinpath(f"proxprop.db{extra}").unlink(missing_ok=True)
        harm(place / "proxprop.db")
        for command in (["runs", "list"], serve):
            done = subprocess.run(
                [sys.executable, "-m", "proxprop", *command],
                env={**os.environ, "PROXPROP_HOME": str(place)},
                capture_output=True,
                text=True,
            )
            tracebacks += "Traceback" in done.stdout + done.stderr
        listed = "is in use" in done.stderr  # the store was sound enough to go on
        read += listed
        told += not listed and bool(done.stderr.strip())
    taken.close()
    return f"{len(KINDS)} kinds: {told} told in words, {read} read, {tracebacks} tracebacks"
