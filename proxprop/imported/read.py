"""Which kind of export a file is, seen by what it holds rather than by its name."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from proxprop.imported.curves import ExportError, ImportedRun
from proxprop.imported.events import is_events, read_events
from proxprop.imported.tables import read_rows
from proxprop.imported.trackio import is_store, read_store

MAX_MEGABYTES = 10  # a file is read in the process that serves everybody
WANTED = (
    "wanted are event files of TensorBoard, a project file (.db) of trackio, a history of Weights "
    "& Biases as CSV or JSON, or ProxProp's own CSV"
)
_MOST_COLUMNS = 5_000


def read_export(name: str, content: bytes) -> list[ImportedRun]:
    """Return the runs of an exported file.

    Args:
        name: What its sender calls it; it names runs that have no name of their own.
        content: All of it.

    Raises:
        ExportError: With what is wrong, beginning with the file's name.
    """
    shown = re.split(r"[\\/]", name)[-1].strip()[-80:] or "The file"
    try:
        if len(content) > MAX_MEGABYTES * 10**6:
            raise ExportError(
                f"has {len(content) / 10**6:.0f} MB, above the limit of {MAX_MEGABYTES} MB; export "
                "fewer metrics"
            )
        runs = _read(content, re.sub(r"\.[A-Za-z0-9]{1,6}$", "", shown))
        if not any(run.curves for run in runs):
            raise ExportError(f"holds no numbers by step; {WANTED}")
    except ExportError as error:
        raise ExportError(f"{shown} {error}") from error
    return runs


def _read(content: bytes, name: str) -> list[ImportedRun]:
    if not content.strip():
        raise ExportError(f"is empty; {WANTED}")
    if is_events(content):
        return read_events(content)
    if is_store(content):
        return read_store(content)
    text = _text(content)
    if text.lstrip()[:1] in ("{", "["):
        return _json(text, name)
    return _csv(text, name)


def _text(content: bytes) -> str:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if content.startswith(b":W&B"):
        raise ExportError(
            "is the offline record of Weights & Biases; `wandb sync` it and export its history"
        )
    if b"\0" in content[:4096] and not wide:
        raise ExportError(f"is of no kind that is read here; {WANTED}")
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _csv(text: str, name: str) -> list[ImportedRun]:
    line = text.lstrip("\r\n").partition("\n")[0]
    mark = max(",;\t", key=line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    try:
        heads = next((row for row in reader if row), [])
        _check(heads)
        return read_rows(heads, _rows(heads, reader), name)
    except csv.Error as error:
        raise ExportError(f"cannot be read as a table ({error}); {WANTED}") from error


def _rows(heads: Sequence[str], reader: Iterator[list[str]]) -> Iterator[dict[str, str]]:
    for row in reader:
        if len(row) > len(heads):
            raise ExportError("has a row that is longer than its head")
        if row:
            yield {head: row[at] if at < len(row) else "" for at, head in enumerate(heads)}


def _json(text: str, name: str) -> list[ImportedRun]:
    try:
        rows = _records(text)
    except (ValueError, RecursionError) as error:
        raise ExportError(f"cannot be read as JSON ({error})"[:300]) from error
    if rows and all(isinstance(row, list) and len(row) == 3 for row in rows):
        heads = ("Wall time", "Step", "Value")  # TensorBoard's, of one tag
        return read_rows(heads, (dict(zip(heads, row)) for row in rows), name)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ExportError(f"is JSON, but no list of rows; {WANTED}")
    heads = tuple(dict.fromkeys(head for row in rows for head in row))
    _check(heads)
    return read_rows(heads, rows, name)


def _records(text: str) -> list[Any]:
    """Return the rows of a list, of one below a name, of columns of rows, or of a line each."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(data, list):
        return data
    for below in ("history", "log_history", "rows", "data"):
        if isinstance(data.get(below), list):
            return list(data[below])
    if data and all(isinstance(column, dict) for column in data.values()):  # pandas' own
        rows: dict[str, dict[str, Any]] = {}
        for head, column in data.items():
            for index, cell in column.items():
                rows.setdefault(index, {})[head] = cell
        return list(rows.values())
    return [data]


def _check(heads: Sequence[str]) -> None:
    if len(heads) > _MOST_COLUMNS:
        raise ExportError(f"has more than {_MOST_COLUMNS:,} columns")
    if len(set(heads)) < len(heads):
        raise ExportError("has two columns of the same name")
