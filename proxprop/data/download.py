"""Files of well-known data sets: found where torchvision keeps them, or fetched once."""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from proxprop.data.errors import DataError
from proxprop.files import atomic_file
from proxprop.paths import home
from proxprop.spec.controls import Report

CHUNK = 1 << 18
TIMEOUT = 20.0  # seconds without a byte before a mirror counts as out of reach


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Attributes:
        path: Place below a data root, as torchvision lays it out.
        urls: Mirrors, best first.
        md5: Checksum that torchvision lists.
        contents: SHA-256 of what a .gz file holds, where known: a copy that was packed anew, with
            another time stamp in its header, is as good as the original.
    """

    path: str
    urls: tuple[str, ...]
    md5: str
    contents: str = ""


def data_roots() -> tuple[Path, ...]:
    """Return where data sets may lie: `PROXPROP_DATA` if set, then `PROXPROP_HOME/data`."""
    chosen = os.environ.get("PROXPROP_DATA", "").strip()
    roots = [Path(chosen).expanduser()] if chosen else []
    return (*roots, home() / "data")


def obtain(label: str, files: Sequence[RemoteFile], progress: Report) -> list[Path]:
    """Return local copies of `files`, each with the right checksum; fetch what is missing.

    Args:
        label: Name of the data set, for messages.
        files: What is needed.
        progress: Called with how far a download is.

    Raises:
        DataError: If a file is missing or damaged and cannot be fetched; says where to put it.
    """
    paths = []
    for file in files:
        local = [path for root in data_roots() if (path := root / file.path).is_file()]
        intact = [path for path in local if is_intact(path, file)]
        paths.append(intact[0] if intact else _fetch(label, file, files, local, progress))
    return paths


def is_intact(path: Path, file: RemoteFile) -> bool:
    """Return whether `path` holds what `file` describes.

    Checksums guard against damage, not against forgery: MD5 is what torchvision lists.
    """
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, _md5).hexdigest() == file.md5:
            return True
    if not file.contents:
        return False
    try:
        with gzip.open(path, "rb") as unpacked:
            return hashlib.file_digest(unpacked, "sha256").hexdigest() == file.contents
    except (OSError, EOFError, zlib.error):
        return False


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _fetch(
    label: str,
    file: RemoteFile,
    files: Sequence[RemoteFile],
    damaged: list[Path],
    progress: Report,
) -> Path:
    target = _writable_root(file) / file.path
    causes = []
    for url in file.urls:
        try:
            _transfer(label, url, file.md5, target, progress)
        # URLError and timeouts are OSErrors.
        except (OSError, ValueError, HTTPException) as error:
            causes.append(f"{url}: {error}")
        else:
            return target
    names = ", ".join(Path(needed.path).name for needed in files)
    reason = f" {damaged[0]} is damaged: its checksum is wrong." if damaged else ""
    raise DataError(
        f"{label} could not be downloaded: {'; '.join(causes)}.{reason} Put "
        f"{names} into {target.parent}, or choose the data set 'digits', which needs no network"
    )


def _writable_root(file: RemoteFile) -> Path:
    """Return the first root that takes the file; a shared root may be read-only."""
    for root in data_roots():
        folder = (root / file.path).parent
        if not _writable(folder):
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        return root
    return data_roots()[-1]


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    # A folder without write permission is meant to stay as it is, even if root could write.
    return bool(folder.stat().st_mode & 0o222) and os.access(folder, os.W_OK)


def _transfer(label: str, url: str, md5: str, target: Path, progress: Report) -> None:
    digest = _md5()
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response, atomic_file(target) as out:
        total = int(response.headers.get("Content-Length") or 0)
        done = 0
        while chunk := response.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
            done += len(chunk)
            fraction = min(1.0, done / total) if total else None
            size = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
            progress(f"Downloading {label}: {target.name}, {size}", fraction)
        if digest.hexdigest() != md5:
            raise ValueError(f"the checksum of {target.name} is wrong, the transfer was damaged")
