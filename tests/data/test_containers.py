from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from proxprop.data import containers
from proxprop.data.bounds import Limits, Listing
from proxprop.data.containers import open_container
from proxprop.data.errors import DataError

from .crafted import Files, member, two_classes, write_folder, write_tar, write_zip

FILES = two_classes(per_class=3)
KINDS: dict[str, Callable[[Path, Files], Path]] = {
    "folder": write_folder,
    "a.zip": write_zip,
    "a.tar": write_tar,
    "a.tar.gz": write_tar,
    "a.tar.bz2": write_tar,
    "a.tar.xz": write_tar,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_lists_and_reads_the_same(tmp_path: Path, kind: str) -> None:
    container = open_container(str(KINDS[kind](tmp_path / kind, FILES)))
    files = container.files()
    assert [file.name for file in files] == sorted(FILES)
    assert {file.name: file.size for file in files} == {n: len(c) for n, c in FILES.items()}
    wanted = [file for file in files if file.name in ("dog/00.png", "cat/02.png")]
    read = {file.name: content for file, content in container.read(wanted)}
    assert read == {name: FILES[name] for name in ("dog/00.png", "cat/02.png")}


@pytest.mark.parametrize("kind", KINDS)
def test_contents_decide_the_kind_not_the_name(tmp_path: Path, kind: str) -> None:
    path = KINDS[kind](tmp_path / kind, FILES).rename(tmp_path / "data")
    assert len(open_container(str(path)).files()) == len(FILES)


@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_archives_made_on_windows_are_read(tmp_path: Path, kind: str) -> None:
    files = {f"set\\{name}".replace("/", "\\"): content for name, content in FILES.items()}
    path = tmp_path / kind
    if kind == "a.zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {"set\\": b"", "set\\cat\\": b"", **files}.items():
                info = zipfile.ZipInfo()
                info.filename = name  # as is: the constructor turns the strokes of this system
                archive.writestr(info, content)
    else:
        write_tar(path, files)
    container = open_container(str(path))
    read = {file.name: content for file, content in container.read(container.files())}
    assert read == {f"set/{name}": content for name, content in FILES.items()}


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 1 << 20])
def test_tar_members_of_any_size_are_read_whole(tmp_path: Path, size: int) -> None:
    files = {"a/1.png": os.urandom(size), "a/2.png": os.urandom(7), "b/3.png": os.urandom(size)}
    container = open_container(str(write_tar(tmp_path / "a.tar.gz", files)))
    assert {file.name: content for file, content in container.read(container.files())} == files


def test_long_names_are_read(tmp_path: Path) -> None:
    files = {f"{'long ' * 60}/{'ü' * 120}.png": b"1", "b/2.png": b"2"}
    for path in (write_tar(tmp_path / "a.tar", files), write_zip(tmp_path / "a.zip", files)):
        assert {file.name for file in open_container(str(path)).files()} == set(files)


@pytest.mark.parametrize(
    "name",
    [
        "../escape.png",
        "cat/../../escape.png",
        "/etc/escape.png",
        "..",
        "C:/escape.png",
        "C:\\escape.png",
        "..\\escape.png",
        "cat\\..\\..\\escape.png",
        "\\escape.png",
        "\\\\server\\share\\escape.png",
    ],
)
@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tar.xz"])
def test_paths_that_lead_outside_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    path = KINDS[kind](tmp_path / kind, {**FILES, name: b"x"})
    with pytest.raises(DataError, match="points outside the archive") as caught:
        open_container(str(path)).files()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "01.png"),
        (tarfile.LNKTYPE, "cat/00.png"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (b"Z", ""),
    ],
)
def test_links_and_devices_in_tars_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    path = write_tar(tmp_path / "a.tar", FILES, (member("cat/link.png", kind, target),))
    with pytest.raises(DataError, match=r"'cat/link\.png' is a link or a device"):
        open_container(str(path)).files()


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644])
def test_links_and_devices_in_zips_are_refused(tmp_path: Path, mode: int) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    info = zipfile.ZipInfo("cat/link.png")
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=r"'cat/link\.png' is a link or a device"):
        open_container(str(path)).files()


def test_sparse_tar_members_are_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("cat/holes.png")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": "99999999999",
    }
    path = write_tar(tmp_path / "a.tar", FILES, (info,))
    with pytest.raises(DataError, match="sparse"):
        open_container(str(path)).files()


def test_encrypted_zips_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", FILES)
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # the last member's flags
    path.write_bytes(content)
    with pytest.raises(DataError, match="is encrypted"):
        open_container(str(path)).files()


@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_repeated_names_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "a.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("cat/1.png", b"one")
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("cat/1.png", b"other")
    else:
        with tarfile.open(path, "w") as tar:
            for content in (b"one", b"other"):
                info = tarfile.TarInfo("cat/1.png")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    with pytest.raises(DataError, match=r"'cat/1\.png' appears twice"):
        open_container(str(path)).files()


def test_zip_bomb_is_refused_without_unpacking(tmp_path: Path) -> None:
    zeros = bytes(80 << 20)
    path = write_zip(tmp_path / "bomb.zip", {"cat/0.bmp": zeros})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="more than 200 times its size"):
        open_container(str(path)).files()


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_tar_bomb_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_tar(tmp_path / f"bomb.tar.{suffix}", {"cat/0.bmp": bytes(80 << 20)})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="more than 200 times its size"):
        open_container(str(path)).files()


def test_bomb_behind_the_last_member_is_not_unpacked(tmp_path: Path) -> None:
    plain = write_tar(tmp_path / "a.tar", FILES).read_bytes()
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(plain + bytes(200 << 20), 1))
    assert len(open_container(str(path)).files()) == len(FILES)


def test_overlapping_zip_members_are_refused(tmp_path: Path) -> None:
    # One kernel of data, listed many times: each entry is modest, all together are a bomb.
    path = write_zip(tmp_path / "a.zip", {"cat/0.bmp": os.urandom(100_000)})
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.infolist()[0]
        for i in range(1, 50):
            info = zipfile.ZipInfo(f"cat/{i}.bmp")
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.compress_size, info.file_size = first.compress_size, first.file_size
            info.compress_type = first.compress_type
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive._didModify = True
    with pytest.raises(DataError, match="overlap"):
        open_container(str(path)).files()


def test_huge_tar_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 3 << 30
    path = tmp_path / "a.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DataError, match="holds a header of 3072 MiB"):
        open_container(str(path)).files()


@pytest.mark.parametrize("size", [-2, -512, -1024, -(1 << 40)])
def test_header_that_leads_backwards_does_not_loop(tmp_path: Path, size: int) -> None:
    info = tarfile.TarInfo("cat/0.png")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size.to_bytes(12, "big", signed=True)  # base 256
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(block) + bytes(1024))
    with pytest.raises(DataError, match="is damaged"):
        open_container(str(path)).files()


@pytest.mark.parametrize("kind", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.85])
def test_truncated_archives_are_told(tmp_path: Path, kind: str, part: float) -> None:
    files = {f"{label}/{i}.png": os.urandom(4000) for label in "ab" for i in range(8)}
    path = KINDS[kind](tmp_path / kind, files)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match=r"is damaged|neither a folder"):
        _read_all(path)


def _read_all(path: Path) -> None:
    container = open_container(str(path))
    list(container.read(container.files()))


def test_zip_member_with_a_wrong_checksum_is_told(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a/1.png": b"A" * 9 + os.urandom(500)})
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    container = open_container(str(path))
    with pytest.raises(DataError, match="is damaged"):
        list(container.read(container.files()))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_file_that_is_no_tar_is_told(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "notes.gz"
    path.write_bytes(pack(b"these are just words " * 100))
    with pytest.raises(DataError, match="is damaged"):
        open_container(str(path)).files()


def test_other_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("words")
    with pytest.raises(DataError, match=r"neither a folder nor a \.zip or \.tar"):
        open_container(str(path))


def test_missing_path_is_told_with_where_it_was_sought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"does not exist; check data\.path") as caught:
        open_container("pictures")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "a.zip", "a.tar"])
def test_too_many_files_are_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listing, "limits", Limits(files=5))
    path = KINDS[kind](tmp_path / kind, FILES)
    with pytest.raises(DataError, match="more than 5 files"):
        open_container(str(path)).files()


@pytest.mark.parametrize("kind", ["folder", "a.zip", "a.tar"])
def test_too_large_a_file_is_refused_by_name(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "MAX_FILE_BYTES", 100_000)
    path = KINDS[kind](tmp_path / kind, {**FILES, "cat/big.bmp": os.urandom(100_001)})
    container = open_container(str(path))
    with pytest.raises(DataError, match=r"cat/big\.bmp in .* above the limit"):
        list(container.read(container.files()))


def test_folder_follows_links_and_survives_circles(tmp_path: Path) -> None:
    elsewhere = write_folder(tmp_path / "elsewhere", {"0.png": FILES["cat/00.png"]})
    folder = write_folder(tmp_path / "data", {"dog/0.png": FILES["dog/00.png"]})
    (folder / "cat").symlink_to(elsewhere)
    (folder / "dog" / "again").symlink_to(folder)
    (folder / "dog" / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "dog" / "pipe.png")  # reading it would wait for ever
    assert [file.name for file in open_container(str(folder)).files()] == ["cat/0.png", "dog/0.png"]


def test_nothing_is_written_beside_an_archive(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar.gz", FILES)
    container = open_container(str(path))
    list(container.read(container.files()))
    assert list(tmp_path.iterdir()) == [path]


def test_size_in_a_zip_that_lies_is_told(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"cat/0.bmp": bytes(1 << 20)})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 100)  # declared size
    path.write_bytes(content)
    container = open_container(str(path))
    with pytest.raises(DataError, match="is damaged"):
        list(container.read(container.files()))
