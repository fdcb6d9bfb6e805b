"""`python -m proxprop.analysis.probe REQUEST RESULT`: measure, and write the result down."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

USAGE = "usage: python -m proxprop.analysis.probe REQUEST RESULT"


def _tell(words: str, progress: float | None) -> None:
    print(json.dumps({"words": words, "progress": progress}), flush=True)


def _fail(words: str) -> int:
    print(json.dumps({"error": words}), flush=True)
    return 1


def _end_with_parent() -> None:
    """End when standard input does: whoever asked is gone."""
    os.read(0, 1)
    os._exit(1)


def main(arguments: list[str]) -> int:
    """Measure; return the exit status."""
    if len(arguments) != 2:
        print(USAGE, file=sys.stderr)
        return 2
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from proxprop.analysis.probe.measure import measure, write
    from proxprop.analysis.probe.request import ProbeRequest
    from proxprop.data.errors import DataError
    from proxprop.spec.config import ConfigError

    try:
        request = ProbeRequest.parse_json(Path(arguments[0]).read_text())
        write(Path(arguments[1]), measure(request, _tell))
    except (ConfigError, DataError, OSError, ValueError) as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("Out of memory. Choose a smaller network or batch.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
