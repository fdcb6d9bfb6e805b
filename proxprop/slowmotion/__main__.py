"""`python -m proxprop.slowmotion`: a process that traces steps for one that has no torch.

It reads one JSON request a line (`parameters`, `result`: where to write) and answers in lines:
``{"words", "progress"}`` now and then, at last ``{"done": true}`` or ``{"error": words}``. It ends
when its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

from proxprop.runs.threads import wait_politely


def _say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def _lines() -> Iterator[str]:
    """Yield lines; end the process with its input, even in the middle of a computation."""
    lines: Queue[str] = Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


def _write(path: Path, result: dict[str, Any]) -> None:
    """Write a result whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        half.write_text(json.dumps(result, allow_nan=False))
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def _answer(line: str) -> None:
    from proxprop.config import ConfigError
    from proxprop.data.errors import DataError
    from proxprop.runs.checkpoints import CheckpointError
    from proxprop.runs.errors import RunError
    from proxprop.slowmotion import TraceError, TraceRequest, trace

    asked = json.loads(line)
    try:
        request = TraceRequest.parse(asked["parameters"])
        result = trace(request, lambda words, share: _say(words=words, progress=share))
        _write(Path(asked["result"]), result)
    except (ConfigError, DataError, CheckpointError, RunError, TraceError, OSError) as error:
        _say(error=str(error))
    except MemoryError:
        _say(error="Out of memory. Choose a smaller network or batch.")
    except Exception as error:  # the process must outlive what one request did wrong
        _say(error=f"The step could not be traced: {type(error).__name__}: {error}")
    else:
        _say(done=True)


def main() -> None:
    """Answer requests until the input ends."""
    wait_politely(os.environ)
    for line in _lines():
        _answer(line)


if __name__ == "__main__":
    main()
