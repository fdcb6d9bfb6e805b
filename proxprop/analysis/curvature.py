"""The local step-size limits of a whole network, by Hessian-vector products.

Near a point a step ``θ ← θ − ηP∇J`` multiplies the component along an eigenvector of ``P∇²J`` by
``1 − ηλ``: it is stable while ``η < 2/λ_max(P∇²J)`` (momentum changes the 2). Plain gradient
descent has P = I; ProxProp ``P = (ÃᵀÃ + I/τ)⁻¹`` on implicit layers, with N̄·M in place of ÃᵀÃ where
they keep a running Gram, and I on explicit ones.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from proxprop.analysis.capture import Loss, layer_calls, plain_copy
from proxprop.analysis.filters import positive
from proxprop.analysis.lanczos import LanczosResult, lanczos
from proxprop.analysis.layer_problem import LayerProblem
from proxprop.analysis.momentum import limit_factor, step_limit
from proxprop.analysis.rows import joined, separated
from proxprop.analysis.running import running_gram
from proxprop.conversion import iter_prox_layers


@dataclass(frozen=True)
class NetworkLimit:
    """A local limit of training at one point and batch.

    Attributes:
        limit: Largest stable η; infinite where the curvature has no positive direction, 0 where
            explicit layers at a fixed step size of their own are unstable already.
        sharpness: ``λ_max`` of ``∇²J`` or of ``P∇²J`` (explicit blocks of P scaled as asked for).
        error: Error estimate of the sharpness (Lanczos' residual).
        products: Hessian-vector products spent.
        converged: Whether the tolerance was reached.
    """

    limit: float
    sharpness: float
    error: float
    products: int
    converged: bool


class NetworkCurvature:
    """The Hessian of J at one point on one batch, and ProxProp's preconditioner there.

    The model is copied and made plain, so a proximal model's ``.grad`` semantics do not interfere
    and nothing of the caller's changes. Random layers (dropout) keep the mask of one forward pass.

    Args:
        model: Any module; parameters with ``requires_grad`` count.
        loss: ``loss(output, target)``, a scalar, twice differentiable almost everywhere.
        inputs: The batch that J is taken on; for the limit of full-batch training, all data.
        target: Its targets.
        taus: τ of each implicit layer by qualified name. Default: the model's proximal layers at
            their own τ, those with ``solver="explicit"`` left out.
        grams: What stands in place of ÃᵀÃ in P, by layer. Default: the model's running Grams.
        rtol: Relative tolerance on the largest eigenvalue, > 0.
        max_steps: Bound on Hessian-vector products per eigenvalue.
        seed: Seed of the random start.

    Note:
        CG's direction is no fixed linear map of the gradient, so it has no limit of this kind; the
        exact step's serves as a guide and is the one computed.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        inputs: Tensor,
        target: Tensor,
        *,
        taus: Mapping[str, float] | None = None,
        grams: Mapping[str, Tensor] | None = None,
        rtol: float = 1e-3,
        max_steps: int = 100,
        seed: int = 0,
    ) -> None:
        implicit = (pair for pair in iter_prox_layers(model) if pair[1].solver != "explicit")
        self.taus = {n: layer.tau for n, layer in implicit} if taus is None else dict(taus)
        own = {name: running_gram(layer) for name, layer in iter_prox_layers(model)}
        self._grams: Mapping[str, Tensor | None] = own if grams is None else grams
        self._plain = plain_copy(model)
        self._inputs = inputs.detach()
        self._rtol, self._max_steps, self._seed = rtol, max_steps, seed
        named = [(n, p) for n, p in self._plain.named_parameters() if p.requires_grad]
        self._names = [name for name, _ in named]
        self._parameters = [parameter for _, parameter in named]
        with torch.enable_grad():
            objective = loss(self._plain(self._inputs), target)
            self._gradients = torch.autograd.grad(
                objective, self._parameters, create_graph=True, materialize_grads=True
            )
        self._problems: dict[str, LayerProblem] | None = None

    def hessian_product(self, vector: Tensor) -> Tensor:
        """Return ``∇²J v`` on all parameters that train, flattened in model order."""
        parts = self._split(vector)
        # A parameter that enters J linearly and alone has a gradient without a graph.
        outputs = [(g, v) for g, v in zip(self._gradients, parts) if g.requires_grad]
        if not outputs:
            return torch.zeros_like(vector)
        products = torch.autograd.grad(
            [g for g, _ in outputs],
            self._parameters,
            [v for _, v in outputs],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([product.reshape(-1) for product in products])

    def explicit_limit(self, momentum: float = 0.0, *, nesterov: bool = False) -> NetworkLimit:
        """Return the limit of plain gradient descent, ``2/λ_max(∇²J)`` without momentum."""
        result = self._largest(self.hessian_product)
        return _limit(result, step_limit(result.largest, momentum, nesterov=nesterov))

    def proximal_limit(
        self,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        tau: float | None = None,
        explicit_ratio: float = 1.0,
    ) -> NetworkLimit:
        """Return ProxProp's limit on η, ``2/λ_max(P∇²J)`` without momentum.

        Args:
            momentum: β in [0, 1).
            nesterov: Nesterov's variant.
            tau: One τ for all implicit layers in place of their own.
            explicit_ratio: ``explicit_lr/lr``, held fixed as η varies; default 1, as in the paper.
        """
        positive(explicit_ratio, "explicit_ratio")
        result = self._largest(self._proximal_operator(1.0, explicit_ratio, tau))
        return _limit(result, step_limit(result.largest, momentum, nesterov=nesterov))

    def proximal_limit_at(
        self,
        explicit_lr: float,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        tau: float | None = None,
    ) -> NetworkLimit:
        """Return ProxProp's limit on η while explicit layers keep a step size of their own.

        The largest η with ``λ_max(diag(ηP, explicit_lr·I) ∇²J)`` below 2 (or its momentum value);
        found by bisection, for that eigenvalue only grows with η.
        """
        factor = limit_factor(momentum, nesterov=nesterov)
        explicit = self._largest(
            self._proximal_operator(0.0, positive(explicit_lr, "explicit_lr"), tau)
        )
        if explicit.largest >= factor:
            return _limit(explicit, 0.0)
        implicit = self._largest(self._proximal_operator(1.0, 0.0, tau))
        if implicit.largest <= 0:
            return _limit(implicit, math.inf)
        # Fewer free directions mean less curvature: η cannot exceed the implicit layers' own limit.
        high = factor / implicit.largest
        low, products, at = 0.0, explicit.steps + implicit.steps, implicit
        while high - low > self._rtol * high:
            middle = (low + high) / 2
            at = self._largest(self._proximal_operator(middle, explicit_lr, tau))
            products += at.steps
            low, high = (middle, high) if at.largest < factor else (low, middle)
        eta = (low + high) / 2
        return NetworkLimit(eta, at.largest / eta, at.error / eta, products, at.converged)

    def _proximal_operator(
        self, implicit_scale: float, explicit_scale: float, tau: float | None
    ) -> Callable[[Tensor], Tensor]:
        """Return ``B ∇²J B`` with ``B = diag(√implicit_scale P^{1/2}, √explicit_scale I)``."""
        if tau is not None:
            positive(tau, "tau")
        taus = {name: own if tau is None else tau for name, own in self.taus.items()}
        problems = self._layer_problems()

        def root(vector: Tensor) -> Tensor:
            parts = dict(zip(self._names, self._split(vector)))
            scaled = {name: explicit_scale**0.5 * part for name, part in parts.items()}
            for layer, problem in problems.items():
                names = [f"{layer}.{part}".lstrip(".") for part in ("weight", "bias")]
                weight, bias = (parts.get(name) for name in names)
                image = problem.root(joined(weight, bias), taus[layer])
                for name, part in zip(names, separated(image, weight, bias)):
                    if part is not None:
                        scaled[name] = implicit_scale**0.5 * part
            return torch.cat([scaled[name].reshape(-1) for name in self._names])

        return lambda vector: root(self.hessian_product(root(vector)))

    def _layer_problems(self) -> dict[str, LayerProblem]:
        if self._problems is None:
            modules = dict(self._plain.named_modules())
            calls = layer_calls(self._plain, self._inputs)
            for name in self.taus:
                if len(calls.get(name, [])) != 1:
                    raise ValueError(
                        f"implicit layer {name!r} must be a Linear or Conv2d that runs once a "
                        f"forward pass, got {len(calls.get(name, []))} calls"
                    )
            self._problems = {
                name: LayerProblem(modules[name], calls[name][0], gram=self._grams.get(name))
                for name in self.taus
            }
        return self._problems

    def _largest(self, operator: Callable[[Tensor], Tensor]) -> LanczosResult:
        size = sum(parameter.numel() for parameter in self._parameters)
        generator = torch.Generator().manual_seed(self._seed)
        start = torch.randn(size, generator=generator, dtype=torch.float64)
        return lanczos(
            operator,
            start.to(self._parameters[0]),
            max_steps=self._max_steps,
            rtol=self._rtol,
            keep_basis=False,  # a network's vectors are large, and only the top value is asked for
        )

    def _split(self, vector: Tensor) -> list[Tensor]:
        sizes = [parameter.numel() for parameter in self._parameters]
        return [
            part.reshape(parameter.shape)
            for part, parameter in zip(torch.split(vector, sizes), self._parameters)
        ]


def _limit(result: LanczosResult, limit: float) -> NetworkLimit:
    return NetworkLimit(limit, result.largest, result.error, result.steps, result.converged)
