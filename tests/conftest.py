"""Settings of the whole suite."""

import os

import pytest

from proxprop.runs.threads import wait_politely

# Before torch is loaded: many tests run beside worker processes and a browser on the same cores,
# where spinning threads would take turns instead of working.
wait_politely(os.environ)
# How wide a terminal is say the tests that care; those who share tests out say it for their own.
os.environ.pop("COLUMNS", None)

pytest_plugins = ["tests.chromium"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, saying why, what only a GPU can show."""
    if item.get_closest_marker("cuda") is None:
        return
    import torch  # after `wait_politely`

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
