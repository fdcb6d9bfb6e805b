"""How a proximal system is solved, and in which arithmetic."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch._C import _functorch


class SolveSpec(NamedTuple):
    """How a layer's proximal system is solved.

    Attributes:
        tau: Proximal step size, > 0.
        solver: ``"exact"`` or ``"cg"``.
        cg_steps: CG steps, ≥ 1.
        cg_rtol: A unit stops once its residual is below this fraction of its gradient; 0 never.
    """

    tau: float
    solver: str
    cg_steps: int
    cg_rtol: float

    @property
    def damping(self) -> float:
        """1/τ, what is added to the Gram's diagonal."""
        return 1.0 / self.tau


def compute_dtype(*tensors: Tensor) -> torch.dtype:
    """At least float32: float64 if any tensor is float64 (bfloat16 and float16 are lifted)."""
    if any(tensor.dtype == torch.float64 for tensor in tensors):
        return torch.float64
    return torch.float32


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _matmul_precision() -> str:
    """Torch's setting, which torch.compile cannot read by itself; fixed when code is compiled."""
    precision: str = torch.get_float32_matmul_precision()
    return precision


def gram_dtype(dtype: torch.dtype) -> torch.dtype:
    """float64 where float32 products are rounded to TF32 or bfloat16, else ``dtype``.

    Such a Gram is not even positive semidefinite to the accuracy that 1/τ needs.
    """
    if dtype == torch.float32 and _matmul_precision() != "highest":
        return torch.float64
    return dtype


def is_traced(tensor: Tensor) -> bool:
    """Whether code runs under torch.compile or a torch.func transform (vmap, grad, ...)."""
    return torch.compiler.is_compiling() or _functorch.is_functorch_wrapped_tensor(tensor)


def host_can_read(tensor: Tensor) -> bool:
    """Whether a value may steer Python code: it lies on the host and nothing traces the code.

    Reading a value from an accelerator waits for the device and breaks CUDA graphs; there the
    same decisions are taken without branches.
    """
    return tensor.device.type == "cpu" and not is_traced(tensor)
