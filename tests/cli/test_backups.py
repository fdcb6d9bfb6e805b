"""`proxprop backup` and `restore`, as typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig

runner = CliRunner()


def test_a_backup_is_brought_back_after_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    store = Store()
    kept = store.create_run(RunConfig(), "kept")
    made = runner.invoke(app, ["backup"])
    (archive,) = tmp_path.glob("proxprop-*.tar")
    assert (made.exit_code, f"proxprop restore {archive.name}" in made.output) == (0, True)
    since = store.create_run(RunConfig(), "since")
    store.close()
    assert runner.invoke(app, ["restore", archive.name], input="n\n").exit_code == 1
    assert {run.id for run in Store().runs()} == {kept, since}
    restored = runner.invoke(app, ["restore", archive.name, "--yes"])
    assert restored.exit_code == 0, restored.output
    (aside,) = (tmp_path / "home").glob("before-restore-*")
    assert str(aside) in restored.output.replace("\n", "")
    assert {run.id for run in Store().runs()} == {kept}
    refused = runner.invoke(app, ["restore", "nothing.tar", "-y"])
    assert (refused.exit_code, refused.output.startswith("nothing.tar is no whole")) == (1, True)
