"""The optimizer × direction table: which torch optimizer takes which update direction, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Literal, get_args

Solver = Literal["explicit", "exact", "cg"]
Support = Literal["yes", "heuristic", "no"]

SOLVERS: tuple[Solver, ...] = get_args(Solver)
SOLVER_LABELS = {"explicit": "explicit", "exact": "implicit (exact)", "cg": "implicit (CG k)"}


def solver_label(solver: str, cg_steps: int | None) -> str:
    """Return what a person calls a direction: "explicit", "implicit (exact)", "implicit (CG 3)"."""
    return SOLVER_LABELS[solver].replace("CG k", f"CG {cg_steps}")


@dataclass(frozen=True)
class Pairing:
    """How one optimizer goes with one direction.

    Attributes:
        support: "yes", "heuristic" (runs, but its theory does not cover it) or "no".
        note: What a user must know; empty where nothing is special.
    """

    support: Support = "yes"
    note: str = ""


@dataclass(frozen=True)
class OptimizerSpec:
    """One optimizer a config can name.

    Attributes:
        name: Name in configs, URLs and the command line.
        label: Name a person reads.
        torch_name: Class in `torch.optim`, in `package` or in proxprop itself.
        fields: Fields of `OptimizerConfig` it reads besides `lr`, `explicit_lr`, `weight_decay`.
        lr: Sensible step size η with explicit directions.
        own_proximal_lr: Sensible η with proximal directions at the default τ = 0.05; None for the
            same as `lr`.
        scale_invariant: True if rescaling the direction does not change the step, so that the
            explicit limit of (η, τ) is η rather than η·τ.
        decoupled_decay: True if weight decay acts apart from the direction.
        partner: Optimizer used for parameters this one cannot update ("" for none).
        closure: True if a step evaluates the loss several times through a closure.
        pairings: Entries of the table that are not plain "yes".
        package: Optional package that brings or carries it ("" for torch itself).
        install: Command that installs that package.
    """

    name: str
    label: str
    torch_name: str
    fields: tuple[str, ...] = ()
    lr: float = 1e-3
    own_proximal_lr: float | None = None
    scale_invariant: bool = False
    decoupled_decay: bool = False
    partner: str = ""
    closure: bool = False
    pairings: dict[Solver, Pairing] = field(default_factory=dict)
    package: str = ""
    install: str = ""

    @property
    def proximal_lr(self) -> float:
        """Sensible η with proximal directions at the default τ = 0.05."""
        return self.lr if self.own_proximal_lr is None else self.own_proximal_lr

    @property
    def missing(self) -> str:
        """What to install before it can be used, in words; "" where it can."""
        if not self.package or find_spec(self.package) is not None:
            return ""
        name = self.package.replace("_", "-")
        return f"it needs the package {name}, which is not installed: {self.install}"

    def pairing(self, solver: Solver) -> Pairing:
        """Return the table's entry for `solver`; "no" while its package is missing."""
        if self.missing:
            return Pairing("no", self.missing)
        return self.pairings.get(solver, Pairing())


_EPS_NOTE = (
    "The step does not scale with the direction, so its explicit limit is η, not η·τ; "
    "proximal directions can be smaller than eps, so lower eps if steps stall."
)
_SIGN_NOTE = "Uses only the signs of the direction."
_LBFGS_NOTE = (
    "Heuristic: L-BFGS models a gradient, and a proximal direction is none. "
    "Runs with a strong-Wolfe search on a fixed batch."
)
_MUON_NOTE = (
    "Muon updates the hidden layers' weight matrices; biases, convolutions and the "
    "last layer go to AdamW at the explicit layers' η."
)
_CURVATURE_NOTE = (
    "It solves with the whole network's curvature for the gradient; a proximal direction is none."
)


def _implicit(support: Support, note: str) -> dict[Solver, Pairing]:
    return {"exact": Pairing(support, note), "cg": Pairing(support, note)}


# Optimizers whose step does not scale with the direction.
_adaptive = partial(OptimizerSpec, scale_invariant=True, pairings=_implicit("yes", _EPS_NOTE))
_plain = partial(OptimizerSpec, lr=0.05, own_proximal_lr=1.0)

_SPECS = (
    _plain("sgd", "SGD", "SGD"),
    _plain("momentum", "SGD + momentum", "SGD", ("momentum",)),
    _plain("nesterov", "SGD + Nesterov", "SGD", ("momentum",)),
    _adaptive("adam", "Adam", "Adam", ("betas", "eps"), 1e-3),
    _adaptive("adamw", "AdamW", "AdamW", ("betas", "eps"), 1e-3, decoupled_decay=True),
    _adaptive("nadam", "NAdam", "NAdam", ("betas", "eps"), 2e-3),
    _adaptive("radam", "RAdam", "RAdam", ("betas", "eps"), 1e-3),
    _adaptive("adamax", "Adamax", "Adamax", ("betas", "eps"), 2e-3),
    _adaptive("rmsprop", "RMSprop", "RMSprop", ("alpha", "momentum", "eps"), 1e-3),
    _adaptive("adagrad", "Adagrad", "Adagrad", ("eps",), 1e-2),
    _adaptive("adadelta", "Adadelta", "Adadelta", ("rho", "eps"), 1.0),
    _adaptive("adafactor", "Adafactor", "Adafactor", (), 1e-2, decoupled_decay=True),
    _plain("asgd", "Averaged SGD", "ASGD"),
    OptimizerSpec(
        "rprop", "Rprop", "Rprop", lr=1e-3, scale_invariant=True,
        pairings={
            "explicit": Pairing("yes", _SIGN_NOTE + " Meant for the full batch."),
            **_implicit("heuristic", _SIGN_NOTE),
        },
    ),
    OptimizerSpec(
        "muon", "Muon (+ AdamW)", "Muon", ("momentum", "betas", "eps"), lr=0.02,
        scale_invariant=True, decoupled_decay=True, partner="adamw",
        pairings=dict.fromkeys(SOLVERS, Pairing("yes", _MUON_NOTE)),
    ),
    _adaptive(
        "soap", "SOAP", "SOAP", ("betas", "eps"), 3e-3, decoupled_decay=True,
        package="pytorch_optimizer", install="pip install 'proxprop[soap]'",
    ),
    OptimizerSpec(
        "lbfgs", "L-BFGS", "LBFGS", ("history_size", "max_iter"), lr=1.0, closure=True,
        pairings={
            "explicit": Pairing("yes", "Strong-Wolfe search on a fixed batch; counts closures."),
            **_implicit("heuristic", _LBFGS_NOTE),
        },
    ),
    OptimizerSpec(
        "hessian-free", "Hessian-free (Gauss-Newton CG)", "HessianFree", ("max_iter",), lr=1.0,
        own_proximal_lr=1e-3, closure=True,
        pairings={
            "explicit": Pairing("yes", "Gauss-Newton CG on each batch with adapted damping."),
            **_implicit("no", _CURVATURE_NOTE),
        },
        package="curvlinops", install="pip install 'proxprop[curvature]'",
    ),
)  # fmt: skip

OPTIMIZERS: dict[str, OptimizerSpec] = {spec.name: spec for spec in _SPECS}
