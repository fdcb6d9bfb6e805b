"""What a person does on the pages, in a process like the server's: a run is steered on a cluster.

Prints as JSON how the run went, and which of the modules that a server must not load it has.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from app.services import get_service, get_store, shut_down
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import Control
from proxprop.spec.events import Mark
from proxprop.spec.placing import ARTIFACT
from tests.runs.waiting import until

PATIENCE = 240.0

if __name__ == "__main__":
    store, service = get_store(), get_service()
    config = RunConfig().replace(**{"budget.epochs": 400.0, "seed": 3})
    run_id = service.start(config)

    def reaches(status: str, patience: float = PATIENCE) -> Any:
        return until(lambda: store.run(run_id).status == status, status, patience)

    def steps() -> int:
        return len(store.points(run_id, "steps"))

    until(lambda: steps() > 20, "it trains", PATIENCE)
    service.control(run_id, Control("pause"))
    reaches("paused")
    held = steps()
    service.control(run_id, Control("set", {"tau": 0.2}))
    service.control(run_id, Control("resume"))
    reaches("running")
    until(lambda: steps() > held, "it goes on", PATIENCE)
    service.control(run_id, Control("stop"))
    reaches("ended")
    stopped = store.run(run_id)
    service.resume(run_id)
    until(lambda: steps() > stopped.step + 20, "it is resumed", PATIENCE)
    service.control(run_id, Control("stop"))
    reaches("ended")
    events = [row.event for row in store.events(run_id)]
    placed = store.artifact(run_id, 0, ARTIFACT)
    print(
        json.dumps(
            {
                "outcomes": [stopped.outcome, store.run(run_id).outcome],
                "set": [e.changes for e in events if isinstance(e, Mark) and e.kind == "set"],
                "step": stopped.step,
                "steps": store.points(run_id, "steps")["step"].tolist(),
                "nodes": placed.payload["nodes"] if placed else [],
                "loaded": sorted({"torch", "ray"} & sys.modules.keys()),
            }
        )
    )
    shut_down()
