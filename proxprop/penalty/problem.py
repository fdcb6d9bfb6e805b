"""The penalty energy E(θ, a, z), its parts, and its terms as functions of one variable.

``E = L_y(φ(θ_n, a_{n-1})) + Σ_l γ/2 ‖σ(z_l) − a_l‖² + ρ/2 ‖φ(θ_l, a_{l-1}) − z_l‖²``, the sum over
the hidden layers l = 1 … n − 1 (the penalty energy of Frerix et al. 2018; n is their L − 1).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from proxprop.penalty.network import PenaltyNetwork, apply_all

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Energy:
    """E and its parts.

    Attributes:
        data: ``L_y(φ(θ_n, a_{n-1}))``.
        activation: ``γ/2 ‖σ(z_l) − a_l‖²`` by hidden layer.
        linear: ``ρ/2 ‖φ(θ_l, a_{l-1}) − z_l‖²`` by hidden layer.
    """

    data: float
    activation: dict[int, float]
    linear: dict[int, float]

    @property
    def penalty(self) -> float:
        """The two penalties, summed over layers."""
        return sum(self.activation.values()) + sum(self.linear.values())

    @property
    def total(self) -> float:
        """E itself."""
        return self.data + self.penalty


@dataclass
class Variables:
    """The variables of E, keyed by the paper's layer numbers.

    Attributes:
        theta: ``Θ_l = [W_l b_l]`` for l = 1 … n.
        a: ``a_l`` for l = 0 … n − 1; ``a[0]`` is the input and never moves.
        z: ``z_l`` for l = 1 … n − 1.
    """

    theta: dict[int, Tensor] = field(default_factory=dict)
    a: dict[int, Tensor] = field(default_factory=dict)
    z: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def given(cls, network: PenaltyNetwork, inputs: Tensor) -> "Variables":
        """Return θ^k and a_0 for a batch: what stands before the forward pass."""
        theta = {layer.index: layer.theta() for layer in network.affine}
        return cls(theta, {0: apply_all(network.prefix, inputs.detach())})

    def copy(self) -> "Variables":
        """Return a shallow copy: the dictionaries are new, the tensors shared."""
        return Variables(dict(self.theta), dict(self.a), dict(self.z))


@dataclass(frozen=True)
class PenaltyProblem:
    """The terms of E for one network, batch and pair of penalty weights.

    Args:
        network: The model read as φ and σ.
        loss: ``loss(output, target)``, a scalar.
        target: The batch's targets.
        rho: Weight of the linear penalty, > 0; Algorithm 1 takes 1/η.
        gamma: Weight of the activation penalty, > 0; Algorithm 1 takes 1/η.
    """

    network: PenaltyNetwork
    loss: Loss
    target: Tensor
    rho: float
    gamma: float

    def data_term(self, theta: Tensor, a: Tensor) -> Tensor:
        """``L_y(φ(θ_n, a_{n-1}))``."""
        return self.data_of_output(self.network.affine[-1](theta, a))

    def data_of_output(self, z: Tensor) -> Tensor:
        """``L_y(z_n)``; modules after the last affine layer belong to the loss."""
        return self.loss(apply_all(self.network.suffix, z), self.target)

    def activation_term(self, layer: int, z: Tensor, a: Tensor) -> Tensor:
        """``γ/2 ‖σ(z_l) − a_l‖²``."""
        return 0.5 * self.gamma * (self.network.sigma(layer, z) - a).square().sum()

    def linear_term(self, layer: int, theta: Tensor, a_below: Tensor, z: Tensor) -> Tensor:
        """``ρ/2 ‖φ(θ_l, a_{l-1}) − z_l‖²``."""
        return 0.5 * self.rho * (self.network.layer(layer)(theta, a_below) - z).square().sum()

    def energy(self, at: Variables) -> Energy:
        """Return E and its parts at the given variables."""
        top = self.network.depth
        hidden = range(1, top)
        return Energy(
            self.data_term(at.theta[top], at.a[top - 1]).item(),
            {i: self.activation_term(i, at.z[i], at.a[i]).item() for i in hidden},
            {i: self.linear_term(i, at.theta[i], at.a[i - 1], at.z[i]).item() for i in hidden},
        )
