"""More parts than an epoch's last batch has samples."""

from __future__ import annotations

import pytest

from proxprop.distributed.processes import Followers

from .leading import CASES, assert_same


@pytest.mark.slow
def test_four_processes():
    with Followers(4, "cpu"):
        for model in ("mlp", "small-convnet"):
            for case in CASES.values():
                assert_same(4, model__name=model, batch_size=47, **case)
