"""What a worker tells its parent: that it is ready, and why it ended."""

EXIT_STORE = 74  # the store could not be written; sysexits.h: input/output error
EXIT_STUCK = 75  # told to end, the loop did not stop in time

READY = "ready"  # a line on standard output: torch is loaded
