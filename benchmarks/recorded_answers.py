"""Record what the pages show first: ``python -m benchmarks.recorded_answers``.

The spectra of the default network, its next step in slow motion, and the default map over step
sizes, computed as the dashboard would; each file holds the answer and the machine.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

from app.components.machine import machine
from app.components.recorded import FOLDER, recording_path
from proxprop.analysis.questions import SpectraQuestion, StepQuestion
from proxprop.runs.threads import wait_politely
from proxprop.spec.config import RunConfig
from proxprop.spec.controls import NoControls
from proxprop.spec.events import Artifact
from proxprop.spec.sweeping import default_sweep


def questions() -> list[SpectraQuestion | StepQuestion]:
    """Return the questions that Stability and Layers ask first, and those of the lessons."""
    steps = (("cg", 3), ("exact", 3), ("cg", 5))
    return [SpectraQuestion(config=RunConfig())] + [
        StepQuestion(
            config=RunConfig().replace(**{"direction.solver": solver, "direction.cg_steps": k})
        )
        for solver, k in steps
    ]


def main() -> None:
    """Answer and write down."""
    wait_politely(os.environ)
    # Late: they load torch, whose threads wait as the line above says.
    from proxprop.analysis.__main__ import parts_of
    from proxprop.engine.sweeping import sweep

    for path in FOLDER.glob("*.json.gz"):
        path.unlink()
    FOLDER.mkdir(exist_ok=True)
    for question in questions():
        for part, answer in parts_of(question, lambda doing, share: None):
            write(question.digest, part, answer)
    config = default_sweep()
    events = sweep(config, NoControls())
    maps = [event.payload for event in events if isinstance(event, Artifact)]
    write(config.digest, "map", maps[-1])


def write(digest: str, part: str, answer: Any) -> None:
    """Write down a part of an answer, and where it was computed."""
    text = json.dumps({"machine": machine(), "answer": answer}, separators=(",", ":"))
    packed = gzip.compress(text.encode(), mtime=0)
    recording_path(digest, part).write_bytes(packed)
    print(f"{digest} {part}: {len(packed):,} bytes")


if __name__ == "__main__":
    main()
