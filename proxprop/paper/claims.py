"""What the paper says of its experiments, and what our results say of that. Loads no torch.

Frerix et al. 2018, section 5. Every claim has a rule that reads numbers off results and can come
out against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from proxprop.paper import rules
from proxprop.paper.result import AnyResult, Scale, latest
from proxprop.paper.rules import Rule, on_race, on_sweep

Verdict = Literal["confirmed", "partly", "not confirmed", "not measured"]


@dataclass(frozen=True)
class Claim:
    """One claim, and what decides it.

    Attributes:
        key: Stable name.
        source: Where it is made: a section of the paper, or "ours".
        statement: What it says, in our words.
        place: "<experiment>-<part>" of the result that decides it.
        decide: Reads the verdict and the measured figures off that result.
    """

    key: str
    source: str
    statement: str
    place: str
    decide: Rule


@dataclass(frozen=True)
class Assessment:
    """What our numbers say of a claim.

    Attributes:
        claim: The claim.
        verdict: What came out.
        measured: The figures behind it, in words; why there are none where it is not measured.
        basis: On what: scale, images, epochs, seeds, device.
    """

    claim: Claim
    verdict: Verdict
    measured: str
    basis: str


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "exact-per-epoch", "section 5.1, figure 2 left",
        "Implicit steps make more progress per epoch than backprop.",
        "mlp-main", on_race(rules.faster_per_epoch, "exact", "plain"),
    ),
    Claim(
        "cg3-beats-plain", "section 5.1, figure 2 left",
        "Even three CG iterations outperform backprop.",
        "mlp-main", on_race(rules.faster_per_epoch, "cg3", "plain"),
    ),
    Claim(
        "precision-orders", "section 5.1, figure 2 left",
        "The more precise the solve, the faster the convergence: CG 3, CG 5, CG 10, exact.",
        "mlp-main", on_race(rules.ordered, "cg3", "cg5", "cg10", "exact"),
    ),
    Claim(
        "exact-seconds", "section 5.1, figure 2 centre",
        "The exact step is competitive with backprop in training time too.",
        "mlp-main", on_race(rules.competitive_in_time, "exact", "plain"),
    ),
    Claim(
        "mlp-accuracy", "section 5.1, figure 2 right",
        "Implicit steps generalise better: about 56 % on the test images against 54 %.",
        "mlp-main", on_race(
            rules.more_accurate, "cg3", "cg5", "cg10", "exact", "plain", at_the_end=True
        ),
    ),
    Claim(
        "cg-accuracy", "section 5.1",
        "CG steps generalise better than backprop and than the exact step.",
        "mlp-main", on_race(
            partial(rules.more_accurate, rivals=2), "cg3", "cg5", "cg10", "plain", "exact",
            at_the_end=True,
        ),
    ),
    Claim(
        "tau-sensitivity", "section 5.1",
        "The exact step is more sensitive to τ than its CG approximations.",
        "batch-main", on_race(partial(rules.more_sensitive_to_tau, batch=500)),
    ),
    Claim(
        "stable-range", "section 5.2, table 1",
        "With CG steps training stays stable over a much larger range of η than with backprop.",
        "stability-main", on_sweep(rules.wider_range, "cg3", "cg5", "plain"),
    ),
    Claim(
        "tenfold-step", "section 5.2, table 1",
        "Ten times the best η makes backprop diverge; CG 3 and CG 5 still train.",
        "stability-main", on_sweep(rules.survives_tenfold, "cg3", "cg5", "plain"),
    ),
    Claim(
        "adam-per-epoch", "section 5.3, figure 3",
        "On the ConvNet, Adam is faster per epoch on implicit directions.",
        "convnet-main", on_race(rules.faster_per_epoch, "adam-cg3", "adam-cg10", "adam"),
    ),
    Claim(
        "adam-seconds", "section 5.3, figure 3",
        "On the ConvNet, implicit directions cost more time than backprop.",
        "convnet-main", on_race(rules.dearer, "adam-cg3", "adam-cg10", "adam"),
    ),
    Claim(
        "adam-accuracy", "section 5.3, figure 3",
        "On the ConvNet they generalise better: best validation accuracy 72.9 % against 71.7 %.",
        "convnet-main", on_race(rules.more_accurate, "adam-cg3", "adam-cg10", "adam"),
    ),
    Claim(
        "whose-gain", "ours (control)",
        "The gain on the MLP is the implicit step's, not that of the last layer, which runs at η 1 "
        "instead of 0.05 in the paper's setting.",
        "mlp-controls", on_race(rules.gain_is_the_implicit_steps, *rules.GAIN_KEYS),
    ),
    Claim(
        "larger-eta", "ours (control)",
        "The paper's η 1 is not the best: exact steps gain from η 10 or 30 with the last layer at "
        "0.05.",
        "mlp-controls", on_race(rules.all_lower, "exact", "exact-eta-10", "exact-eta-30"),
    ),
    Claim(
        "adam-mlp", "ours (beyond the paper)",
        "Adam is faster per epoch on exact directions on the MLP as well.",
        "mlp-adam", on_race(rules.faster_per_epoch, "adam-exact", "adam"),
    ),
    Claim(
        "exact-convnet", "ours (beyond the paper)",
        "Exact steps for convolutions, which the paper has none of, beat CG 10 per epoch.",
        "convnet-main", on_race(rules.faster_per_epoch, "adam-exact", "adam-cg10"),
    ),
    *(
        Claim(
            f"{network}-tuned-{axis}", "ours (beyond the paper)",
            f"With everyone's step sizes searched alike, Muon's too, the implicit step is ahead on "
            f"the {title} by {words}.",
            f"{network}-rivals", on_race(partial(rules.ahead_of_tuned, axis=axis, rivals=3)),
        )
        for network, title in (("mlp", "MLP"), ("convnet", "ConvNet"))
        for axis, words in (("epoch", "epochs"), ("seconds", "training seconds"))
    ),
    Claim(
        "batch-size", "ours (beyond the paper)",
        "The best τ depends on the batch size, since the Gram is a sum over the batch.",
        "batch-main", on_race(rules.best_tau_moves),
    ),
)  # fmt: skip


def assess(results: Iterable[AnyResult], scale: Scale) -> tuple[Assessment, ...]:
    """Return what results say of every claim.

    Args:
        results: Recorded ones; of several of one part the most recent decides.
        scale: Only results of this scale count.
    """
    newest = latest(results, scale)
    return tuple(_assessed(claim, newest.get(claim.place)) for claim in CLAIMS)


def _assessed(claim: Claim, result: AnyResult | None) -> Assessment:
    decision = None if result is None else claim.decide(result)
    if result is None or decision is None:
        experiment, _, part = claim.place.partition("-")
        remedy = f"proxprop paper --experiment {experiment} --part {part} measures it"
        return Assessment(claim, "not measured", remedy, "")
    rests_on = rules.basis(result, decision.epochs)
    return Assessment(claim, decision.verdict, decision.measured, rests_on)
