"""What is offered when a person switches between explicit and implicit."""

from __future__ import annotations

import pytest

from app.state.rescale import Offer, rescale


def test_small_tau_limit_is_offered_both_ways() -> None:
    assert rescale("exact", "explicit", 1.0, 0.05, "nesterov") == Offer(
        0.05, "The matching explicit step is η·τ."
    )
    assert rescale("explicit", "cg", 0.05, 0.05, "sgd") == Offer(
        1.0, "The matching implicit step has η/τ."
    )


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "muon"])
def test_scale_invariant_optimizers_keep_eta_and_say_why(optimizer: str) -> None:
    offer = rescale("exact", "explicit", 1e-3, 0.05, optimizer)
    assert offer is not None
    assert offer.lr is None
    assert "ignores a direction's length" in offer.message


def test_line_search_keeps_eta() -> None:
    offer = rescale("explicit", "exact", 1.0, 0.05, "lbfgs")
    assert offer is not None
    assert offer.lr is None


@pytest.mark.parametrize(("before", "after"), [("exact", "cg"), ("cg", "exact")])
def test_nothing_is_offered_between_implicit_steps(before: str, after: str) -> None:
    assert rescale(before, after, 1.0, 0.05, "sgd") is None
