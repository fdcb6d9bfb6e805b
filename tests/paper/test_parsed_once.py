"""A result file is parsed once for all who look, and anew when it has been replaced."""

from __future__ import annotations

from pathlib import Path

from proxprop.paper.result import read_folder, shipped, write_result


def test_a_file_is_parsed_once_until_it_is_replaced(tmp_path: Path) -> None:
    result = shipped().results[0]
    write_result(result, tmp_path)
    (first,) = read_folder(tmp_path).results
    assert read_folder(tmp_path).results[0] is first
    write_result(result.model_copy(update={"title": "another"}), tmp_path)
    (second,) = read_folder(tmp_path).results
    assert second.title == "another"
