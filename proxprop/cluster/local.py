"""A Ray cluster of this machine alone: `python -m proxprop.cluster.local`, until its input ends.

`proxprop serve --ray local` holds one, which all runs share: started by each of them it would cost
each some seconds, and every one would take the machine to be its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

from proxprop.cluster.settings import LOCAL, ClusterSettings
from proxprop.runs.errors import RunError
from proxprop.runs.threads import child_environment


def hold_local() -> str:
    """Start a cluster of this machine in a process of its own and return its address.

    It ends with this process, or with what this process becomes: whoever holds the other end of
    its standard input. Nobody uses it but processes started from here on, by the token that is
    left in the environment.

    Raises:
        RunError: If it could not be started.
    """
    ClusterSettings(LOCAL).prepare(os.environ)
    child = subprocess.Popen(
        [sys.executable, "-m", "proxprop.cluster.local"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=child_environment(),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    address = child.stdout.readline().strip()
    if not address:
        raise RunError("No Ray cluster could be started on this machine; the reason stands above.")
    os.set_inheritable(os.dup(child.stdin.fileno()), True)
    return address


def main() -> int:
    """Start a cluster, print its address, wait for the end of standard input."""
    ClusterSettings(LOCAL).prepare(os.environ)
    # Late: it loads ray, which reads the environment.
    from proxprop.cluster.on_ray import start_here

    try:
        address = start_here()
    except RunError as error:
        print(error, file=sys.stderr)
        return 1
    print(address, flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
