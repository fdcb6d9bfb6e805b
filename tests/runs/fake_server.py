"""A server that starts a run and lives until it is killed: `python -m tests.runs.fake_server`."""

import sys
import threading
from pathlib import Path

from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig

if __name__ == "__main__":
    service = RunService(Store(Path(sys.argv[1])))
    print(service.start(RunConfig.parse_json(sys.argv[2])), flush=True)
    threading.Event().wait()
