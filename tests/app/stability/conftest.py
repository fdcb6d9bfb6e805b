"""Known spectra and a known stored sweep."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from app.questions import answer_path
from proxprop.analysis.questions import SpectraQuestion
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import SweepConfig
from proxprop.spec.events import Artifact, Point
from proxprop.spec.sweeping import Board, RunResult

# Two layers; along (λ = 8, 2) and (λ = 4) all of what is asked for can be reached.
META = {
    "samples": 100,
    "step": 0,
    "loss": 2.25,
    "sharpness": 0.5,
    "proximal": [[0.01, 0.25], [1.0, 0.25]],
    "implicit": [[0.01, 0.004], [1.0, 0.004]],
    "unavailable": "",
}
LAYER = {
    "rows": 100,
    "units": 1,
    "method": "primal",
    "lambda_max_error": 1e-12,
    "coverage": 1.0,
}


@pytest.fixture
def known_spectra() -> Callable[[SpectraQuestion], None]:
    """Write the known spectra where the answer to a question is looked for."""

    def put(question: SpectraQuestion) -> None:
        first = {**LAYER, "name": "linear1", "columns": 2, "lambda_max": 8.0, "lambda_min": 2.0}
        first |= {"trace": 10.0, "implicit": True, "eigenvalues": [8.0, 2.0]}
        first |= {"energy": [0.64, 0.36], "components": [[0.8, 0.6]]}
        last = {**LAYER, "name": "linear2", "columns": 1, "lambda_max": 4.0, "lambda_min": 4.0}
        last |= {"trace": 4.0, "implicit": False, "eigenvalues": [4.0]}
        last |= {"energy": [1.0], "components": [[1.0]]}
        path = answer_path(question, "spectra")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**META, "layers": [first, last]}))

    return put


SWEEP = SweepConfig.parse(
    {
        "model": {"name": "mlp", "widths": (4,)},
        "steps": 5,
        "seeds": 2,
        "methods": (
            {
                "direction": {"solver": "explicit"},
                "optimizer": {"name": "sgd"},
                "lr": {"low": 0.1, "high": 10.0, "count": 3},
            },
            {
                "direction": {"solver": "exact"},
                "optimizer": {"name": "sgd", "lr": 2.0},
                "tau": {"low": 0.01, "high": 1.0, "count": 3},
            },
        ),
    }
)


def known_sweep(store: Store, config: SweepConfig = SWEEP, *, ended: bool = True) -> str:
    """Write down a sweep: member m ends at loss 1/(m + 1), but cell 2 diverged, cell 3 pends."""
    run_id = store.create_run(config, process=Process.current())
    board = Board(config, 2.3)
    for member in range(len(config.cells()) * config.seeds):
        cell = member // config.seeds
        if cell == 2:
            board.results[member] = RunResult("diverged", "diverged at step 3: loss 9 → inf", 3)
        elif cell != 3:
            board.results[member] = RunResult("finished", "", 5, 1 / (member + 1), 0.5, 1.0, 0.4)
    points = [
        Point("steps", step, step / 13, step / 100, {"loss": 2 / step}, member)
        for member in range(12)
        for step in range(1, 6)
    ]
    board.limits[0, 0] = {
        "seed": 0,
        "points": [{"lr": 3.0, "tau": None, "s": 3.0}],
        "sharpness": 2 / 3,
        "words": "2/λ_max = 3",
    }
    payload = board.payload()
    picture = Artifact("map", payload["finished"], payload)  # type: ignore[arg-type]
    store.append(
        run_id, points, artifacts=[picture], fields={"status": "running", "step": 60, "epoch": 0.4}
    )
    if ended:
        store.end(run_id, "finished", "8 finished, 2 diverged", summary={})
    return run_id
