"""A run that can be resumed by command has the button on its pages, and the other way round."""

from __future__ import annotations

import pytest

from proxprop.cli.following import begin
from proxprop.runs.errors import RunError
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, RunConfig
from proxprop.spec.events import OUTCOMES, Outcome
from proxprop.spec.racing import default_race
from tests.app.conftest import known_run, open_page


def refused(store: Store, run_id: str) -> bool:
    try:
        begin(store, None, "", run_id)
    except RunError:
        return True
    return False


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize(
    ("config", "page", "name"),
    [(RunConfig(), "train", "run"), (default_race(), "compare", "race")],
    ids=["run", "race"],
)
def test_pages_and_commands_agree_on_what_can_be_resumed(
    store: Store, config: AnyConfig, page: str, name: str, outcome: Outcome
) -> None:
    run_id = known_run(store, config, outcome=outcome)  # type: ignore[arg-type]
    resumable = store.run(run_id).resumable
    assert resumable == (outcome in ("interrupted", "stopped", "failed", "diverged"))
    at = open_page(page, **{name: run_id})
    assert ("resume" in {button.key for button in at.button}) == resumable
    if not resumable:
        service = RunService(store, prewarm=False)
        with pytest.raises(RunError, match="nothing to resume"):
            service.resume(run_id)
        service.shutdown()
    assert refused(store, run_id) != resumable
