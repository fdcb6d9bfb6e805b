"""The paper's experiments on CIFAR-10: plans, what came of them, and what that says of each claim.

Frerix et al. 2018, section 5. `plan` says what is run, `jobs` and `collect` what the run store has
of it, `result` what is kept in files (those shipped with the package are in `results/`), `rules`
and `claims` what that says; only `measuring` loads torch. How runs are carried out and followed
belongs elsewhere: `proxprop.engine`, `proxprop.runs`, `proxprop.cli`.
"""

from __future__ import annotations

from proxprop.paper.claims import CLAIMS, Assessment, Claim, assess
from proxprop.paper.result import (
    AnyResult,
    Contender,
    Data,
    Provenance,
    Recorded,
    Result,
    Seed,
    StabilityMethod,
    StabilityResult,
    latest,
    made_here,
    parse_result,
    results_folder,
    shipped,
)

__all__ = [
    # results
    "AnyResult",
    "Result",
    "Contender",
    "Seed",
    "StabilityResult",
    "StabilityMethod",
    "Data",
    "Provenance",
    "parse_result",
    # what they say
    "assess",
    "Assessment",
    "CLAIMS",
    "Claim",
    # where they are
    "shipped",
    "made_here",
    "latest",
    "Recorded",
    "results_folder",
]
