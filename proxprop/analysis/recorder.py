"""Layer metrics: what a training step does to each layer, measured along a run.

A point of the table "layers" holds columns "<measure>/<layer name>". Notation as in the layers: Ã
the layer's input rows with a ones column for the bias, Δ = ∂J/∂Z, G = ΔᵀÃ the gradient, D the
update direction left in ``.grad``, S = ÃᵀÃ + I/τ.

=====================  ====================================  =================================
measure                meaning                               formula
=====================  ====================================  =================================
every layer with a weight
update                 relative update                       ‖ΔΘ‖ / ‖Θ‖
norm                   length of the update direction        ‖D‖
dead                   units without a gradient              share of columns of Δ that are 0
layers that can take proximal directions
cosine                 cosine of direction and gradient      cos∠(D, G)
overshoot              implicit step: change left over       ‖Δ − ÃDᵀ‖ / ‖Δ‖
overshoot_explicit     explicit step, s = τ: left over       ‖Δ − τÃGᵀ‖ / ‖Δ‖
residual               residual of the solve                 ‖G − DS‖ / ‖G‖
seconds                time of the solve
the same, full tier
lambda_max             largest eigenvalue of the Gram        λ_max(ÃᵀÃ)
condition              condition of the system               (1 + τλ_max) / (1 + τλ_min)
bound                  angle bound of the exact direction    2√κ / (1 + κ)
top_energy             energy along the top 8 eigenvectors   Σ ‖uᵢᵀΔ‖² / ‖Δ‖²
dual                   route: 1 by samples, 0 by columns
residual_k             residual after k CG steps             ‖r_k‖ / ‖r_0‖
=====================  ====================================  =================================

NaN stands where the current solver gives no meaning: an explicit step solves nothing. Overshoot
speaks of the layer's own subproblem, to move Z towards Z − ηΔ: what is left of the requested change
after the weight step, relative to what was requested. It does not speak of training as a whole. Of
a linear layer wider than 1,024 units, cosine and overshoots are those of 1,024 units evenly spaced
(and the residual of 128): each unit is a problem of its own.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from proxprop.analysis.capture import Layer, LayerCapture
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.rows import joined
from proxprop.conversion import iter_prox_layers
from proxprop.diagnostics import SolveRecord
from proxprop.models import weight_layers

Tier = Literal["cheap", "full"]
TOP = 8  # eigenvectors whose energy is summed
CG_STEPS = (1, 2, 3, 5, 10)  # after which the residual is recorded, as far as CG goes
EVERY_LAYER = ("update", "norm", "dead")
PROXIMAL = ("cosine", "overshoot", "overshoot_explicit", "residual", "seconds")
FULL = (
    *("lambda_max", "condition", "bound", "top_energy", "dual"),
    *(f"residual_{step}" for step in CG_STEPS),
)
# Output units that are measured, evenly spaced: each is a least-squares problem of its own, and all
# 4,000 of a wide layer would cost as much as a forward pass.
STEP_UNITS = 1024
RESIDUAL_UNITS = 128
# Beyond this many samples *and* columns the eigenvectors cost more than the step they describe.
DENSE_LIMIT = 1024


class LayerRecorder:
    """Measures every layer during one training step, without changing a number in it.

    Call `begin` before the forward pass, `solved` for every solve, `measure_directions` after the
    backward pass and before anything touches ``.grad``, `measure_updates` after the optimizer.

    Args:
        model: A converted model; layers are those with a weight.
    """

    def __init__(self, model: nn.Module) -> None:
        self._layers = weight_layers(model)
        self._proximal = {name for name, _ in iter_prox_layers(model)}
        self._capture: LayerCapture | None = None
        self._records: dict[str, SolveRecord] = {}
        self._before: dict[str, list[Tensor]] = {}
        self._tier: Tier = "cheap"
        self._values: dict[str, Tensor] = {}

    def begin(self, tier: Tier = "cheap") -> None:
        """Watch the coming forward and backward pass.

        Args:
            tier: "cheap", or "full" for the measures that need spectra as well.
        """
        self._tier = tier
        self._values = {}
        self._capture = LayerCapture(self._layers)

    def solved(self, name: str, record: SolveRecord) -> None:
        """Take the record of a solve; an explicit step is none."""
        if record.solver != "explicit":
            self._records[name] = record

    @torch.no_grad()
    def measure_directions(self, tau: float) -> None:
        """Measure the directions in ``.grad``; `tau` matches the explicit step to the implicit."""
        assert self._capture is not None, "begin must be called before the forward pass"
        self._capture.close()
        for name, layer in self._layers.items():
            call = self._capture.calls[name][-1]
            assert call.delta is not None
            grads = [part.grad for part in layer.parameters(recurse=False)]
            self._put("norm", name, _length([_wide(grad) for grad in grads if grad is not None]))
            self._put("dead", name, _dead_share(_wide(call.delta), layer))
            if name in self._proximal:
                measured = name, layer, call.input, call.delta, tau
                self._measure_subproblem(*measured)
                if self._tier == "full":
                    self._measure_spectrum(*measured)
            self._before[name] = [part.clone() for part in layer.parameters(recurse=False)]
        self._capture = None
        self._records.clear()

    @torch.no_grad()
    def measure_updates(self) -> None:
        """Measure how far the optimizer moved the weights."""
        for name, layer in self._layers.items():
            before = self._before.pop(name)
            size = _length(before)
            # In place: what was copied is ours, and fresh memory as large as the weights is slow.
            moved = [old.sub_(new) for new, old in zip(layer.parameters(recurse=False), before)]
            self._put("update", name, _length(moved) / size)

    def values(self) -> dict[str, float]:
        """Return column → value; waits for the device once."""
        numbers = torch.stack([value.double() for value in self._values.values()]).tolist()
        return dict(zip(self._values, numbers))

    def _measure_subproblem(
        self, name: str, layer: Layer, inputs: Tensor, delta: Tensor, tau: float
    ) -> None:
        dtype = torch.promote_types(inputs.dtype, torch.float32)
        problem, record = LayerProblem(layer, inputs, dtype), self._records.get(name)
        units = slice(None)
        if isinstance(layer, nn.Linear):
            units = some_units(delta.shape[-1], STEP_UNITS)
        request = problem.request(delta)[..., units]
        requested = request.norm()
        left, gradient = problem.explicit_step(request, tau)
        self._put("overshoot_explicit", name, left.norm() / requested)
        if record is None:
            for measure in ("cosine", "overshoot", "residual", "seconds"):
                self._put(measure, name, requested.new_tensor(math.nan))
            return
        parts = [None if part is None else part.grad for part in (layer.weight, layer.bias)]
        direction = joined(*(None if part is None else _wide(part[units]) for part in parts))
        change = problem.change(direction)
        # ⟨D, G⟩ = ⟨D, ΔᵀÃ⟩ = ⟨ÃDᵀ, Δ⟩: the gradient itself is not needed.
        inner = (change * request).sum()
        self._put("cosine", name, inner / (direction.norm() * gradient))
        self._put("overshoot", name, (request - change).norm() / requested)
        self._put("residual", name, _relative_residual(layer, record))
        self._put("seconds", name, requested.new_tensor(record.seconds))

    def _measure_spectrum(
        self, name: str, layer: Layer, inputs: Tensor, delta: Tensor, tau: float
    ) -> None:
        values, record = dict.fromkeys(FULL, math.nan), self._records.get(name)
        if record is not None:
            values["dual"] = float(record.route.startswith("dual"))
        problem = LayerProblem(layer, inputs)
        size = float(delta.double().norm())
        if len(problem.groups) == 1 and problem.size <= DENSE_LIMIT and 0 < size < math.inf:
            spectrum = problem.spectrum
            values["lambda_max"] = spectrum.lambda_max
            values["condition"] = spectrum.condition(tau)
            values["bound"] = spectrum.angle_bound(tau)
            energy = problem.components(delta).square().sum(dim=0)
            values["top_energy"] = float(energy[:TOP].sum() / delta.double().square().sum())
            if record is not None and record.solver == "cg":
                norms = problem.cg_residuals(delta, tau, min(record.steps, CG_STEPS[-1]))
                values.update(
                    {f"residual_{k}": float(norms[k - 1]) for k in CG_STEPS if k <= len(norms)}
                )
        for measure, value in values.items():
            self._put(measure, name, torch.tensor(value, dtype=torch.float64, device=delta.device))

    def _put(self, measure: str, layer: str, value: Tensor) -> None:
        self._values[f"{measure}/{layer}"] = value


def some_units(count: int, most: int) -> slice:
    """Return at most `most` of `count` units, evenly spaced; all of them where they are few."""
    if count <= most:
        return slice(None)
    stride = count // most
    return slice(0, most * stride, stride)


def _relative_residual(layer: Layer, record: SolveRecord) -> Tensor:
    """Return ``‖G − DS‖ / ‖G‖``, of some output units where there are many."""
    units = record.grad_output.shape[1]
    if isinstance(layer, nn.Conv2d) or units <= RESIDUAL_UNITS:
        return record.relative_residual
    return record.residual(some_units(units, RESIDUAL_UNITS))


def _length(parts: list[Tensor]) -> Tensor:
    """Return the length of `parts` as one vector."""
    length: Tensor = torch.stack([torch.linalg.vector_norm(part) for part in parts]).norm()
    return length


def _wide(tensor: Tensor) -> Tensor:
    """Return `tensor` in at least float32."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _dead_share(grad_output: Tensor, layer: Layer) -> Tensor:
    """Return the share of units to which no sample of the batch sends a gradient."""
    unit = 1 if isinstance(layer, nn.Conv2d) else grad_output.ndim - 1
    others = [axis for axis in range(grad_output.ndim) if axis != unit]
    return (grad_output.abs().amax(others) == 0).to(grad_output.dtype).mean()
