"""Exit statuses by which a worker tells its parent what its run could not."""

EXIT_STORE = 74  # the store could not be written; sysexits.h: input/output error
EXIT_STUCK = 75  # told to end, the loop did not stop in time
