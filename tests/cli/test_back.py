"""`proxprop runs back` and runs without an end, in a terminal."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from proxprop.cli import app
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig

SMALL = ("--samples", "200", "--widths", "16", "--batch-size", "24", "--seed", "3")


def call(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_back_from_a_divergence_with_a_smaller_step(store: Store) -> None:
    hopeless = ("--solver", "explicit", "--lr", "4", "--activation", "elu", "--steps", "40")
    diverged = call("train", *SMALL, *hopeless)
    assert diverged["outcome"] == "diverged"
    assert diverged["cause"].startswith("The step of the explicit ")
    report = CliRunner().invoke(app, ["runs", "back", diverged["id"], "--lr", "0.001"])
    assert report.exit_code == 0, report.output
    (new,) = [run for run in store.runs() if run.id != diverged["id"]]
    assert (new.outcome, new.step) == ("finished", 40)
    assert new.notes.endswith(f"of run {diverged['id']}.")
    refused = CliRunner().invoke(app, ["runs", "back", diverged["id"], "--step", "39"])
    assert refused.exit_code == 1
    assert "was saved at steps 2, 4, not at 39" in refused.output


def test_endless_is_stored_and_a_limit_beside_it_refused(store: Store) -> None:
    finite = call("train", *SMALL, "--steps", "3", "--pace", "100")
    config = store.run(finite["id"]).config
    assert isinstance(config, RunConfig)
    assert config.pace == 100
    refused = CliRunner().invoke(app, ["train", *SMALL, "--endless", "--steps", "3"])
    assert refused.exit_code == 2
    assert "must be off beside a limit" in refused.output
