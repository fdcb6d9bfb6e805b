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

Where a layer keeps a running Gram, its N̄·M stands in place of ÃᵀÃ in S, λ_max, condition, bound
and residual; energies and overshoots remain those of the batch's own subproblem.

With a probe batch, the columns of `proxprop.analysis.activations` join them. NaN stands where the
current solver gives no meaning: an explicit step solves nothing. Overshoot speaks of the layer's
own subproblem, to move Z towards Z − ηΔ: what is left of the requested change after the weight
step, relative to what was requested. It does not speak of training as a whole. Of a linear layer
wider than 1,024 units, cosine and overshoots are those of 1,024 units evenly spaced (and the
residual of 128): each unit is a problem of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from proxprop.analysis.activations import ActivationProbe, lengths
from proxprop.analysis.capture import Layer, LayerCall, LayerCapture
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.rows import joined
from proxprop.analysis.running import running_gram, running_residual, running_spectrum
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


class _Solved(NamedTuple):
    """An implicit step of one layer."""

    direction: Tensor
    inner: Tensor  # ⟨D, G⟩
    left: Tensor
    residual: Tensor
    seconds: float


class _Subproblem(NamedTuple):
    """What a layer is asked for, and what both steps leave of it."""

    name: str
    request: Tensor
    left: Tensor  # by the matched explicit step
    gradient: Tensor | None  # ‖G‖, of who solves
    solved: _Solved | None


class LayerRecorder:
    """Measures every layer during one training step, without changing a number in it.

    Call `begin` before the forward pass, `solved` for every solve, `measure_directions` after the
    backward pass and before anything touches ``.grad``, `measure_updates` after the optimizer.

    Args:
        model: A converted model; layers are those with a weight.
        probe: Follows a fixed batch's activations through the step; None to leave that out.
    """

    def __init__(self, model: nn.Module, probe: ActivationProbe | None = None) -> None:
        self.probe = probe
        self._layers = weight_layers(model)
        self._proximal = dict(iter_prox_layers(model))
        self._capture: LayerCapture | None = None
        self._records: dict[str, SolveRecord] = {}
        self._before: dict[str, list[Tensor]] = {}
        self._tier: Tier = "cheap"
        self._columns: list[tuple[list[str], Tensor]] = []  # one vector for many columns
        self._known: dict[str, float] = {}  # what no device has to be waited for

    def begin(
        self, tier: Tier = "cheap", step_size: Callable[[Tensor], float] | None = None
    ) -> None:
        """Watch the coming forward and backward pass.

        Args:
            tier: "cheap", or "full" for the measures that need spectra as well.
            step_size: η in force for a parameter, which a probe needs; default 1.
        """
        self._tier = tier
        self._columns, self._known = [], {}
        if self.probe is not None:
            self.probe.begin(step_size or (lambda parameter: 1.0))
        self._capture = LayerCapture(self._layers)

    def solved(self, name: str, record: SolveRecord) -> None:
        """Take the record of a solve; an explicit step is none."""
        if record.solver != "explicit":
            self._records[name] = record

    @torch.inference_mode()
    def measure_directions(self, tau: float) -> None:
        """Measure the directions in ``.grad``; `tau` matches the explicit step to the implicit."""
        assert self._capture is not None, "begin must be called before the forward pass"
        self._capture.close()
        # A layer that the model has not called, or that the loss does not depend on, has none.
        made = self._capture.calls
        calls = {name: made[name][-1] for name in self._layers if name in made}
        calls = {name: call for name, call in calls.items() if call.delta is not None}
        grads, dead, problems = [], [], []
        for name, call in calls.items():
            layer, delta = self._layers[name], call.delta
            assert delta is not None
            parameters = _parameters(layer)
            parts = [part.grad for part in parameters]
            grads.append([_wide(part) for part in parts if part is not None])
            dead.append(_dead_share(delta, layer))
            self._before[name] = [part.clone() for part in parameters]
            if name in self._proximal:
                problems.append(self._subproblem(name, call, tau, len(made[name]) == 1))
        self._put("norm", calls, lengths(grads))
        self._put("dead", calls, torch.stack(dead))
        self._measure_subproblems(problems)
        if self._tier == "full":
            for name in self._proximal.keys() & calls.keys():
                self._measure_spectrum(name, self._layers[name], calls[name], tau)
        self._capture = None
        self._records.clear()

    @torch.inference_mode()
    def measure_updates(self) -> None:
        """Measure how far the optimizer moved the weights, and with them the probe."""
        sizes = lengths(list(self._before.values()))
        before = [part for parts in self._before.values() for part in parts]
        after = [part for name in self._before for part in _parameters(self._layers[name])]
        if before:
            # In place: what was copied is ours, and fresh memory as large as the weights is slow.
            torch._foreach_sub_(before, after)
        moved, self._before = self._before, {}
        self._put("update", moved, lengths(list(moved.values())) / sizes)
        if self.probe is not None:
            self._columns.append(self.probe.measure(moved))

    def values(self) -> dict[str, float]:
        """Return column → value, by name; waits for the device once."""
        columns = [column for names, _ in self._columns for column in names]
        numbers = torch.cat([values for _, values in self._columns]).double()
        return dict(sorted((self._known | dict(zip(columns, numbers.tolist()))).items()))

    def _subproblem(self, name: str, call: LayerCall, tau: float, alone: bool) -> _Subproblem:
        """Return a layer's problem; `alone` if this is its only call."""
        assert call.delta is not None
        layer, delta, record = self._layers[name], call.delta, self._records.get(name)
        dtype = torch.promote_types(call.input.dtype, torch.float32)
        problem, units = LayerProblem(layer, call.input, dtype), slice(None)
        if isinstance(layer, nn.Linear):
            units = some_units(delta.shape[-1], STEP_UNITS)
        request = problem.request(delta)[..., units]
        beside = self.probe.problem(name, dtype) if self.probe else None
        parts = [None if part is None else part.grad for part in (layer.weight, layer.bias)]
        direction = joined(*(None if part is None else _wide(part[units]) for part in parts))
        explicit = self._proximal[name].solver == "explicit"
        known = direction if explicit and alone else None  # the gradient itself
        left, gradient, moved = problem.explicit_step(request, tau, beside, known)
        if self.probe and beside and moved is not None:
            self.probe.match(name, beside, moved, units)
        if record is None:
            return _Subproblem(name, request, left, gradient, None)
        change = problem.change(direction)
        # ⟨D, G⟩ = ⟨D, ΔᵀÃ⟩ = ⟨ÃDᵀ, Δ⟩: the gradient itself is not needed.
        inner = (change * request).sum()
        residual = _relative_residual(layer, record)
        solved = _Solved(direction, inner, request - change, residual, record.seconds)
        return _Subproblem(name, request, left, gradient, solved)

    def _measure_subproblems(self, problems: list[_Subproblem]) -> None:
        """Put down what the layers' own problems say, all layers of a measure in few operations."""
        if not problems:
            return
        explicit = [part for problem in problems for part in (problem.request, problem.left)]
        requested, left = lengths([[part] for part in explicit]).view(-1, 2).T
        self._put("overshoot_explicit", [problem.name for problem in problems], left / requested)
        for problem in problems:
            if problem.solved is None:
                unknown = ("cosine", "overshoot", "residual", "seconds")
                self._known |= {f"{measure}/{problem.name}": math.nan for measure in unknown}
            else:
                self._known[f"seconds/{problem.name}"] = problem.solved.seconds
        chosen = [at for at, problem in enumerate(problems) if problem.solved]
        solved = [problem.solved for problem in problems if problem.solved]
        if not solved:
            return
        names = [problems[at].name for at in chosen]
        implicit = [part for each in solved for part in (each.direction, each.left)]
        size, left = lengths([[part] for part in implicit]).view(-1, 2).T
        sizes = [problems[at].gradient for at in chosen]
        gradient = torch.stack([each for each in sizes if each is not None])
        inner = torch.stack([each.inner for each in solved])
        self._put("cosine", names, inner / (size * gradient))
        self._put("overshoot", names, left / requested[chosen])
        self._put("residual", names, torch.stack([each.residual for each in solved]))

    def _measure_spectrum(self, name: str, layer: Layer, call: LayerCall, tau: float) -> None:
        inputs, delta = call.input, call.delta
        assert delta is not None
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
            if record is not None and record.route == "running":
                gram = running_gram(layer)
                assert gram is not None
                values.update(running_spectrum(gram, tau))
            energy = problem.components(delta).square().sum(dim=0)
            values["top_energy"] = float(energy[:TOP].sum() / delta.double().square().sum())
            if record is not None and record.solver == "cg":
                norms = problem.cg_residuals(delta, tau, min(record.steps, CG_STEPS[-1]))
                values.update(
                    {f"residual_{k}": float(norms[k - 1]) for k in CG_STEPS if k <= len(norms)}
                )
        self._known |= {f"{measure}/{name}": value for measure, value in values.items()}

    def _put(self, measure: str, layers: Iterable[str], values: Tensor) -> None:
        self._columns.append(([f"{measure}/{layer}" for layer in layers], values))


def _parameters(layer: Layer) -> list[Tensor]:
    return [layer.weight] if layer.bias is None else [layer.weight, layer.bias]


def some_units(count: int, most: int) -> slice:
    """Return at most `most` of `count` units, evenly spaced; all of them where they are few."""
    if count <= most:
        return slice(None)
    stride = count // most
    return slice(0, most * stride, stride)


def _relative_residual(layer: Layer, record: SolveRecord) -> Tensor:
    """Return ``‖G − DS‖ / ‖G‖``, of some output units where there are many."""
    chosen = slice(None)
    if isinstance(layer, nn.Linear):
        chosen = some_units(record.grad_output.shape[1], RESIDUAL_UNITS)
    gram = running_gram(layer) if record.route == "running" else None
    return record.residual(chosen) if gram is None else running_residual(gram, record, chosen)


def _wide(tensor: Tensor) -> Tensor:
    """Return `tensor` in at least float32."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _dead_share(grad_output: Tensor, layer: Layer) -> Tensor:
    """Return the share of units to which no sample of the batch sends a gradient."""
    unit = 1 if isinstance(layer, nn.Conv2d) else grad_output.ndim - 1
    others = [axis for axis in range(grad_output.ndim) if axis != unit]
    largest = grad_output.abs().amax(others)
    return 1 - largest.count_nonzero().to(largest) / len(largest)
