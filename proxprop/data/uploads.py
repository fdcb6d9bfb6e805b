"""Archives and tables sent from the page: checked, kept once by their content, within limits."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from proxprop.data.containers import open_container
from proxprop.data.errors import DataError
from proxprop.data.read import is_table
from proxprop.files import write_atomically
from proxprop.paths import home

ENDINGS = ("zip", "tar", "gz", "tgz", "xz", "bz2", "csv", "tsv", "npz")
MAX_MEGABYTES = 50  # one file
MAX_KEPT_MEGABYTES = 2000  # all files; runs resume from them, so none is ever deleted by itself


def keep_upload(name: str, content: bytes) -> Path:
    """Keep a file that was sent under `PROXPROP_HOME/uploads`; return where, for `data.path`.

    Args:
        name: What its sender calls it; only its last part is used.
        content: All of it.

    Raises:
        DataError: If it is of no kind that is read, larger than allowed, refused as an archive, or
            there is no room.
    """
    kept = home() / "uploads"
    name = re.sub(r"[^\w .+-]", "_", re.split(r"[\\/]", name)[-1]).strip(" .")[-80:]
    if not name.lower().endswith(tuple(f".{ending}" for ending in ENDINGS)):
        raise DataError(f"{name or 'a file without a name'} is none of {', '.join(ENDINGS)}")
    if len(content) > MAX_MEGABYTES * 10**6:
        raise DataError(
            f"{name} has {len(content) / 10**6:.0f} MB, above the limit of {MAX_MEGABYTES} MB; put "
            "it on the machine that computes and give its path"
        )
    path = kept / sha256(content).hexdigest()[:12] / name
    if path.exists():
        return path
    taken = sum(file.stat().st_size for file in kept.glob("*/*"))
    if taken + len(content) > MAX_KEPT_MEGABYTES * 10**6:
        raise DataError(
            f"{kept} holds {taken / 10**6:.0f} MB of files that were sent, and "
            f"{MAX_KEPT_MEGABYTES} MB are allowed; whoever keeps this machine may delete old ones"
        )
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"{name} cannot be kept in {kept}: {error.strerror}") from error
    try:
        if not is_table(path):
            open_container(str(path)).files()
    except DataError:
        path.unlink()
        raise
    return path
