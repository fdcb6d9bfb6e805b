"""In which arithmetic a system is solved, and what may steer the choice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._C import _functorch
from torch._subclasses.fake_tensor import FakeTensor


def compute_dtype(*tensors: Tensor) -> torch.dtype:
    """At least float32: float64 if any tensor is float64 (bfloat16 and float16 are lifted)."""
    if any(tensor.dtype == torch.float64 for tensor in tensors):
        return torch.float64
    return torch.float32


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _rounds_products(device: str) -> bool:
    """Whether float32 products are rounded to TF32 or bfloat16; fixed when code is compiled.

    Each back end is asked by its own name: torch.get_float32_matmul_precision() is an error in a
    program that has set one of them.
    """
    if device == "cuda":
        precision = torch.backends.cuda.matmul.fp32_precision
    elif device == "cpu":
        precision = torch.backends.mkldnn.matmul.fp32_precision  # type: ignore[attr-defined]
    else:
        return False
    return precision in ("tf32", "bf16")


def gram_dtype(tensor: Tensor) -> torch.dtype:
    """float64 where float32 products are rounded to TF32 or bfloat16, else the tensor's dtype.

    Such a Gram is not even positive semidefinite to the accuracy that 1/τ needs.
    """
    if tensor.dtype == torch.float32 and _rounds_products(tensor.device.type):
        return torch.float64
    return tensor.dtype


def is_traced(tensor: Tensor) -> bool:
    """Whether a tensor has no values to read: torch.compile, torch.func, fake and meta tensors."""
    return (
        torch.compiler.is_compiling()
        or _functorch.is_functorch_wrapped_tensor(tensor)
        or tensor.is_meta
        or isinstance(tensor, FakeTensor)
    )


def transforms_active() -> bool:
    """Whether code runs inside a torch.func transform, whatever tensors it touches."""
    return torch._C._are_functorch_transforms_active()


def host_can_read(tensor: Tensor) -> bool:
    """Whether a value may steer Python code: it lies on the host and nothing traces the code.

    Reading a value from an accelerator waits for the device and breaks CUDA graphs; there the
    same decisions are taken without branches.
    """
    return tensor.device.type == "cpu" and not is_traced(tensor)
