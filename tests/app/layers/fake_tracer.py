"""Stands in for `python -m proxprop.slowmotion`: answers as its first argument says."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


for line in sys.stdin:
    asked = json.loads(line)
    if sys.argv[1] == "works":
        say(words="half way", progress=0.5)
        path = Path(asked["result"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"tau": asked["parameters"]["config"]["direction"]["tau"]}))
        say(done=True)
    elif sys.argv[1] == "refuses":
        say(error="The loss is not finite.")
    elif sys.argv[1] == "dies":
        sys.exit(1)
