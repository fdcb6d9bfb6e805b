"""One forward pass on an example, to see which layers a model calls and which give its output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# What multiplies a layer's input by its weight.
_PRODUCTS = {"mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "linear", "mkldnn_linear"}
_PRODUCTS |= {"_trilinear", "convolution", "_convolution"}
_PRODUCTS |= {"mkldnn_rnn_layer", "_cudnn_rnn", "miopen_rnn"}


class Trial(NamedTuple):
    """What one forward pass did, by ids of modules.

    Attributes:
        called: Linear and convolutional layers that were called.
        read: Modules whose parameters multiplied something, called or not.
        outputs: Those of them whose output no other module's weight multiplied.
    """

    called: set[int]
    read: set[int]
    outputs: set[int]


def run_trial(model: nn.Module, example: Any, kinds: tuple[type[nn.Module], ...]) -> Trial:
    """Run a model once, leaving its mode, its buffers and the random numbers as they are.

    The mode is the model's, but normalisation uses its stored statistics, so that a batch of one
    will do; no gradient is recorded.

    Args:
        model: The model.
        example: What it takes: one argument, a tuple of them, or a dictionary of keywords.
        kinds: The classes of the layers that are asked about.
    """
    called: set[int] = set()
    flow = _Flow(model)
    layers = [module for module in model.modules() if isinstance(module, kinds)]
    handles = [
        layer.register_forward_pre_hook(lambda module, _: called.add(id(module)))
        for layer in layers
    ]
    try:
        with flow:
            run_once(model, example)
    except Exception as error:
        error.add_note("convert ran the model on example_input; nothing has been converted")
        raise
    finally:
        for handle in handles:
            handle.remove()
    return Trial(called, flow.read, flow.read - flow.consumed)


def run_once(model: nn.Module, example: Any) -> None:
    """Run a model on an example (see :func:`run_trial`) and leave it as it was."""
    arguments = example if isinstance(example, tuple) else () if _named(example) else (example,)
    keywords = example if _named(example) else {}
    buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    with _undisturbed(model):
        torch.func.functional_call(model, buffers, arguments, keywords)


def _named(example: Any) -> bool:
    return isinstance(example, dict) and all(isinstance(key, str) for key in example)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Without gradients and the fast path of attention, which calls no layers; all restored."""
    norms = [m for m in model.modules() if isinstance(m, _NormBase) and m.training]
    devices = {p.device for p in model.parameters() if p.device.type in ("cuda", "xpu")}
    kind = next(iter(devices)).type if devices else "cuda"
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        for norm in norms:
            norm.training = False
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.random.fork_rng(devices, device_type=kind), torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for norm in norms:
            norm.training = True


class _Storages:
    """Numbers for tensors: one for all that share memory, given out once."""

    def __init__(self) -> None:
        self._kept: list[Any] = []  # so that no address is used again

    def key(self, tensor: Tensor) -> int:
        """Return the number of a tensor's memory, and so of what is written into it."""
        try:
            owner: Any = tensor.untyped_storage()
            key = int(owner._cdata)
        except (NotImplementedError, RuntimeError):  # sparse, or wrapped
            owner, key = tensor, id(tensor)
        self._kept.append(owner)
        return key

    def keys(self, *trees: Any) -> list[int]:
        """Return the numbers of all tensors in what an operation takes or gives."""
        return [self.key(leaf) for leaf in tree_leaves(trees) if isinstance(leaf, Tensor)]


class Learned(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells which tensors depend on a trainable parameter, where autograd must not record."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._storages = _Storages()
        trainable = [each for each in model.parameters() if each.requires_grad]
        self._learned = set(self._storages.keys(trainable))

    def made(self, tensor: Tensor) -> bool:
        """Whether a parameter has had a part in a tensor: training wants its gradient."""
        return self._storages.key(tensor) in self._learned

    def __torch_dispatch__(
        self, func: Any, _: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation; what it makes of learned tensors is learned."""
        before = self._storages.keys(args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        if not self._learned.isdisjoint(before):
            self._learned.update(self._storages.keys(result))
        return result


class _Flow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows whose outputs a tensor carries until another module's weight multiplies them.

    Attributes:
        read: Ids of modules whose parameters multiplied something.
        consumed: Ids of those whose output was multiplied by another module's parameters.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.read: set[int] = set()
        self.consumed: set[int] = set()
        self._weights: dict[int, set[int]] = {}  # by storage: parameters, and what is made of them
        self._carried: dict[int, set[int]] = {}  # by storage: whose outputs have entered it
        self._storages = _Storages()
        for module in model.modules():
            for parameter in module.parameters(recurse=False):
                self._weights.setdefault(self._storages.key(parameter), set()).add(id(module))

    def __torch_dispatch__(
        self, func: Any, _: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and pass on what its operands carry."""
        kwargs = kwargs or {}
        keys = self._storages.keys(args, kwargs)
        result = func(*args, **kwargs)
        results = self._storages.keys(result)
        weights = set().union(*(self._weights.get(key, ()) for key in keys))
        carried = set().union(*(self._carried.get(key, ()) for key in keys))
        multiplies = func.overloadpacket.__name__ in _PRODUCTS
        if keys and not multiplies and all(key in self._weights for key in keys):
            self._weights.update((key, weights) for key in results)
            return result
        if multiplies and weights:
            self.read |= weights
            self.consumed |= carried - weights
            carried = weights
        for key in results:
            self._carried[key] = self._carried.get(key, set()) | carried
        return result
