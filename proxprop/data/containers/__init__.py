"""Folders and archives of files, read in place and never unpacked to disk.

Archives are untrusted. Whatever points outside, links, devices, bombs: refused before any image
is decoded, see `proxprop.data.containers.rules`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from proxprop.data.containers.base import Container, File
from proxprop.data.containers.directory import Directory
from proxprop.data.containers.tarred import TarArchive, is_tar
from proxprop.data.containers.zipped import ZipArchive
from proxprop.data.errors import DataError


def open_container(path: str) -> Container:
    """Return the folder, .zip or .tar (plain, gz, bz2 or xz) at `path`; the contents decide which.

    Raises:
        DataError: If there is nothing there, or something else.
    """
    place = Path(path).expanduser()
    try:
        if place.is_dir():
            return Directory(place)
        if not place.is_file():
            hint = "" if place.is_absolute() else f" (seen from {Path.cwd()})"
            raise DataError(f"{path}{hint} does not exist; check data.path")
        if is_tar(place):
            return TarArchive(place)
        if zipfile.is_zipfile(place):
            return ZipArchive(place)
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}; check data.path") from error
    raise DataError(
        f"{path} is neither a folder nor a .zip or .tar archive; give one of class-named folders"
    )


__all__ = ["Container", "File", "open_container"]
