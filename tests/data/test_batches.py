from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from proxprop.data.dataset import epoch_permutation
from proxprop.data.source import keyed_permutation

# Written down once: a change would change the batches of every stored run.
GOLDEN = {
    (0, 0): [0, 2, 9, 1, 8, 5, 4, 3, 6, 7],
    (0, 1): [5, 3, 7, 8, 2, 4, 1, 0, 6, 9],
}


@pytest.mark.parametrize(("seed", "epoch"), GOLDEN)
def test_golden_orders(seed: int, epoch: int) -> None:
    assert epoch_permutation(seed, epoch, 10).tolist() == GOLDEN[seed, epoch]


@given(st.integers(0, 2**32 - 1), st.integers(0, 10**6), st.integers(0, 500))
def test_is_a_permutation_on_the_cpu(seed: int, epoch: int, n: int) -> None:
    order = epoch_permutation(seed, epoch, n)
    assert order.dtype == torch.int64
    assert order.device.type == "cpu"
    assert sorted(order.tolist()) == list(range(n))


def test_seeds_and_epochs_give_orders_of_their_own() -> None:
    orders = {tuple(epoch_permutation(s, e, 50).tolist()) for s in range(20) for e in range(20)}
    assert len(orders) == 400


def test_neighbouring_epochs_are_unrelated() -> None:
    # The expected number of fixed points between two random orders is 1, whatever their length.
    orders = [keyed_permutation(1000, 7, epoch) for epoch in range(200)]
    agreements = [int((a == b).sum()) for a, b in pairwise(orders)]
    assert 0.7 < sum(agreements) / len(agreements) < 1.3


def test_global_random_state_is_untouched() -> None:
    before = torch.get_rng_state()
    epoch_permutation(0, 0, 1000)
    assert torch.equal(torch.get_rng_state(), before)
