"""Every leaf field of a run, with a value it refuses and the words it does so in."""

from __future__ import annotations

from typing import Any

NUMBER = "must be a number"
WHOLE = "must be a whole number"

# field, refused value, rule, value as shown
REFUSED: list[tuple[str, Any, str, str]] = [
    ("data.name", "digit", "unknown data set 'digit'; choose one of digits, spirals", "'digit'"),
    ("data.name", 3, "must be text", "3"),
    ("data.path", 3, "must be text", "3"),
    ("data.path", "pictures", "applies to data 'folder' only, not 'digits'; clear it", "digits"),
    ("data.samples", 9, "must be ≥ 10", "9"),
    ("data.samples", 10**8, "must be ≤ 10000000", "100000000"),
    ("data.samples", 99.5, WHOLE, "99.5"),
    ("data.noise", -0.1, "must be ≥ 0", "-0.1"),
    ("data.noise", 11, "must be ≤ 10", "11"),
    ("data.image_size", 0, "must be ≥ 1", "0"),
    ("data.image_size", 1025, "must be ≤ 1024", "1025"),
    ("data.standardize", "maybe", "must be true or false", "'maybe'"),
    ("data.validation", 1.0, "must be < 1", "1.0"),
    ("data.validation", -0.5, "must be ≥ 0", "-0.5"),
    ("data.split_seed", -1, "must be ≥ 0", "-1"),
    ("data.split_seed", 2**32, "must be < 4294967296", "4294967296"),
    ("data.split", "none", "must be one of 'auto', 'folders' or 'classes'", "'none'"),
    ("data.damaged", "ignore", "must be one of 'refuse' or 'skip'", "'ignore'"),
    ("data.label", 3, "must be text", "3"),
    ("model.name", "transformer", "unknown model 'transformer'; choose one of mlp", "transformer"),
    ("model.widths", [], "needs at least 1 entry", ""),
    ("model.widths", [1] * 21, "takes at most 20 entries", ""),
    ("model.widths", 128, "must be a list", "128"),
    ("model.widths.0", 0, "must be ≥ 1", "0"),
    ("model.widths.0", 100_001, "must be ≤ 100000", "100001"),
    ("model.widths.0", "wide", WHOLE, "'wide'"),
    ("model.activation", "swish", "unknown activation 'swish'; choose one of relu", "swish"),
    ("model.init", "zeros", "unknown initialisation 'zeros'; choose one of default", "zeros"),
    ("model.bias", 2, "must be true or false", "2"),
    ("batch_size", 0, "must be ≥ 1", "0"),
    ("batch_size", 1456, "must be at most the 1455 training samples of digits", "1456"),
    ("batch_size", 2_000_000, "must be ≤ 1000000", "2000000"),
    ("seed", -1, "must be ≥ 0", "-1"),
    ("seed", 2**32, "must be ≤ 4294967295", "4294967296"),
    ("device", "tpu", "must be one of 'auto', 'cpu' or 'cuda'", "'tpu'"),
    ("devices", 0, "must be ≥ 1", "0"),
    ("devices", 101, "must be at most the 100 samples of a batch", "101"),
    ("precision", "float16", "must be one of 'float32', 'float64' or 'bfloat16'", "'float16'"),
    ("log", "csv", "must be one of 'off', 'tensorboard', 'wandb' or 'trackio'", "'csv'"),
    ("evaluation.every", 0, "must be > 0", "0"),
    ("evaluation.every", 1e5, "must be ≤ 10000", "100000.0"),
    ("evaluation.train", "perhaps", "must be true or false", "'perhaps'"),
    ("kind", "race", "must be one of 'run'", "'race'"),
    ("direction.solver", "newton", "must be one of 'explicit', 'exact' or 'cg'", "'newton'"),
    ("direction.tau", 0.0, "must be > 0", "0.0"),
    ("direction.tau", -1, "must be > 0", "-1"),
    ("direction.tau", float("inf"), "must be finite", "inf"),
    ("direction.tau", float("nan"), "must be finite", "nan"),
    ("direction.tau", "small", NUMBER, "'small'"),
    ("direction.tau", None, NUMBER, "None"),
    ("direction.tau", True, "must not be true or false", "True"),
    ("direction.cg_steps", 0, "must be ≥ 1", "0"),
    ("direction.cg_steps", 1001, "must be ≤ 1000", "1001"),
    ("direction.cg_steps", 2.5, WHOLE, "2.5"),
    ("direction.cg_rtol", 1, "must be < 1", "1"),
    ("direction.gram", "mean", "must be one of 'batch', 'running' or 'auto'", "'mean'"),
    ("direction.decay", 1, "must be < 1", "1"),
    ("direction.refresh", 0, "must be ≥ 1", "0"),
    ("direction.layers", "first", "must be one of 'hidden' or 'all'", "'first'"),
    ("optimizer.name", "adan", "unknown optimizer 'adan'; choose one of sgd", "'adan'"),
    ("optimizer.lr", 0, "must be > 0", "0"),
    ("optimizer.lr", float("inf"), "must be finite", "inf"),
    ("optimizer.explicit_lr", -0.05, "must be > 0", "-0.05"),
    ("optimizer.momentum", 1.0, "must be < 1", "1.0"),
    ("optimizer.betas", [0.9, 0.99, 0.999], "takes at most 2 entries", ""),
    ("optimizer.betas.1", 1.0, "must be < 1", "1.0"),
    ("optimizer.eps", 0, "must be > 0", "0"),
    ("optimizer.alpha", 1.5, "must be < 1", "1.5"),
    ("optimizer.rho", -0.1, "must be ≥ 0", "-0.1"),
    ("optimizer.history_size", 0, "must be ≥ 1", "0"),
    ("optimizer.max_iter", 0, "must be ≥ 1", "0"),
    ("optimizer.weight_decay", -1e-4, "must be ≥ 0", "-0.0001"),
    ("optimizer.schedule.name", "linear", "must be one of 'constant', 'cosine'", "'linear'"),
    ("optimizer.schedule.warmup", -1, "must be ≥ 0", "-1"),
    ("optimizer.schedule.gamma", 0, "must be > 0", "0"),
    ("optimizer.schedule.gamma", 1.1, "must be ≤ 1", "1.1"),
    ("optimizer.schedule.every", 0, "must be > 0", "0"),
    ("optimizer.schedule.final", 2, "must be ≤ 1", "2"),
    ("optimizer.clip_norm", 0, "must be > 0", "0"),
    ("budget.epochs", 0, "must be > 0", "0"),
    ("budget.epochs", None, "set epochs, seconds or steps: a run needs an end", ""),
    ("budget.seconds", -1, "must be > 0", "-1"),
    ("budget.steps", 0, "must be ≥ 1", "0"),
    ("instruments.tier", "some", "must be one of 'off', 'cheap' or 'full'", "'some'"),
    ("instruments.every", 0, "must be ≥ 1", "0"),
    ("budget.endless", "perhaps", "must be true or false", "'perhaps'"),
    ("pace", 0, "must be ≥ 0.01", "0"),
    ("pace", 1e4, "must be ≤ 1000", "10000.0"),
    ("checkpoint.along", -1, "must be ≥ 0", "-1"),
    ("checkpoint.along", 101, "must be ≤ 100", "101"),
    ("checkpoint.seconds", 0, "must be > 0", "0"),
    ("checkpoint.seconds", 1e6, "must be ≤ 86400", "1000000.0"),
    ("changes", "tau", "must be a list", "'tau'"),
    ("changes.0.step", -1, "must be ≥ 0", "-1"),
    ("changes.0.values.tau", 0, "must be > 0", "0"),
    ("changes.0.values.tau", None, "must have a value", "None"),
    ("changes.0.values.lr", None, "must have a value", "None"),
    ("changes.0.values.solver", "newton", "must be one of 'explicit', 'exact'", "'newton'"),
    ("changes.0.values.momentum", 0.5, "is not a field of this config; check the spelling", ""),
]

UNKNOWN = ["tau", "data.names", "optimizer.schedule.gama", "direction.lr", "modell"]


def nested(name: str, value: Any) -> dict[str, Any]:
    """Return the plain data of a run in which only the field `name` is set."""
    values: Any = value
    for part in reversed(name.split(".")):
        values = [0.5] * int(part) + [values] if part.isdigit() else {part: values}
    if "changes" in values and isinstance(values["changes"], list):
        values["changes"][0] = {"step": 0, "values": {}} | values["changes"][0]
    return values
