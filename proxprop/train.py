"""`torchrun --nproc-per-node N -m proxprop.train …`: `proxprop train …` over N processes.

The first process does what `proxprop train` does, the others follow it. `proxprop train --devices
N` starts its own followers by this module, too.
"""

from __future__ import annotations

import os
import sys

from proxprop.runs.threads import wait_politely


def main() -> int:
    """Lead or follow, by the environment that torchrun sets; return the exit status."""
    rank = int(os.environ.get("RANK", "0"))
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        return _train(sys.argv[1:])
    wait_politely(os.environ)
    # Late: torch is loaded only now, and not at all by a command that is refused.
    from proxprop.distributed.starting import follow_all, leading

    if rank > 0:
        return follow_all(rank, processes)
    with leading(processes):
        return _train([*sys.argv[1:], "--devices", str(processes)])


def _train(arguments: list[str]) -> int:
    # Late: a follower has no use for the command line.
    from proxprop.cli import app

    try:
        app(["train", *arguments], prog_name="proxprop")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Without Python's orderly end: a thread of gloo's that lets go of an object then aborts it.
    os._exit(status)
