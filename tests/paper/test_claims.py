"""Every rule can come out for its claim, in part, and against it."""

from __future__ import annotations

import pytest

from proxprop.paper.claims import CLAIMS, assess
from proxprop.paper.result import Outcome, Result, Scale, Seed, StabilityResult
from tests.paper.made_up import parts, result, seed, stability

C, P, N = "confirmed", "partly", "not confirmed"


def verdict(key: str, *results: Result | StabilityResult, scale: Scale = "laptop") -> str:
    return next(one.verdict for one in assess(results, scale) if one.claim.key == key)


def words(key: str, *results: Result | StabilityResult, scale: Scale = "laptop") -> str:
    return next(one.measured for one in assess(results, scale) if one.claim.key == key)


def test_nothing_recorded_is_not_measured() -> None:
    assessed = assess([], "laptop")
    assert [one.claim.key for one in assessed] == [claim.key for claim in CLAIMS]
    assert {one.verdict for one in assessed} == {"not measured"}
    assert assessed[0].measured == "proxprop paper --experiment mlp --part main measures it"


def test_every_claim_names_a_part_that_exists() -> None:
    places = {place.replace("/", "-") for place in parts()}
    assert {claim.place for claim in CLAIMS} <= places
    assert len({claim.key for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize(
    ("key", "place", "ours", "rival"),
    [
        ("exact-per-epoch", "mlp/main", "exact", "plain"),
        ("cg3-beats-plain", "mlp/main", "cg3", "plain"),
        ("adam-mlp", "mlp/adam", "adam-exact", "adam"),
        ("exact-convnet", "convnet/main", "adam-exact", "adam-cg10"),
    ],
)
def test_faster_per_epoch(key: str, place: str, ours: str, rival: str) -> None:
    def judge(mine: list[float], theirs: list[float]) -> str:
        return verdict(key, result(place, {ours: seed(mine), rival: seed(theirs)}))

    assert judge([1.9, 1.0], [2.0, 1.8]) == C
    assert judge([2.1, 1.0], [2.0, 1.8]) == P
    assert judge([2.1, 1.9], [2.0, 1.8]) == N


@pytest.mark.parametrize("axis", ["epoch", "seconds"])
@pytest.mark.parametrize("network", ["mlp", "convnet"])
def test_ahead_of_tuned_rivals(network: str, axis: str) -> None:
    """The rival that ends lowest counts, Muon at 1; the others are given by what they reach."""

    def judge(mine: list[float], seconds: float = 1.0) -> str:
        runs = {"muon": seed([1.5, 1.0]), "adam-exact": seed(mine, seconds=seconds)}
        return verdict(f"{network}-tuned-{axis}", result(f"{network}/rivals", runs))

    assert judge([1.0, 0.5]) == C
    assert judge([1.4, 0.99]) == P
    assert judge([1.4, 1.1]) == N
    # Half the epochs, but each takes 2.5 times as long.
    assert judge([1.0, 0.5], seconds=2.5) == (C if axis == "epoch" else N)


def test_faster_per_epoch_tells_epochs_and_share_of_the_time() -> None:
    found = result(
        "mlp/main", {"exact": seed([1.8, 1.0], seconds=3.0), "plain": seed([2.0, 1.8], seconds=2.0)}
    )
    measured = words("exact-per-epoch", found)
    assert "training loss after 2 epochs: exact 1, plain 1.8" in measured
    # At 1.8 after one epoch of 3 s; the rival after two of 2 s.
    assert (
        "exact is at 1.8, where plain ends, after 1 epoch and 0.75 of its training time" in measured
    )


def test_a_diverged_rival_is_beaten_and_a_diverged_contender_loses() -> None:
    gone = seed([None], outcome="diverged")
    assert verdict("exact-per-epoch", result("mlp/main", {"plain": gone})) == C
    assert verdict("exact-per-epoch", result("mlp/main", {"exact": gone})) == N


def test_both_cg_directions_must_be_faster_on_the_convnet() -> None:
    def judge(cg3: float, cg10: float) -> str:
        runs = {"adam-cg3": seed([cg3]), "adam-cg10": seed([cg10]), "adam": seed([2.0])}
        return verdict("adam-per-epoch", result("convnet/main", runs))

    assert (judge(1.9, 1.8), judge(1.9, 2.1), judge(2.1, 2.1)) == (C, P, N)


def test_the_order_of_precision() -> None:
    def judge(*losses: float) -> str:
        keys = ("cg3", "cg5", "cg10", "exact")
        return verdict(
            "precision-orders",
            result("mlp/main", {key: seed([loss]) for key, loss in zip(keys, losses)}),
        )

    assert (judge(4, 3, 2, 1), judge(4, 3, 3.5, 1), judge(1, 2, 3, 4)) == (C, P, N)


def test_competitive_in_time() -> None:
    def judge(seconds: float, losses: list[float]) -> str:
        runs = {"exact": seed(losses, seconds=seconds), "plain": seed([2.0, 1.8], seconds=1.0)}
        return verdict("exact-seconds", result("mlp/main", runs))

    # Plain is at 1.8 after 2 s; exact after two of its epochs.
    assert judge(1.05, [1.9, 1.8]) == C
    assert judge(1.4, [1.9, 1.8]) == P
    assert judge(1.6, [1.9, 1.8]) == N
    assert judge(0.1, [1.9, 1.9]) == N


def test_dearer_per_epoch() -> None:
    def judge(cg3: float, cg10: float) -> str:
        runs = {
            "adam-cg3": seed([2.0], seconds=cg3),
            "adam-cg10": seed([2.0], seconds=cg10),
            "adam": seed([2.0], seconds=1.0),
        }
        return verdict("adam-seconds", result("convnet/main", runs))

    assert (judge(1.2, 1.3), judge(1.0, 1.3), judge(1.0, 1.0)) == (C, P, N)


@pytest.mark.parametrize(
    ("key", "place", "ours", "rivals"),
    [
        ("mlp-accuracy", "mlp/main", ("cg3", "cg5", "cg10", "exact"), ("plain",)),
        ("cg-accuracy", "mlp/main", ("cg3", "cg5", "cg10"), ("plain", "exact")),
        ("adam-accuracy", "convnet/main", ("adam-cg3", "adam-cg10"), ("adam",)),
    ],
)
def test_accuracy_on_the_test_images(
    key: str, place: str, ours: tuple[str, ...], rivals: tuple[str, ...]
) -> None:
    def judge(mine: float, theirs: float, epochs: int = 50, scale: Scale = "full") -> str:
        losses = [2.0] * epochs
        everyone = ("plain", "exact", "cg3", "adam-exact", "adam")
        runs = {k: seed(losses, test=0.3) for k in everyone}
        runs |= {k: seed(losses, test=mine) for k in ours}
        runs |= {k: seed(losses, test=theirs) for k in rivals}
        return verdict(key, result(place, runs, scale=scale), scale=scale)

    # 10,000 images at 0.5: two standard errors of a difference are 1.4 points.
    assert (judge(0.52, 0.5), judge(0.51, 0.5), judge(0.5, 0.51), judge(0.5, 0.52)) == (C, P, P, N)
    # A lead of networks that are not trained out may be one of speed.
    assert (judge(0.6, 0.5, epochs=49), judge(0.6, 0.5, scale="laptop")) == (P, P)
    assert judge(0.5, 0.6, epochs=1) == N


def test_accuracy_at_equal_training_loss() -> None:
    runs = {"adam": seed([2.0, 1.6], validation=0.4, test=0.4)}
    for key in ("adam-cg3", "adam-cg10"):
        runs[key] = seed([1.7, 1.5], validation=0.6, test=0.6)
    measured = words("adam-accuracy", result("convnet/main", runs))
    assert (
        "equal training loss (1.6), validation: adam-cg3 60.0%, adam-cg10 60.0%, adam 4" in measured
    )


def test_validation_decides_where_the_test_images_were_not_seen() -> None:
    losses = [2.0] * 50
    runs = {
        "adam": seed(losses, validation=0.4),
        "adam-cg3": seed(losses, validation=0.6, test=0.1),
        "adam-cg10": seed(losses, validation=0.6),
    }
    found = result("convnet/main", runs, scale="full")
    assert verdict("adam-accuracy", found, scale="full") == C
    assert "test accuracy" not in words("adam-accuracy", found, scale="full")


def test_validation_decides_where_some_were_tested_earlier() -> None:
    runs = {key: seed([2.0] * 50, test=0.5) for key in ("plain", "exact", "cg5", "cg10")}
    for epochs, tested in ((50, True), (20, False)):
        runs["cg3"] = seed([2.0] * epochs, test=0.5)
        found = words("mlp-accuracy", result("mlp/main", runs, scale="full"), scale="full")
        assert ("test accuracy" in found, "not trained out" in found) == (tested, not tested)


def test_who_is_not_meant_to_train_as_long_is_left_out_of_accuracies() -> None:
    ended = {"plain": seed([2.0] * 50, test=0.5)}
    ended |= {key: seed([2.0] * 50, test=0.6) for key in ("exact", "cg5")}
    found = result("mlp/main", {**ended, "cg3": seed([2.0] * 3)}, scale="full")
    assert verdict("mlp-accuracy", found, scale="full") == P  # it is only behind
    contenders = [
        one.model_copy(update={"config": {**one.config, "budget": {"epochs": epochs}}})
        for one in found.contenders
        for epochs in [50.0 if one.key in ended else 20.0]
    ]
    planned = found.model_copy(update={"contenders": tuple(contenders)})
    assert verdict("mlp-accuracy", planned, scale="full") == C
    assert "cg3" not in words("mlp-accuracy", planned, scale="full")
    assert "cg3" in words("precision-orders", planned, scale="full")


def test_more_seeds_make_smaller_differences_count() -> None:
    def judge(seeds: int) -> str:
        def runs(test: float) -> list[Seed]:
            return [seed([2.0] * 50, test=test, number=n) for n in range(seeds)]

        keys = {"adam": runs(0.5), "adam-cg3": runs(0.51), "adam-cg10": runs(0.51)}
        found = result("convnet/main", keys, scale="full")
        return verdict("adam-accuracy", found, scale="full")

    assert (judge(1), judge(3)) == (P, C)


def test_sensitivity_to_tau() -> None:
    def judge(exact: float, inexact: float) -> str:
        runs = {
            f"{solver}-batch-500-tau-{tau:g}": seed([loss])
            for solver, worst in (("exact", exact), ("cg3", inexact))
            for tau, loss in zip((0.0125, 0.05, 0.2), (1.0, 1.0, worst))
        }
        return verdict("tau-sensitivity", result("batch/main", runs))

    assert (judge(2.0, 1.5), judge(2.0, 1.95), judge(1.5, 2.0)) == (C, P, N)


def test_the_best_tau_per_batch_size() -> None:
    def judge(at_125: float, at_2000: float) -> str:
        runs = {
            f"exact-batch-{batch}-tau-{tau:g}": seed([1.0 if tau == best else 1.5])
            for batch, best in ((125, at_125), (500, 0.05), (2000, at_2000))
            for tau in (0.0125, 0.05, 0.2)
        }
        return verdict("batch-size", result("batch/main", runs))

    assert (judge(0.2, 0.0125), judge(0.05, 0.05)) == (C, N)


def test_the_stable_range() -> None:
    def judge(cg3: list[float | None], cg5: list[float | None]) -> str:
        return verdict(
            "stable-range", stability({"plain": [2, 1, None, None], "cg3": cg3, "cg5": cg5})
        )

    wide: list[float | None] = [2, 1, 1, None]
    same: list[float | None] = [2, 1, None, None]
    # Stable at 10 but not at 1 is no range.
    gap: list[float | None] = [2, 1, None, 1]
    assert (judge(wide, wide), judge(wide, same), judge(same, gap)) == (C, P, N)


def test_ten_times_the_best_step() -> None:
    def judge(plain: list[float | None], cg3: list[float | None]) -> str:
        found = stability({"plain": plain, "cg3": cg3, "cg5": [2, 0.5, 1, 9]})
        return verdict("tenfold-step", found)

    assert judge([2, 1, None, None], [2, 0.5, 1, 9]) == C
    assert judge([2, 1, 1.5, None], [2, 0.5, 1, 9]) == P
    found = stability({"plain": [1, 2, 2, 2], "cg3": [1, 9, 9, 9], "cg5": [1, None, 1, 1]})
    assert verdict("tenfold-step", found) == N
    assert judge([2, 1, 1, 0.5], [2, 0.5, 1, 9]) == "not measured"  # nothing beyond the best


def test_a_sweep_under_way_decides_nothing() -> None:
    found = stability({"plain": [2, 1, None, None], "cg3": [2, 1, 1, 1], "cg5": [2, 1, 1, 1]})
    pending: tuple[tuple[Outcome, ...], ...] = (("finished",),) * 3 + (("unfinished",),)
    methods = tuple(one.model_copy(update={"outcomes": pending}) for one in found.methods)
    assert verdict("stable-range", found.model_copy(update={"methods": methods})) == "not measured"


def control(rate_only: object, *implicit: float) -> Result:
    keys = ("exact-last-.05", "exact-eta-10", "exact-eta-30")
    runs = {key: seed([loss]) for key, loss in zip(keys, implicit)}
    runs |= {"plain": seed([2.0]), "exact": seed([1.0])}
    runs["plain-last-1"] = (
        seed([None], outcome="diverged") if rate_only is None else seed([rate_only])  # type: ignore[list-item]
    )
    return result("mlp/controls", runs)


def test_whose_gain_it_is() -> None:
    # The whole gain is ln 2. A loss of 1.9 is 7 % of it, 1.4 half, 1.1 86 %.
    assert verdict("whose-gain", control(None, 1.4, 1.1, 1.5)) == C
    assert verdict("whose-gain", control(1.9, 1.4, 1.1, 1.5)) == C
    assert verdict("whose-gain", control(1.9, 1.9, 1.1, 1.5)) == P
    assert "at the paper's η it takes both" in words("whose-gain", control(1.9, 1.9, 1.1, 1.5))
    assert verdict("whose-gain", control(1.4, 1.9, 1.1, 1.5)) == P
    assert verdict("whose-gain", control(1.9, 1.9, 1.9, 1.9)) == P
    assert verdict("whose-gain", control(1.1, 1.9, 1.9, 1.9)) == N
    assert "takes both" not in words("whose-gain", control(1.1, 1.9, 1.9, 1.9))
    measured = words("whose-gain", control(1.4, 1.9, 1.1, 1.5))
    assert "the last layer's rate alone brings 51%" in measured
    assert "brings 7% at η 1 and 86% at the best η tried (exact-eta-10)" in measured
    assert "plain steps diverge with it" in words("whose-gain", control(None, 1.9, 1.1, 1.5))


def test_without_a_gain_there_is_none_to_explain() -> None:
    runs = {"plain": seed([1.0]), "exact": seed([2.0])}
    assert verdict("whose-gain", result("mlp/controls", runs)) == N


def test_a_larger_eta() -> None:
    verdicts = [verdict("larger-eta", control(1.9, 1.9, ten, 0.9)) for ten in (0.8, 1.1)]
    assert verdicts == [C, P]
    assert verdict("larger-eta", control(1.9, 1.9, 1.1, 1.2)) == N


def test_a_seed_under_way_does_not_shorten_the_others() -> None:
    def runs(*losses: float) -> list[Seed]:
        return [seed(losses), seed(losses[:1], number=1, outcome="unfinished")]

    found = result("mlp/main", {"exact": runs(2.1, 1.0), "plain": runs(2.0, 1.8)})
    assert "after 2 epochs" in words("exact-per-epoch", found)
    (first, *_) = assess([found], "laptop")
    assert first.basis == "laptop scale, 100 training images, 2 of 8 epochs, 1 seed, 2 CPU threads"


def test_the_most_recent_result_of_the_scale_decides() -> None:
    better, worse = {"exact": seed([1.0])}, {"exact": seed([2.2])}
    old = result("mlp/main", worse, recorded="2025-01-01T00:00:00+00:00")
    other = result("mlp/main", worse, recorded="2027-01-01T00:00:00+00:00", scale="full")
    assert verdict("exact-per-epoch", old, result("mlp/main", better), other) == C
