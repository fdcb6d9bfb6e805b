"""Settings of the whole suite."""

import os

from proxprop.runs.threads import wait_politely

# Before torch is loaded: many tests run beside worker processes and a browser on the same cores,
# where spinning threads would take turns instead of working.
wait_politely(os.environ)

pytest_plugins = ["tests.chromium"]
