"""The running Gram: a decayed average of a layer's second moments in place of one batch's Gram.

A layer keeps an average M of its rows' second moment ÃᵀÃ/N and an average N̄ of their number, and
leaves ``D = G P`` with ``P = (N̄·M + I/τ)⁻¹``. While P stands D is linear in G: accumulated
micro-batches, shards and several uses of one weight add up to the joined batch's direction.

A *step* is what happens between two changes of the layer's parameters. Rows enter in the forward
pass of every `refresh`-th step, so that P is known before the first backward pass and holds until
the step's end, however many uses or micro-batches it has.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from proxprop.core.conv import Convolution
from proxprop.core.linear import Direction, LinearMap, host_status, solved_status
from proxprop.core.rows import column_gram
from proxprop.core.solvers.cholesky import (
    NON_FINITE,
    Damped,
    damped_inverse,
    exceeds,
)
from proxprop.core.solvers.precision import compute_dtype, host_can_read

# Condition from which products with P are done in float64; see `proxprop.core.exact`.
_CONDITION_FOR_WIDE_PRODUCTS = 1e6

_STATE = ("moment", "rows", "weight", "age")


class RunningGram:
    """One layer's average, its schedule, and the inverse made of them.

    Attributes:
        moment: Decayed sum of ÃᵀÃ/N, (groups, p, p) with the ones column of a bias last; None
            before anything entered.
        rows: Decayed sum of N, a scalar tensor.
        weight: Sum of the decayed weights: ``moment / weight`` is the unbiased average.
        age: Steps since the last refresh.
    """

    def __init__(self) -> None:
        self.moment: Tensor | None = None
        self.rows: Tensor | None = None
        self.weight: Tensor | None = None
        self.age = 0
        self._forget_step()

    def _forget_step(self) -> None:
        self._versions: tuple[int, ...] | None = None
        self._collects = self._used = False
        self._decay = 0.0
        self._sum: Tensor | None = None  # ÃᵀÃ of this step's rows, and their number
        self._count: Tensor | None = None
        self._fold: tuple[Tensor, Tensor, Tensor] | None = None  # the average with them in it
        self._inverse: tuple[Any, Damped] | None = None
        self._late = False  # rows came after this step's inverse was made

    def __getstate__(self) -> dict[str, Any]:
        return {"state": self.state()}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self.load(saved["state"])

    def state(self) -> dict[str, Any]:
        """The average with this step's rows in it; empty before anything entered."""
        moment, rows, weight = self._folded()
        if moment is None:
            return {}
        return {"moment": moment, "rows": rows, "weight": weight, "age": self.age}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the next forward pass begins a step.

        Raises:
            ValueError: Something is missing, or the moment is no batch of square matrices.
        """
        if state and set(state) != set(_STATE):
            raise ValueError(f"a running Gram's state has {', '.join(_STATE)}, got {list(state)}")
        self._forget_step()
        self.moment = self.rows = self.weight = None
        self.age = 0
        if state:
            moment = state["moment"]
            if moment.dim() != 3 or moment.shape[1] != moment.shape[2]:
                raise ValueError(f"moment must be (groups, p, p), got {tuple(moment.shape)}")
            self.moment, self.rows = moment.detach().clone(), state["rows"].detach().clone()
            self.weight, self.age = state["weight"].detach().clone(), int(state["age"])

    def enter(
        self,
        operation: LinearMap | Convolution,
        input: Tensor,
        parameters: list[Tensor],
        has_bias: bool,
        decay: float,
        refresh: int,
        synchronise: bool,
    ) -> None:
        """Take the rows of one forward pass in, if this is a step that refreshes.

        Args:
            operation: What the layer computes.
            input: The layer's, detached.
            parameters: The layer's trainable ones: their change ends a step.
            has_bias: Whether the layer has a bias, frozen or not.
            decay: What is kept of the average at a refresh, in [0, 1).
            refresh: Steps from one refresh to the next, ≥ 1.
            synchronise: Whether to add up the rows of all processes of torch.distributed.
        """
        versions = tuple(parameter._version for parameter in parameters)
        # Optimizers that write through .data change no version; they too clear the gradients.
        cleared = self._used and all(parameter.grad is None for parameter in parameters)
        if versions != self._versions or cleared:
            self._begin_step(versions, refresh)
        if not self._collects:
            return
        self._decay = decay
        gram, count = _step_sums(operation, input, has_bias)
        if synchronise:
            _sum_over_processes(gram, count)
        self._sum = gram if self._sum is None else self._sum + gram
        self._count = count if self._count is None else self._count + count
        self._fold = None
        self._late |= self._inverse is not None and self._used
        if not self._late:
            self._inverse = None

    def _begin_step(self, versions: tuple[int, ...], refresh: int) -> None:
        empty = self._count is None or (host_can_read(self._count) and not float(self._count))
        self.moment, self.rows, self.weight = self._folded()
        if self._late:
            self._inverse = None
        stays_due = self._collects and empty
        self._sum = self._count = self._fold = None
        self._used = self._late = False
        self._versions = versions
        self.age += 1
        self._collects = self.moment is None or stays_due or self.age >= refresh
        if self._collects:
            self.age = 0

    def _folded(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Moment, rows and weight with this step's rows in them, made once."""
        if self._sum is None or self._count is None:
            return self.moment, self.rows, self.weight
        if self._fold is not None:
            return self._fold
        present = (self._count > 0).to(self._count.dtype)
        share = (1.0 - self._decay) * present
        moment = self._sum * (share / self._count.clamp(min=1.0))
        rows, weight = self._count * share, share
        if self.moment is not None and self.rows is not None and self.weight is not None:
            kept = 1.0 - share
            self._move(moment.device)
            moment = self.moment * kept + moment
            rows, weight = self.rows * kept + rows, self.weight * kept + weight
        self._fold = moment, rows, weight
        return self._fold

    def _move(self, device: torch.device) -> None:
        if self.moment is not None and self.moment.device != device:
            assert self.rows is not None
            assert self.weight is not None
            self.moment = self.moment.to(device)
            self.rows, self.weight = self.rows.to(device), self.weight.to(device)

    def inverse(
        self, damping: float, dtype: torch.dtype, device: torch.device, columns: slice
    ) -> Damped | None:
        """P, made anew only where something has changed; None before anything entered.

        Args:
            damping: 1/τ > 0.
            dtype: Of the layer's products; P is kept in float64 where float32 would show.
            device: Of the layer's products.
            columns: The trainable columns of Ã.
        """
        self._used = True
        key = (damping, dtype, device, columns.start, columns.stop)
        if self._inverse is not None and self._inverse[0] == key:
            return self._inverse[1]
        moment, rows, weight = self._folded()
        if moment is None or rows is None or weight is None:
            return None
        gram = averaged(moment, rows, weight)
        solved = damped_inverse(gram.to(device)[:, columns, columns].clone(), damping)
        if not exceeds(solved.condition, _CONDITION_FOR_WIDE_PRODUCTS):
            solved = solved._replace(matrix=solved.matrix.to(dtype))
        self._inverse = (key, solved)
        return solved

    def direction(
        self,
        operation: LinearMap | Convolution,
        input: Tensor,
        grad_output: Tensor,
        damping: float,
        train_weight: bool,
        train_bias: bool,
    ) -> Direction | None:
        """D = G P of samples and Δ; None where there is nothing to do or to do it with."""
        self._used = True  # also by a process whose part of a batch is empty
        width = _width(operation, input)
        if grad_output.numel() == 0 or not (train_weight * width + train_bias):
            return None
        columns = slice(0 if train_weight else width, width + train_bias)
        dtype = compute_dtype(input, grad_output)
        solved = self.inverse(damping, dtype, input.device, columns)
        if solved is None:
            return None
        matrix = solved.matrix
        weight, bias = operation.accurate_gradient(
            input.to(dtype), grad_output.to(dtype), matrix.dtype
        )
        groups = matrix.shape[0]
        parts = []
        if train_weight:
            parts.append(weight.reshape(groups, len(weight) // groups, width))
        if train_bias:
            parts.append(bias.reshape(groups, -1, 1))
        product = (torch.cat(parts, 2).to(matrix.dtype) @ matrix).to(dtype)
        if host_can_read(product):  # a non-finite input shows in the direction, which is smaller
            finite = math.isfinite(float(product.sum()))
            finite = finite or math.isfinite(float(input.to(dtype).sum()))
            status = host_status(int(solved.status.amax()) if finite else NON_FINITE)
        else:
            sound = input.to(dtype).sum().isfinite()
            unsolved = torch.where(sound, solved.status.amax(), NON_FINITE)
            status = solved_status(grad_output) + unsolved.to(torch.int8)
        return Direction(
            product[..., :width].reshape(weight.shape) if train_weight else None,
            product[..., -1].reshape(bias.shape) if train_bias else None,
            status,
            "running",
        )


def averaged(moment: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """N̄·M of an average's state, (groups, p, p): what stands in place of a batch's ÃᵀÃ."""
    total = weight.clamp(min=torch.finfo(weight.dtype).tiny)
    return moment * ((rows / total) / total)


def _width(operation: LinearMap | Convolution, input: Tensor) -> int:
    """Columns of a group's weights."""
    if isinstance(operation, Convolution):
        return operation.geometry.columns(input.shape[1])
    return input.shape[1]


def _step_sums(
    operation: LinearMap | Convolution, input: Tensor, has_bias: bool
) -> tuple[Tensor, Tensor]:
    """ÃᵀÃ (groups, p, p) and N of one forward pass, both zero where they are not finite."""
    if isinstance(operation, Convolution):
        gram, count = operation.running_gram(input, has_bias)
    else:
        rows = input.reshape(input.shape[:-1].numel(), input.shape[-1])
        gram, count = column_gram(rows.to(_moment_dtype(rows)), has_bias)[None], len(rows)
    gram = gram.to(_moment_dtype(input)).contiguous()
    finite = gram.diagonal(dim1=-2, dim2=-1).sum().isfinite()
    return torch.where(finite, gram, 0.0), torch.where(finite, gram.new_full((), count), 0.0)


def _sum_over_processes(*sums: Tensor) -> None:
    # Late: a single process needs nothing of it.
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        for each in sums:
            dist.all_reduce(each)


def _moment_dtype(tensor: Tensor) -> torch.dtype:
    """float64, so that the average can be inverted at any τ; Metal has none."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64
