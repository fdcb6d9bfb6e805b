"""Every setting of a run as a person meets it: label with symbol, one line of help, range, words.

Names, types, defaults and rules are the config's (`proxprop.spec.config`); which group of the form
shows a setting, and as what, is said there.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxprop.runs.trackers import TRACKERS
from proxprop.spec.catalog.data import DATA
from proxprop.spec.catalog.models import MODELS
from proxprop.spec.catalog.optimizers import OPTIMIZERS, SOLVER_LABELS


@dataclass(frozen=True)
class Setting:
    """What a person reads about one setting.

    Attributes:
        label: Name with its symbol.
        help: One line: what it does, unit, sane range.
        low: Lower end of its slider.
        high: Upper end of its slider; 0 for none.
        empty: What stands in its field while it is empty.
    """

    label: str
    help: str
    low: float = 0.0
    high: float = 0.0
    empty: str = ""


SETTINGS: dict[str, Setting] = {
    "data.name": Setting("Data set", "What the network learns from."),
    "data.path": Setting(
        "Folder, archive or table",
        "Path on the machine that computes: a folder, .zip or .tar with one folder of images per "
        "class, or a .csv or .npz of samples with labels.",
        empty="/home/me/photos or photos.zip",
    ),
    "data.split": Setting(
        "Top folders",
        "What the outermost folders are: classes, or splits called train, val and test.",
    ),
    "data.damaged": Setting(
        "Damaged samples", "Whether images or rows that cannot be read are refused or left out."
    ),
    "data.label": Setting(
        "Label column",
        "Column of a .csv that holds the classes; empty to find it by its name.",
        empty="by its name",
    ),
    "data.samples": Setting(
        "Samples", "How many samples are used; empty for all, at least 10.", empty="all"
    ),
    "data.noise": Setting(
        "Noise", "Standard deviation of the points around their curve, 0 to 0.5."
    ),
    "data.image_size": Setting(
        "Image side [pixels]",
        "Images are resized to this; empty if all have the same size.",
        empty="as they are",
    ),
    "data.standardize": Setting(
        "Standardise",
        "Subtract the mean and divide by the deviation. Off: pixels in 0…1, as in the paper.",
    ),
    "data.validation": Setting(
        "Validation share", "Fraction of the samples kept aside to measure, 0 to 0.5."
    ),
    "data.split_seed": Setting(
        "Split seed", "Which samples are kept aside, apart from the run's seed; a whole number."
    ),
    "model.name": Setting("Network", "The family of networks; all hidden layers are converted."),
    "model.widths": Setting(
        "Hidden widths", "Units (or channels) of each hidden layer, first to last: 128, 64."
    ),
    "model.activation": Setting("Activation σ", "The function after every hidden layer."),
    "model.init": Setting("Initial weights", "How the weights are drawn before the first step."),
    "model.bias": Setting("Bias", "Whether each layer adds a bias."),
    "batch_size": Setting(
        "Batch size N",
        "Samples per step, 10 to 1000. The effective strength of τ grows with it: the loss is a "
        "mean over the batch, the layer's Gram matrix a sum.",
    ),
    "seed": Setting(
        "Seed", "Draws the initial weights and the order of the batches; a whole number."
    ),
    "direction.solver": Setting(
        "Weight step",
        "explicit: plain backprop. implicit (exact): each hidden layer solves its proximal "
        "problem. implicit (CG k): k steps of conjugate gradients towards it.",
    ),
    "direction.tau": Setting(
        "Proximal step τ",
        "How far a layer may move in its implicit step; no unit, 0.001 to 1. "
        "Small τ: η·τ acts as an explicit step. Its effective strength grows with the batch.",
        1e-4,
        100.0,
    ),
    "direction.cg_steps": Setting(
        "CG steps k", "Iterations per layer and step, 1 to 20; more come closer to exact.", 1, 100
    ),
    "direction.cg_rtol": Setting(
        "CG tolerance", "Relative residual at which CG stops early; 0 runs all k steps."
    ),
    "direction.gram": Setting(
        "Gram ÃᵀÃ",
        "Of a layer's inputs. this batch's: the paper's step. running average: of the steps so "
        "far, factored once in several steps; cheaper where a batch has more rows than a layer "
        "has columns. the cheaper one: in each layer, by its arithmetic.",
    ),
    "direction.decay": Setting("Decay", "What a refresh keeps of the running average, 0 to 1."),
    "direction.refresh": Setting("Refresh", "Steps from one refresh to the next; a whole number."),
    "direction.layers": Setting(
        "Implicit layers", "The paper leaves the last layer explicit; this can include it."
    ),
    "optimizer.name": Setting("Optimizer", "Takes the direction in place of the gradient."),
    "optimizer.lr": Setting(
        "Step size η",
        "Of the optimizer; no unit. Implicit with SGD: 0.1 to 30. Explicit with SGD: 0.01 to 0.5. "
        "Adam: 0.0001 to 0.01.",
        1e-5,
        100.0,
    ),
    "optimizer.explicit_lr": Setting(
        "Explicit η",
        "Step size of layers that keep explicit steps, such as the last; 0.01 to 1. "
        "Empty: the same η, as in the paper.",
        1e-5,
        100.0,
    ),
    "optimizer.momentum": Setting("Momentum", "Share of the last step kept, 0 to 0.99."),
    "optimizer.betas": Setting("β₁, β₂", "Decay of the two running means: 0.9, 0.999."),
    "optimizer.eps": Setting(
        "ε",
        "Guard against division by zero. Proximal directions are small: lower it if they stall.",
    ),
    "optimizer.alpha": Setting("α", "Decay of the running mean of squares, 0.9 to 0.999."),
    "optimizer.rho": Setting("ρ", "Decay of the running means, 0.9 to 0.99."),
    "optimizer.history_size": Setting(
        "Pairs kept", "How many past steps L-BFGS remembers, 5 to 20."
    ),
    "optimizer.max_iter": Setting(
        "Iterations per batch", "L-BFGS iterations on each batch, 1 to 20."
    ),
    "optimizer.weight_decay": Setting(
        "Weight decay", "Pull towards zero, 0 to 0.01. Coupled decay acts at η, not at η·τ."
    ),
    "optimizer.clip_norm": Setting(
        "Clip norm", "Directions longer than this are shortened to it; empty for never."
    ),
    "optimizer.schedule.name": Setting("Schedule", "How η changes over the epochs."),
    "optimizer.schedule.warmup": Setting(
        "Warm-up [epochs]", "η grows from zero over these epochs."
    ),
    "optimizer.schedule.gamma": Setting("Factor γ", "η is multiplied by this, 0.1 to 1."),
    "optimizer.schedule.every": Setting("Every [epochs]", "Epochs between two drops of η."),
    "optimizer.schedule.final": Setting("Final share", "Share of η left at the end, 0 to 1."),
    "budget.epochs": Setting(
        "Epochs",
        "Passes through the training samples, 1 to 100; empty for no such limit.",
        empty="no limit",
    ),
    "budget.seconds": Setting(
        "Seconds",
        "Training time [s], measuring and pauses excluded; empty for no such limit.",
        empty="no limit",
    ),
    "budget.steps": Setting("Steps", "Optimizer steps; empty for no such limit.", empty="no limit"),
    "budget.endless": Setting(
        "Endless ∞", "Goes on until it is stopped, for talking while a dial is turned."
    ),
    "pace": Setting(
        "Speed limit [steps/s]",
        "Steps a second at most, 0.5 to 10 for talking; empty for as fast as it goes.",
        empty="as fast as it goes",
    ),
    "device": Setting("Device", "Where it computes; auto takes a GPU if there is one."),
    "devices": Setting(
        "Processes",
        "How many share every batch, each on cores or a GPU of its own, 1 to 8. The step stays the "
        "one that a single process takes.",
    ),
    "precision": Setting("Precision", "Of the numbers; with bfloat16 the solves stay in float32."),
    "evaluation.every": Setting(
        "Measure every [epochs]", "Epochs between two measurements on whole sets, 0.1 to 10."
    ),
    "evaluation.train": Setting(
        "Full training loss", "Also measure the loss over all training samples each time."
    ),
    "instruments.tier": Setting(
        "Instruments", "Which measures of each layer are recorded; full costs time."
    ),
    "instruments.every": Setting("Every [steps]", "Steps between two records of the layers."),
    "checkpoint.along": Setting(
        "States kept along the run",
        "To go back to, beside the last two: 0 to 20; fewer are kept of large networks.",
    ),
    "checkpoint.seconds": Setting(
        "Save every [s]", "Seconds between two saved states from which a run can resume."
    ),
    "log": Setting("Log to", "A tracker that is sent the same numbers, live (docs/trackers.md)."),
}

CHOICES: dict[str, dict[str, str]] = {
    "data.name": {name: spec.label for name, spec in DATA.items()},
    "data.split": {
        "auto": "by their names",
        "folders": "train, val, test",
        "classes": "classes",
    },
    "data.damaged": {"refuse": "refused", "skip": "left out"},
    "model.name": {name: spec.label for name, spec in MODELS.items()},
    "optimizer.name": {name: spec.label for name, spec in OPTIMIZERS.items()},
    "direction.solver": SOLVER_LABELS,
    "direction.gram": {
        "batch": "this batch's",
        "running": "running average",
        "auto": "the cheaper one",
    },
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
    "log": {"off": "nowhere else", **{key: name for key, (name, _) in TRACKERS.items()}},
}
