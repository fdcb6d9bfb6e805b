"""A short memory: what was just computed from the same tensors is not computed again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from torch import Tensor

VALUES = 8  # results kept: a sweep asks again within a layer, never across several
PATCHES = 3  # the largest tensors of all: those of a_l^k and of both sweeps' requests


class Recall:
    """Remembers the latest results, keyed by a name and the tensors they were computed from.

    A sweep evaluates ``φ(θ, a)`` of the same tensors for E, for the layer's own problem and for the
    next step, and two sweeps from one state share their forward pass. Tensors count as the same if
    they are the same memory, unchanged since. What autograd has to follow is computed anew.

    Args:
        kept: How many results are kept, ≥ 1; the oldest go first.
    """

    def __init__(self, kept: int = VALUES) -> None:
        self.kept = kept
        self._results: OrderedDict[Hashable, tuple[tuple[Tensor, ...], Tensor]] = OrderedDict()

    def __call__(self, name: Hashable, compute: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """Return ``compute(*tensors)``, from memory if it is there."""
        if any(tensor.requires_grad for tensor in tensors):
            return compute(*tensors)
        key = name, tuple(map(_identity, tensors))
        if key in self._results:
            self._results.move_to_end(key)
        else:
            # The tensors are kept too: freed memory would soon be another tensor's.
            self._results[key] = tensors, compute(*tensors)
            if len(self._results) > self.kept:
                self._results.popitem(last=False)
        return self._results[key][1]


@dataclass(frozen=True)
class Recalls:
    """What the layers of one network remember together, since they are asked in turn."""

    values: Recall = field(default_factory=Recall)
    patches: Recall = field(default_factory=lambda: Recall(PATCHES))
    rows: Recall = field(default_factory=lambda: Recall(1))


def _identity(tensor: Tensor) -> tuple[object, ...]:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor._version
