"""The words on the pages: one label, one symbol and one line of help for every setting."""

from __future__ import annotations

from dataclasses import dataclass

from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import MODELS
from proxprop.spec.catalog.optimizers import OPTIMIZERS

PAPER = "[Frerix, Möllenhoff, Moeller and Cremers, ICLR 2018](https://arxiv.org/abs/1706.04638)"
FOOTNOTE = (
    f"The method: {PAPER}. The paper writes τ for the step size, here η, and $\\tau_\\theta$ "
    "for the proximal step, here τ."
)


@dataclass(frozen=True)
class Words:
    """What a person reads about one setting.

    Attributes:
        label: Name with its symbol.
        help: One line: what it does, unit, sane range.
        low: Lower end of its slider.
        high: Upper end of its slider.
    """

    label: str
    help: str
    low: float = 0.0
    high: float = 0.0


FIELDS: dict[str, Words] = {
    "data.name": Words("Data set", "What the network learns from."),
    "data.path": Words(
        "Folder or archive",
        "Path on the machine that computes: a folder, .zip or .tar with one folder of images per "
        "class.",
    ),
    "data.samples": Words("Samples", "How many samples are used; empty for all, at least 10."),
    "data.noise": Words("Noise", "Standard deviation of the points around their curve, 0 to 0.5."),
    "data.image_size": Words(
        "Image side [pixels]", "Images are resized to this; empty if all have the same size."
    ),
    "data.standardize": Words(
        "Standardise",
        "Subtract the mean and divide by the deviation. Off: pixels in 0…1, as in the paper.",
    ),
    "data.validation": Words(
        "Validation share", "Fraction of the samples kept aside to measure, 0 to 0.5."
    ),
    "data.split_seed": Words(
        "Split seed", "Which samples are kept aside, apart from the run's seed; a whole number."
    ),
    "model.name": Words("Network", "The family of networks; all hidden layers are converted."),
    "model.widths": Words(
        "Hidden widths", "Units (or channels) of each hidden layer, first to last: 128, 64."
    ),
    "model.activation": Words("Activation σ", "The function after every hidden layer."),
    "model.init": Words("Initial weights", "How the weights are drawn before the first step."),
    "model.bias": Words("Bias", "Whether each layer adds a bias."),
    "batch_size": Words(
        "Batch size N",
        "Samples per step, 10 to 1000. The effective strength of τ grows with it: the loss is a "
        "mean over the batch, the layer's Gram matrix a sum.",
    ),
    "seed": Words(
        "Seed", "Draws the initial weights and the order of the batches; a whole number."
    ),
    "direction.solver": Words(
        "Weight step",
        "explicit: plain backprop. implicit (exact): each hidden layer solves its proximal "
        "problem. implicit (CG k): k steps of conjugate gradients towards it.",
    ),
    "direction.tau": Words(
        "Proximal step τ",
        "How far a layer may move in its implicit step; no unit, 0.001 to 1. "
        "Small τ: η·τ acts as an explicit step. Its effective strength grows with the batch.",
        1e-4,
        100.0,
    ),
    "direction.cg_steps": Words(
        "CG steps k", "Iterations per layer and step, 1 to 20; more come closer to exact.", 1, 100
    ),
    "direction.cg_rtol": Words(
        "CG tolerance", "Relative residual at which CG stops early; 0 runs all k steps."
    ),
    "direction.layers": Words(
        "Implicit layers", "The paper leaves the last layer explicit; this can include it."
    ),
    "optimizer.name": Words("Optimizer", "Takes the direction in place of the gradient."),
    "optimizer.lr": Words(
        "Step size η",
        "Of the optimizer; no unit. Implicit with SGD: 0.1 to 30. Explicit with SGD: 0.01 to 0.5. "
        "Adam: 0.0001 to 0.01.",
        1e-5,
        100.0,
    ),
    "optimizer.explicit_lr": Words(
        "Explicit η",
        "Step size of layers that keep explicit steps, such as the last; 0.01 to 1. "
        "Empty: the same η, as in the paper.",
        1e-5,
        100.0,
    ),
    "optimizer.momentum": Words("Momentum", "Share of the last step kept, 0 to 0.99."),
    "optimizer.betas": Words("β₁, β₂", "Decay of the two running means: 0.9, 0.999."),
    "optimizer.eps": Words(
        "ε",
        "Guard against division by zero. Proximal directions are small: lower it if they stall.",
    ),
    "optimizer.alpha": Words("α", "Decay of the running mean of squares, 0.9 to 0.999."),
    "optimizer.rho": Words("ρ", "Decay of the running means, 0.9 to 0.99."),
    "optimizer.history_size": Words("Pairs kept", "How many past steps L-BFGS remembers, 5 to 20."),
    "optimizer.max_iter": Words(
        "Iterations per batch", "L-BFGS iterations on each batch, 1 to 20."
    ),
    "optimizer.weight_decay": Words(
        "Weight decay", "Pull towards zero, 0 to 0.01. Coupled decay acts at η, not at η·τ."
    ),
    "optimizer.clip_norm": Words(
        "Clip norm", "Directions longer than this are shortened to it; empty for never."
    ),
    "optimizer.schedule.name": Words("Schedule", "How η changes over the epochs."),
    "optimizer.schedule.warmup": Words("Warm-up [epochs]", "η grows from zero over these epochs."),
    "optimizer.schedule.gamma": Words("Factor γ", "η is multiplied by this, 0.1 to 1."),
    "optimizer.schedule.every": Words("Every [epochs]", "Epochs between two drops of η."),
    "optimizer.schedule.final": Words("Final share", "Share of η left at the end, 0 to 1."),
    "budget.epochs": Words(
        "Epochs", "Passes through the training samples, 1 to 100; empty for no such limit."
    ),
    "budget.seconds": Words(
        "Seconds", "Training time [s], measuring and pauses excluded; empty for no such limit."
    ),
    "budget.steps": Words("Steps", "Optimizer steps; empty for no such limit."),
    "device": Words("Device", "Where it computes; auto takes a GPU if there is one."),
    "precision": Words("Precision", "Of the numbers; with bfloat16 the solves stay in float32."),
    "evaluation.every": Words(
        "Measure every [epochs]", "Epochs between two measurements on whole sets, 0.1 to 10."
    ),
    "evaluation.train": Words(
        "Full training loss", "Also measure the loss over all training samples each time."
    ),
    "instruments.tier": Words(
        "Instruments", "Which measures of each layer are recorded; full costs time."
    ),
    "instruments.every": Words("Every [steps]", "Steps between two records of the layers."),
    "checkpoint.seconds": Words(
        "Save every [s]", "Seconds between two saved states from which a run can resume."
    ),
}

SOLVERS = {"explicit": "explicit", "exact": "implicit (exact)", "cg": "implicit (CG k)"}
CHOICES: dict[str, dict[str, str]] = {
    "data.name": {name: spec.label for name, spec in DATA.items()},
    "model.name": {name: spec.label for name, spec in MODELS.items()},
    "optimizer.name": {name: spec.label for name, spec in OPTIMIZERS.items()},
    "direction.solver": SOLVERS,
    "direction.layers": {"hidden": "hidden layers", "all": "all layers"},
    "model.activation": {
        "relu": "ReLU",
        "tanh": "tanh",
        "sigmoid": "sigmoid",
        "gelu": "GELU",
        "elu": "ELU",
        "softplus": "softplus",
        "identity": "none (linear)",
    },
    "model.init": {
        "default": "PyTorch's default",
        "kaiming": "Kaiming",
        "xavier": "Xavier",
        "orthogonal": "orthogonal",
    },
    "optimizer.schedule.name": {
        "constant": "constant",
        "cosine": "cosine",
        "step": "drops",
        "exponential": "exponential",
    },
    "device": {"auto": "auto", "cpu": "CPU", "cuda": "GPU (CUDA)"},
    "precision": {"float32": "float32", "float64": "float64", "bfloat16": "bfloat16"},
    "instruments.tier": {"off": "off", "cheap": "basic", "full": "full"},
}

# Symbol and word of every status and outcome; the colour only repeats what they say.
STATES: dict[str, str] = {
    "queued": "◌ queued",
    "starting": "◔ starting",
    "running": "▶ running",
    "paused": "‖ paused",
    "finished": "✓ finished",
    "stopped": "■ stopped",
    "diverged": "▲ diverged",
    "collapsed": "▬ collapsed",
    "interrupted": "⌁ interrupted",
    "failed": "✕ failed",
}


def exact_number(value: float) -> str:
    """Return the shortest text that reads back as exactly `value`: 0.05, 1, 1e-5."""
    text = repr(float(value)).removesuffix(".0")
    return text.replace("e-0", "e-").replace("e+", "e")


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits, or a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+0", "e")


def duration(seconds: float | None) -> str:
    """Return a time a person reads at a glance: 0.4 s, 12 s, 3 min, 2 h."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def count(value: float | None) -> str:
    """Return a whole number with thin grouping: 1,797."""
    return "–" if value is None else f"{value:,.0f}"


def direction_label(solver: str, cg_steps: int) -> str:
    """Return the one name of a direction used on every page."""
    return f"implicit (CG {cg_steps})" if solver == "cg" else SOLVERS[solver]
