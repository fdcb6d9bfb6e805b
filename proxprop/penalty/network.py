"""A sequential model read as the paper writes it: affine maps φ, transfer functions σ between.

Layers are numbered from 1 as in the paper: ``z_l = φ(θ_l, a_{l-1})``, ``a_l = σ_l(z_l)``, ``a_0``
the input. Weight and bias are one matrix ``Θ = [W b]`` and every layer input is a matrix of rows
``Ã = [A 1]`` (patches for a convolution), so that φ is the single product ``Ã Θᵀ``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

from proxprop.penalty.recall import Recall, Recalls


class Affine:
    """One affine layer as the map ``φ(Θ, a) = Ã Θᵀ``, detached from the module it was read from.

    Args:
        index: The layer's number, from 1.
        name: Qualified name of the module in its model.
        module: An ``nn.Linear`` or ``nn.Conv2d`` (``groups=1``), or a subclass of one.
        recalls: Memory shared by the layers of a network; default one of its own.

    Raises:
        NotImplementedError: The module is neither, or a grouped convolution.
    """

    def __init__(
        self, index: int, name: str, module: nn.Module, recalls: Recalls | None = None
    ) -> None:
        if not isinstance(module, nn.Linear | nn.Conv2d):
            raise NotImplementedError(f"layer {name!r} must be Linear or Conv2d, got {module!r}")
        if isinstance(module, nn.Conv2d) and module.groups != 1:
            raise NotImplementedError(
                f"layer {name!r}: groups must be 1 for the penalty view, got {module.groups}"
            )
        self.index = index
        self.name = name
        self.module = module
        self.has_bias = module.bias is not None
        self.columns = module.weight[0].numel()
        self._recalls = recalls or Recalls()
        self._theta = Recall(kept=1)

    def theta(self) -> Tensor:
        """Return a detached copy of ``Θ = [W b]``. Shape: (m, d) or (m, d + 1) with a bias.

        The same tensor again while the module's weights stay as they are; not to be written to.
        """
        parts = self.module.weight, self.module.bias
        given = [part.detach() for part in parts if part is not None]
        return self._theta("theta", self._joined, *given)

    def _joined(self, *parts: Tensor) -> Tensor:
        weight = parts[0].reshape(len(parts[0]), -1)
        return torch.cat([weight, *(bias[:, None] for bias in parts[1:])], dim=1)

    def free_columns(self) -> Tensor:
        """Return the mask of the columns of Θ that train; frozen parameters keep their value."""
        free = [self.module.weight.requires_grad] * self.columns
        if self.module.bias is not None:
            free.append(self.module.bias.requires_grad)
        return torch.tensor(free, device=self.module.weight.device)

    def parameters(self, theta: Tensor) -> dict[str, Tensor]:
        """Split Θ into the module's parameters, keyed by their qualified names."""
        prefix = f"{self.name}." if self.name else ""
        parts = {f"{prefix}weight": theta[:, : self.columns].reshape(self.module.weight.shape)}
        if self.has_bias:
            parts[f"{prefix}bias"] = theta[:, -1]
        return {name: part.clone() for name, part in parts.items()}

    def rows(self, a: Tensor) -> Tensor:
        """Return Ã, the layer's input as rows: samples, or patches for a convolution."""
        return self._recalls.rows(self.index, self._laid_out, a)

    def _laid_out(self, a: Tensor) -> Tensor:
        if isinstance(self.module, nn.Conv2d):
            matrix = self._patches(a).transpose(1, 2).reshape(-1, self.columns)
        else:
            matrix = a.reshape(-1, self.columns)
        if not self.has_bias:
            return matrix
        return torch.cat([matrix, matrix.new_ones(len(matrix), 1)], dim=1)

    def __call__(self, theta: Tensor, a: Tensor) -> Tensor:
        """Return ``z = φ(Θ, a)`` in the shape the module itself would give it."""
        return self._recalls.values((self.index, "phi"), self._applied, theta, a)

    def _applied(self, theta: Tensor, a: Tensor) -> Tensor:
        if not isinstance(self.module, nn.Conv2d):
            return (self.rows(a) @ theta.T).reshape(*a.shape[:-1], len(theta))
        # Θ times the patches of each sample, where they lie: as rows they would be copied twice.
        kernels = theta[:, : self.columns].expand(len(a), -1, -1)
        z = torch.bmm(kernels, self._patches(a))
        if self.has_bias:
            z = z + theta[:, -1:]
        return z.reshape(len(a), len(theta), *self._positions(a))

    def _patches(self, a: Tensor) -> Tensor:
        """Return a convolution's patches, sample by sample. Shape: (N, d, positions)."""
        return self._recalls.patches(self.index, self._unfolded, a)

    def _unfolded(self, a: Tensor) -> Tensor:
        conv = self.module
        assert isinstance(conv, nn.Conv2d)
        return F.unfold(
            self._padded(a), conv.kernel_size, dilation=conv.dilation, stride=conv.stride
        )

    def _positions(self, a: Tensor) -> tuple[int, ...]:
        """Return height and width of a convolution's output."""
        conv = self.module
        assert isinstance(conv, nn.Conv2d)
        sides = zip(self._padded(a).shape[-2:], conv.kernel_size, conv.dilation, conv.stride)
        return tuple(
            (size - dilation * (k - 1) - 1) // step + 1 for size, k, dilation, step in sides
        )

    def as_rows(self, z: Tensor) -> Tensor:
        """Return a tensor of z's shape as the matrix whose rows belong to those of Ã."""
        if isinstance(self.module, nn.Conv2d):
            return z.flatten(2).transpose(1, 2).reshape(-1, z.shape[1])
        return z.reshape(-1, z.shape[-1])

    def _padded(self, a: Tensor) -> Tensor:
        conv = self.module
        assert isinstance(conv, nn.Conv2d)
        if conv.padding == "valid":
            return a
        edges: list[int] = []
        for axis in (1, 0):  # F.pad counts from the last dimension
            if conv.padding == "same":
                total = conv.dilation[axis] * (conv.kernel_size[axis] - 1)
                edges += [total // 2, total - total // 2]
            else:
                edges += [int(conv.padding[axis])] * 2
        mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
        return F.pad(a, edges, mode=mode) if any(edges) else a


@dataclass(frozen=True)
class PenaltyNetwork:
    """A sequential model as φ and σ; layers are numbered from 1 to ``depth`` (the paper's L − 1).

    Attributes:
        affine: The affine layers, top one last.
        prefix: Modules before the first affine layer; they prepare the input ``a_0``.
        transfer: For each hidden layer, the modules that make up σ_l (activation, pooling, …).
        suffix: Modules after the last affine layer; they count as part of the loss.
    """

    affine: tuple[Affine, ...]
    prefix: tuple[nn.Module, ...]
    transfer: tuple[tuple[nn.Module, ...], ...]
    suffix: tuple[nn.Module, ...]
    recalls: Recalls = field(default_factory=Recalls, repr=False, compare=False)

    @property
    def depth(self) -> int:
        """The number of affine layers."""
        return len(self.affine)

    @classmethod
    def from_model(cls, model: nn.Module) -> "PenaltyNetwork":
        """Read a model made of (nested) ``nn.Sequential``s, or a single affine layer.

        Raises:
            TypeError: A container other than ``nn.Sequential`` is met.
            NotImplementedError: A module has parameters or buffers but is no Linear or Conv2d, is
                random in training mode, or is used twice.
            ValueError: There is no affine layer.
        """
        affine: list[Affine] = []
        gaps: list[list[nn.Module]] = [[]]
        seen: set[int] = set()
        recalls = Recalls()
        for name, module in _leaves(model):
            if isinstance(module, nn.Linear | nn.Conv2d):
                if id(module.weight) in seen:
                    raise NotImplementedError(
                        f"layer {name!r} shares its weight with an earlier one; the penalty view "
                        "needs one θ per layer"
                    )
                seen.add(id(module.weight))
                affine.append(Affine(len(affine) + 1, name, module, recalls))
                gaps.append([])
            else:
                _check_transfer(name, module)
                gaps[-1].append(module)
        if not affine:
            raise ValueError("the model must have at least one Linear or Conv2d layer, got none")
        first, *between, last = map(tuple, gaps)
        return cls(tuple(affine), first, tuple(between), last, recalls)

    def layer(self, index: int) -> Affine:
        """Return affine layer ``index`` (1 … depth)."""
        return self.affine[index - 1]

    def sigma(self, index: int, z: Tensor) -> Tensor:
        """Return ``a_l = σ_l(z_l)`` of hidden layer ``index`` (1 … depth − 1)."""
        return self.recalls.values(
            (index, "sigma"), lambda given: apply_all(self.transfer[index - 1], given), z
        )


def apply_all(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Apply modules in turn, never touching ``x`` (an in-place activation would overwrite z)."""
    if any(getattr(module, "inplace", False) for module in modules):
        x = x.clone()
    for module in modules:
        x = module(x)
    return x


def _leaves(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential):
        # Not named_children(): it passes silently over a module's second use.
        for child_name, child in zip(module._modules, module):
            yield from _leaves(child, f"{name}.{child_name}" if name else child_name)
    elif next(module.children(), None) is not None:
        raise TypeError(
            f"the model must be built of nn.Sequential for the penalty view, got "
            f"{type(module).__name__} at {name or 'the top'!r}"
        )
    else:
        yield name, module


def _check_transfer(name: str, module: nn.Module) -> None:
    if any(True for _ in module.parameters()) or any(True for _ in module.buffers()):
        raise NotImplementedError(
            f"module {name!r} ({type(module).__name__}) must have no parameters or buffers: the "
            "paper's σ is a fixed function"
        )
    random = isinstance(module, nn.RReLU | _DropoutNd)
    if random and module.training:
        raise NotImplementedError(
            f"module {name!r} ({type(module).__name__}) is random in training mode; call "
            "model.eval() first"
        )
