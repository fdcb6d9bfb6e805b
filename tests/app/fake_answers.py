"""Stands in for `python -m proxprop.analysis`: answers as its first argument says."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def write(asked: dict, part: str) -> None:
    path = Path(asked["answers"][part])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({part: asked["question"]["config"]["direction"]["tau"]}))
    say(id=asked["id"], ready=part)


def work(asked: dict, lines) -> None:
    name = asked["id"]
    say(id=name, doing="half way", progress=0.5)
    write(asked, "motion")
    if sys.argv[1] == "lingers":  # over the findings, until it is told that nobody waits
        while "cancel" not in (message := json.loads(next(lines))):
            raise SystemExit(f"expected to be cancelled, got {message}")
        assert message["cancel"] == name
        say(id=name, cancelled=True)
        sys.argv[1] = "works"
        return
    write(asked, "findings")
    say(id=name, done=True)
    say(id=name, doing="half way", progress=0.5)  # a sign of life that comes late


lines = iter(sys.stdin)
for line in lines:
    asked = json.loads(line)
    if "cancel" in asked:
        continue  # of a step that is through already
    if sys.argv[1] in ("works", "lingers"):
        work(asked, lines)
    elif sys.argv[1] == "refuses":
        say(id=asked["id"], error="The loss is not finite.")
    elif sys.argv[1] == "stammers":
        print("no message", flush=True)
    elif sys.argv[1] == "beats":  # alive for ever
        while True:
            say(id=asked["id"], doing="half way", progress=0.5)
    elif sys.argv[1] == "dies":
        sys.exit(1)
