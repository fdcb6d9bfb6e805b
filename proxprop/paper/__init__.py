"""The paper's experiments on CIFAR-10: plans, what came of them, and what that says of each claim.

Frerix et al. 2018, section 5. `proxprop paper` carries them out; the results shipped with the
package are files of `results/`. Nothing imported from here loads torch.
"""

from __future__ import annotations

from proxprop.paper.claims import CLAIMS, Assessment, Claim, assess
from proxprop.paper.recorded import Found, latest, made_here, results_folder, shipped
from proxprop.paper.result import (
    AnyResult,
    Contender,
    Data,
    Provenance,
    Result,
    Seed,
    StabilityMethod,
    StabilityResult,
    parse_result,
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
    "Found",
    "results_folder",
]
