"""Races to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proxprop.spec.config import Contender, RaceConfig

EPOCHS = 30.0  # of the digits: every point is made, and even six contenders are through in 10 s


@dataclass(frozen=True)
class RacePreset:
    """A named field of contenders.

    Attributes:
        name: Name on the command line and in URLs.
        label: What a person picks.
        about: The point it makes: what will be seen by epoch, and what by second.
        contenders: Who competes.
    """

    name: str
    label: str
    about: str
    contenders: tuple[Contender, ...]

    @property
    def config(self) -> RaceConfig:
        """The race on the default task, the digits."""
        return RaceConfig.parse({"budget": {"epochs": EPOCHS}, "contenders": self.contenders})

    def applied(self, config: RaceConfig) -> RaceConfig:
        """Return `config` with these contenders in place of its own, on its own task."""
        return RaceConfig.parse({**config.model_dump(), "contenders": self.contenders})


def default_race() -> RaceConfig:
    """Return plain Nesterov, ProxProp with Nesterov as in the paper, and Adam, on the digits."""
    return RACE_PRESETS[0].config


def _plain(optimizer: str, lr: float, label: str = "", **more: Any) -> Contender:
    return _contender({"solver": "explicit"}, optimizer, lr, label, more)


def _exact(optimizer: str, lr: float, tau: float = 0.05, label: str = "", **more: Any) -> Contender:
    return _contender({"solver": "exact", "tau": tau}, optimizer, lr, label, more)


def _cg(steps: int, optimizer: str = "nesterov", lr: float = 1.0) -> Contender:
    return _contender({"solver": "cg", "cg_steps": steps, "tau": 0.05}, optimizer, lr, "", {})


def _running(lr: float) -> Contender:
    direction = {"solver": "exact", "gram": "running", "tau": 0.05}
    return _contender(direction, "adam", lr, "", {})


def _contender(
    direction: dict[str, Any], optimizer: str, lr: float, label: str, more: dict[str, Any]
) -> Contender:
    chosen = {"name": optimizer, "lr": lr, **more}
    return Contender.parse({"label": label, "direction": direction, "optimizer": chosen})


RACE_PRESETS: tuple[RacePreset, ...] = (
    RacePreset(
        "default",
        "Explicit, implicit, Adam",
        "On the digits, exact implicit steps get to a tenth of a guesser's loss in half the epochs "
        "of plain Nesterov, a quarter of Adam's. A step costs some two plain ones: by the clock "
        "they are about level.",
        (_plain("nesterov", 0.05), _exact("nesterov", 1.0), _plain("adam", 1e-3)),
    ),
    RacePreset(
        "seconds",
        "Ahead in seconds, too",
        "Implicit directions handed to Adam, with the batch's Gram and with a running one, against "
        "plain Nesterov and Adam; on the digits, each at the best of two or three η.",
        (_plain("nesterov", 0.1), _plain("adam", 1e-2), _exact("adam", 1e-2), _running(1e-2)),
    ),
    RacePreset(
        "behind",
        "Ahead by epochs, behind in seconds",
        "On the digits implicit steps by conjugate gradients need fewer epochs than plain Nesterov "
        "at a searched η, but each costs several plain ones: by the clock they lose.",
        (_plain("nesterov", 0.1), _cg(3), _cg(5), _cg(10)),
    ),
    RacePreset(
        "paper",
        "The paper's comparison",
        "Nesterov 0.95: plain at η 0.05; exact and CG 3, 5, 10 at η 1, τ 0.05. By epochs all "
        "implicit ones are ahead and alike; by the clock the more CG steps, the later.",
        (_plain("nesterov", 0.05), _exact("nesterov", 1.0), _cg(3), _cg(5), _cg(10)),
    ),
    RacePreset(
        "controls",
        "Whose gain is it?",
        "The paper's pairing lets the explicit last layer run at η 1. Given that, the plain net "
        "needs almost as few epochs and less time; denied it, the implicit one needs more than "
        "the plain net, unless its hidden layers get η 10.",
        (
            _plain("nesterov", 0.05, "explicit, η 0.05"),
            _plain("nesterov", 0.05, "explicit, hidden η 0.05, last η 1", explicit_lr=1.0),
            _exact("nesterov", 1.0, label="implicit (exact), η 1, last η 1"),
            _exact("nesterov", 1.0, label="implicit (exact), η 1, last η 0.05", explicit_lr=0.05),
            _exact("nesterov", 10.0, label="implicit (exact), η 10, last η 0.05", explicit_lr=0.05),
        ),
    ),
    RacePreset(
        "torch",
        "What torch has",
        "One of each family on plain gradients: L-BFGS needs the fewest epochs, at the dearest "
        "steps; by the clock Nesterov and RMSprop are before it.",
        (
            _plain("nesterov", 0.05),
            _plain("adagrad", 1e-2),
            _plain("rmsprop", 1e-3),
            _plain("adam", 1e-3),
            _plain("muon", 0.02, explicit_lr=1e-3),
            _plain("lbfgs", 1.0),
        ),
    ),
    RacePreset(
        "optimizers",
        "ProxProp under four optimizers",
        "The exact implicit step handed to SGD, Nesterov, Adam and RMSprop: Nesterov needs the "
        "fewest epochs and, steps costing alike, the least time; SGD the most of both.",
        (
            _exact("sgd", 1.0),
            _exact("nesterov", 1.0),
            _exact("adam", 1e-3),
            _exact("rmsprop", 1e-3),
        ),
    ),
    RacePreset(
        "tau",
        "The proximal step τ",
        "The exact step at τ from 0.0005 to 5, where it costs the same: the larger τ, the fewer "
        "epochs and the less time. The smallest is but a short explicit step.",
        tuple(
            _exact("nesterov", 1.0, tau, explicit_lr=0.05) for tau in (5e-4, 5e-3, 0.05, 0.5, 5.0)
        ),
    ),
    RacePreset(
        "cg",
        "How many CG steps",
        "Conjugate gradients stopped after 1, 3, 5, 10 and 20 steps, and the exact solve: three "
        "steps need as few epochs as the exact solve; more cost time alone.",
        (_cg(1), _cg(3), _cg(5), _cg(10), _cg(20), _exact("nesterov", 1.0)),
    ),
)
