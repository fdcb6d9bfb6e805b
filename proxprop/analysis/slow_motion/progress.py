"""How much of the work is behind a stage, counted in products of a layer's inputs and weights."""

from __future__ import annotations

from torch import Tensor

from proxprop.penalty import PenaltyNetwork, Stage, StageKind

# Products of the size of one forward pass through the layer, as the sweeps carry them out.
PRODUCTS = {
    StageKind.FORWARD_Z: 1.0,
    StageKind.Z_HALF: 0.0,
    StageKind.A_HALF: 6.0,
    StageKind.THETA_EXPLICIT: 6.0,
    StageKind.CG_ITERATION: 5.0,
    StageKind.THETA_IMPLICIT: 1.0,
}
EXACT = 12.0  # a dense solve; larger for wide layers and small batches, where it is fast anyway


class StageProgress:
    """Turns stages into the fraction done.

    Args:
        network: The model as φ and σ.
        first: a_0, of which one sample is enough.
        cg_steps: Iterations of CG; None for the exact solve.
        last: Whether the last layer takes an implicit step, too.
    """

    def __init__(
        self, network: PenaltyNetwork, first: Tensor, cg_steps: int | None, last: bool
    ) -> None:
        self._sizes = sizes(network, first)
        self._exact = cg_steps is None
        self._done = 0.0
        self._total = sum(
            self._products(kind) * size * (cg_steps or 0 if kind is StageKind.CG_ITERATION else 1)
            for index, size in self._sizes.items()
            for kind in _kinds(index, network.depth, last)
        )

    def __call__(self, stage: Stage) -> float:
        """Return the fraction done after a stage, at most 1."""
        # A request a_l is computed from layer l + 1.
        layer = stage.layer + (stage.kind is StageKind.A_HALF)
        self._done += self._products(stage.kind) * self._sizes[layer]
        return min(1.0, self._done / self._total)

    def _products(self, kind: StageKind) -> float:
        if kind is StageKind.THETA_IMPLICIT and self._exact:
            return EXACT
        return PRODUCTS.get(kind, 0.0)


def sizes(network: PenaltyNetwork, first: Tensor) -> dict[int, float]:
    """Return the multiplications of one sample's forward pass through each layer."""
    counts, a = {}, first[:1]
    for layer in network.affine:
        theta = layer.theta()
        z = layer(theta, a)
        counts[layer.index] = float(z.numel() * theta.shape[1])
        if layer.index < network.depth:
            a = network.sigma(layer.index, z)
    return counts


def _kinds(layer: int, depth: int, last: bool) -> list[StageKind]:
    """Return the kinds of stages that a layer's weights take part in."""
    kinds = [StageKind.THETA_EXPLICIT]
    if layer > 1:
        kinds.append(StageKind.A_HALF)
    if layer < depth:
        kinds.append(StageKind.FORWARD_Z)
    if layer < depth or last:
        kinds += [StageKind.CG_ITERATION, StageKind.THETA_IMPLICIT]
    return kinds
