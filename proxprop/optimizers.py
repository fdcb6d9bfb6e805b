"""Builds the optimizers a config can name, all behind one interface.

Which optimizer goes with which direction, and what to know about it, is the table in
`proxprop.spec.catalog.optimizers`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from proxprop.conversion import iter_prox_layers
from proxprop.groups import split_groups
from proxprop.hessian_free import HessianFree
from proxprop.models import weight_layers
from proxprop.spec.catalog.optimizers import OPTIMIZERS, OptimizerSpec
from proxprop.spec.config import OptimizerConfig

# One kernel per parameter instead of a loop over tensors: about twice as fast on small networks,
# and as deterministic. Adagrad's runs on the CPU in every supported version of torch.
_FUSED = ("SGD", "Adam", "AdamW")
_FUSED_ON_CPU = (*_FUSED, "Adagrad")

# Where the state of a parameter says how many steps its whole group has made.
_GROUP_STEP = "group_step"


class Optimizer:
    """One or two torch optimizers that step together, with two live step sizes.

    Parameters of proximal layers move at η, all others at the explicit layers' η.

    Attributes:
        spec: The table's entry.
        parts: The torch optimizers; two for Muon and its partner.
        ignored: Fields of the config that this optimizer cannot honour, in words.
    """

    def __init__(
        self,
        spec: OptimizerSpec,
        parts: tuple[torch.optim.Optimizer, ...],
        clip_norm: float | None,
        ignored: tuple[str, ...],
    ) -> None:
        self.spec = spec
        self.parts = parts
        self.ignored = ignored
        self._clip_norm = None if spec.closure else clip_norm
        self._parameters = [parameter for part in parts for parameter in _parameters(part)]

    def set_lr(self, lr: float, explicit_lr: float) -> None:
        """Set η of proximal layers and of all others; takes effect at the next step."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = explicit_lr if group["name"] == "explicit" else lr

    def step_size(self, parameter: Tensor) -> float:
        """Return η in force for one of the parameters."""
        groups = [group for part in self.parts for group in part.param_groups]
        own = (group for group in groups if any(p is parameter for p in group["params"]))
        return float(next(own)["lr"])

    def zero_grad(self) -> None:
        """Forget the directions of the last step."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self) -> None:
        """Take a step along the directions in `.grad`, clipped if the config says so."""
        if self._clip_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        for part in self.parts:
            part.step()

    def minimise(self, closure: Callable[[], Any]) -> None:
        """Take a step that calls `closure` (loss and directions at the current weights) itself."""
        for part in self.parts:
            part.step(closure)

    def state(self) -> list[list[dict[str, Any]]]:
        """Return what each part remembers of each of its parameters, in order.

        Optimizers from elsewhere count steps in the parameters' group: kept with each parameter.
        """
        return [
            [
                dict(part.state.get(parameter, {}))
                | ({_GROUP_STEP: group["step"]} if "step" in group else {})
                for group in part.param_groups
                for parameter in group["params"]
            ]
            for part in self.parts
        ]

    def load_state(self, state: list[list[dict[str, Any]]]) -> None:
        """Restore what `state` returned, bit for bit.

        Not through `load_state_dict`: that casts state to the parameters' type.

        Raises:
            ValueError: If the state belongs to another optimizer or model.
        """
        if [len(part) for part in state] != [len(_parameters(part)) for part in self.parts]:
            raise ValueError(
                "snapshot holds the state of another optimizer or model; resume with its own config"
            )
        for part, remembered in zip(self.parts, state):
            counted = iter(remembered)
            for group in part.param_groups:
                for parameter, values in zip(group["params"], counted):
                    values = dict(values)
                    if _GROUP_STEP in values:
                        group["step"] = values.pop(_GROUP_STEP)
                    if values:
                        part.state[parameter] = values


def build_optimizer(config: OptimizerConfig, model: nn.Module) -> Optimizer:
    """Return the optimizer of `config` for a converted model.

    Args:
        config: Which optimizer, its step sizes and options. `weight_decay` means what it means to
            the torch optimizer: decoupled for AdamW, Muon and Adafactor, coupled (added to the
            direction) for the others.
        model: Model after `proxprop.convert`; which layers are proximal decides their step size.
    """
    spec = OPTIMIZERS[config.name]
    if spec.torch_name == "Muon":
        return _with_partner(config, spec, model)
    # By which layers are proximal, not by their solver: that may change while the run goes on.
    proximal = {id(p) for _, layer in iter_prox_layers(model) for p in layer.parameters(False)}
    groups = split_groups(model, proximal, config.lr, config.explicit_lr)
    ignored = []
    if spec.closure:
        ignored += _ignored_with_closures(config, spec)
        groups = [{"name": "all", "params": list(model.parameters()), "lr": config.lr}]
    elif config.weight_decay and spec.torch_name == "Rprop":
        ignored.append(f"Rprop has no weight decay; {config.weight_decay:g} is ignored")
    if spec.torch_name == "HessianFree":
        part: torch.optim.Optimizer = HessianFree(model, config.lr, config.max_iter)
    else:
        part = _torch_optimizer(spec, config, groups)
    return Optimizer(spec, (part,), config.clip_norm, tuple(ignored))


def _ignored_with_closures(config: OptimizerConfig, spec: OptimizerSpec) -> list[str]:
    name, ignored = spec.label.partition(" (")[0], []
    if config.explicit_lr is not None and config.explicit_lr != config.lr:
        ignored.append(f"{name} has one step size for all layers; explicit_lr is ignored")
    if config.clip_norm is not None:
        ignored.append(f"clipping would break the line search of {name}; clip_norm is ignored")
    if config.weight_decay:
        ignored.append(f"{name} has no weight decay; {config.weight_decay:g} is ignored")
    return ignored


def _with_partner(config: OptimizerConfig, spec: OptimizerSpec, model: nn.Module) -> Optimizer:
    """Muon for the hidden layers' weight matrices, its partner for everything else."""
    *hidden, _ = weight_layers(model).values()
    matrices = [layer.weight for layer in hidden if isinstance(layer, nn.Linear)]
    chosen = {id(matrix) for matrix in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    partner = OPTIMIZERS[spec.partner]
    groups = [{"name": "explicit", "params": rest, "lr": config.last_lr}]
    parts = [_torch_optimizer(partner, config, groups)]
    if matrices:
        groups = [{"name": "proximal", "params": matrices, "lr": config.lr}]
        parts.insert(0, _torch_optimizer(spec, config, groups))
    return Optimizer(spec, tuple(parts), config.clip_norm, ())


def _torch_optimizer(
    spec: OptimizerSpec, config: OptimizerConfig, groups: list[dict[str, Any]]
) -> torch.optim.Optimizer:
    options: dict[str, Any] = {name: getattr(config, name) for name in spec.fields}
    if spec.torch_name == "Muon":
        del options["betas"]
    if spec.name == "nesterov":
        options["nesterov"] = config.momentum > 0
    if spec.torch_name == "LBFGS":
        options["line_search_fn"] = "strong_wolfe"
    elif spec.torch_name != "Rprop":
        options["weight_decay"] = config.weight_decay
    on_cpu = groups[0]["params"][0].device.type == "cpu"
    if spec.torch_name in (_FUSED_ON_CPU if on_cpu else _FUSED):
        options["fused"] = True
    # An optional package is known by the table's entry alone.
    source = importlib.import_module(spec.package) if spec.package else torch.optim
    built: torch.optim.Optimizer = getattr(source, spec.torch_name)(groups, **options)
    return built


def _parameters(part: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [parameter for group in part.param_groups for parameter in group["params"]]
