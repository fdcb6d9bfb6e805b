"""Drop-in layers that leave a proximal update direction in ``.grad``."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.fx import Proxy

from proxprop.autograd import (
    LayerCall,
    autocasts,
    explicit_report,
    proximal_output,
    refuse_other_derivatives,
)
from proxprop.core.conv import Convolution
from proxprop.core.gram import ConvGeometry
from proxprop.core.linear import LinearMap
from proxprop.core.running import RunningGram
from proxprop.core.solvers.precision import is_traced
from proxprop.diagnostics import Observer, TroubleMonitor
from proxprop.settings import SETTINGS, SolveSpec, check_dtype, check_settings


class LayerUse:
    """Whether a converted layer was called, and what ends the watch on its parameters."""

    def __init__(self) -> None:
        self.called = False
        self.handles: list[Any] = []

    def end(self) -> None:
        """Watch no longer."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()


class ProximalLayer(nn.Module):
    """The settings and seams that every proximal layer shares.

    Attributes:
        tau: Proximal step size, finite and > 0; may change between any two steps.
        solver: ``"exact"``, ``"cg"`` or ``"explicit"`` (plain backpropagation).
        cg_steps: CG steps per solve, ≥ 1.
        cg_rtol: Relative tolerance at which CG stops early, in [0, 1); 0 takes every step.
        gram: ``"batch"``, or ``"running"``: an average of the steps' Grams, for the exact solver
            (:mod:`proxprop.core.running`).
        decay: What a refresh keeps of the average, in [0, 1).
        refresh: Steps from one refresh to the next, ≥ 1. A step is what happens between two
            changes of the layer's parameters.
        synchronise: Whether a refresh adds up the rows of all processes where torch.distributed
            is initialised; all of them then have to run the layer equally often. Default True.
        joined: Whether a step with the batch's Gram, exact or CG, is that of the joined batch of
            all processes, which each of them gathers and solves for; all of them then have to run
            the layer equally often. Default False: each solves for its own batch.
        observer: Called with a :class:`~proxprop.diagnostics.SolveRecord` after every solve;
            belongs to the process, not to the model: never copied, pickled or saved.
        label: Name used in warnings; set by ``convert`` to the layer's path in its model.
    """

    weight: Tensor
    bias: Any
    tau: float
    solver: str
    cg_steps: int
    cg_rtol: float
    gram: str = "batch"
    decay: float = 0.7
    refresh: int = 10
    synchronise: bool = True
    joined: bool = False
    observer: Observer | None = None
    label: str = ""
    _monitor: TroubleMonitor | None = None
    _running: RunningGram | None = None
    _use: LayerUse | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTINGS:
            value = check_settings(**{**self._known_settings(), name: value})[name]
        elif name == "qconfig":
            raise NotImplementedError(
                "quantization goes by the class of torch's own layers: call revert(model) first"
            )
        super().__setattr__(name, value)

    def __prepare_scriptable__(self) -> Any:
        """Refuse torch.jit.script, whose language has no custom backward pass."""
        raise NotImplementedError(
            "a proximal step cannot be scripted by torch.jit: call revert(model) first"
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("observer", None)
        state.pop("_monitor", None)
        state.pop("_use", None)
        return state

    def extra_repr(self) -> str:
        """Torch's line, then the proximal settings."""
        text = f"{super().extra_repr()}, tau={self.tau:g}, solver={self.solver!r}"
        if self.gram == "running":
            text += f", gram='running', decay={self.decay:g}, refresh={self.refresh}"
        return text + (f", cg_steps={self.cg_steps}" if self.solver == "cg" else "")

    def _known_settings(self) -> dict[str, Any]:
        """Those that may exclude another, as far as they are set."""
        return {name: self.__dict__[name] for name in ("solver", "gram") if name in self.__dict__}

    def set_prox(self, **settings: Any) -> None:
        """Change proximal settings together, those that only go together included.

        Raises:
            TypeError: A setting has the wrong type or an unknown name.
            ValueError: A setting is out of range, or two exclude each other; nothing is changed.
        """
        checked = check_settings(**{**self._known_settings(), **settings})
        self.__dict__.update({name: checked[name] for name in settings})

    def running_state(self) -> dict[str, Any]:
        """The running Gram's average, for :meth:`load_running_state`; empty without one.

        It is offered beside ``state_dict``, so that plain checkpoints load strictly both ways.
        """
        return {} if self._running is None else self._running.state()

    def load_running_state(self, state: dict[str, Any]) -> None:
        """Continue from another layer's :meth:`running_state`.

        Raises:
            ValueError: The state is incomplete or of a layer of another shape.
        """
        running = RunningGram()
        running.load(state)
        size = self.weight[0].numel() + (self.bias is not None)
        if running.moment is not None and running.moment.shape[1] != size:
            raise ValueError(
                f"the running Gram's state must have {size} columns, got {running.moment.shape[1]}"
            )
        self._running = running if state else None

    def forward(self, input: Tensor) -> Tensor:
        """Compute the layer's output as torch's own layer does."""
        if isinstance(input, Proxy):  # traced symbolically: one node, as torch's own layers are
            tracer = input.tracer
            traced: Any = tracer.create_proxy(
                "call_module", tracer.path_of_module(self), (input,), {}
            )
            return traced
        if self._takes_implicit_step():
            refuse_other_derivatives()
            if self._use is not None:
                self._use.called = True
            if self.gram == "running":
                averaged: Tensor = self._running_forward(input)
                return averaged
            operated, operation = self._operation(input)
            call = self._call(input, operation)
            return proximal_output(operated, self.weight, self.bias, call)
        output: Tensor = super().forward(input)
        if self.observer is not None and output.requires_grad:
            operated, operation = self._operation(input.detach())
            report = explicit_report(operated, self._call(input, operation))
            output.register_hook(report)  # type: ignore[no-untyped-call]
        return output

    # Its schedule is Python's: compiled code calls it as it is.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _running_forward(self, input: Tensor) -> Tensor:
        if is_traced(input) or is_traced(self.weight):
            raise NotImplementedError(
                "gram='running' keeps an average from call to call, which torch.func transforms "
                "(vmap, grad, ...) and tensors without values cannot carry; use gram='batch' there"
            )
        if self._running is None:
            self._running = RunningGram()
        operated, operation = self._operation(input)
        if self.training:
            parameters = [p for p in (self.weight, self.bias) if p is not None and p.requires_grad]
            with torch.no_grad(), torch.autocast(input.device.type, enabled=False):
                self._running.enter(
                    operation,
                    operated.detach(),
                    parameters,
                    self.bias is not None,
                    self.decay,
                    self.refresh,
                    self.synchronise,
                )
        call = self._call(input, operation)._replace(running=self._running)
        return proximal_output(operated, self.weight, self.bias, call)

    def _operation(self, input: Tensor) -> tuple[Tensor, LinearMap | Convolution]:
        """The layer's operation, and the input with what it does not do itself done."""
        raise NotImplementedError

    def _takes_implicit_step(self) -> bool:
        if self.solver == "explicit" or not torch.is_grad_enabled():
            return False
        return self.weight.requires_grad or (self.bias is not None and self.bias.requires_grad)

    def _call(self, input: Tensor, operation: LinearMap | Convolution) -> LayerCall:
        return LayerCall(
            operation,
            SolveSpec(self.tau, self.solver, self.cg_steps, self.cg_rtol),
            self.weight.requires_grad,
            self.bias is not None and self.bias.requires_grad,
            _autocast_dtype(input),
            self._polled_monitor(input),
            self.observer,
            joined=self.joined and self.gram == "batch",
        )

    def _polled_monitor(self, input: Tensor) -> TroubleMonitor | None:
        if is_traced(input) or is_traced(self.weight):
            return None
        if self._monitor is None:
            self._monitor = TroubleMonitor(self.label or f"{type(self).__name__} without a name")
        self._monitor.poll()
        return self._monitor


def _autocast_dtype(input: Tensor) -> torch.dtype | None:
    device = input.device.type
    return torch.get_autocast_dtype(device) if autocasts(device) else None


class ProxPropLinear(ProximalLayer, nn.Linear):
    r"""``nn.Linear`` whose weights take an implicit step.

    Backward leaves ``D = G (ÃᵀÃ + I/τ)⁻¹`` in ``.grad`` (Frerix et al. 2018, Alg. 2): G is the
    gradient, Ã the layer's input rows with a ones column for the bias. Any optimizer uses D in
    place of a gradient. The gradient handed to the layer below is the ordinary one.

    Args:
        in_features: d_in ≥ 0.
        out_features: d_out ≥ 0.
        bias: Whether the layer has a bias; default True.
        device: As in torch.
        dtype: As in torch.
        tau: Proximal step size, finite and > 0; default 0.05.
        solver: ``"exact"`` (default), ``"cg"`` or ``"explicit"``.
        cg_steps: CG steps, ≥ 1; default 3.
        cg_rtol: Relative tolerance of CG in [0, 1); default 0 (every step is taken).
        gram: ``"batch"`` (default), or ``"running"`` for an average of the steps' Grams.
        decay: What a refresh keeps of the running Gram, in [0, 1); default 0.7.
        refresh: Steps between refreshes of the running Gram, ≥ 1; default 10.

    Shape:
        (\*, d_in) → (\*, d_out); every leading position counts as one row of A.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range.

    Note:
        The loss is a batch mean but ÃᵀÃ is a sum over rows, as in the paper: the effective
        strength of τ grows with the batch.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        tau: float = 0.05,
        solver: str = "exact",
        cg_steps: int = 3,
        cg_rtol: float = 0.0,
        gram: str = "batch",
        decay: float = 0.7,
        refresh: int = 10,
    ) -> None:
        settings: dict[str, Any] = {
            "tau": tau,
            "solver": solver,
            "cg_steps": cg_steps,
            "cg_rtol": cg_rtol,
            "gram": gram,
            "decay": decay,
            "refresh": refresh,
        }
        check_settings(**settings)
        check_dtype(dtype)
        super().__init__(in_features, out_features, bias, device, dtype)
        self.set_prox(**settings)

    def _operation(self, input: Tensor) -> tuple[Tensor, LinearMap]:
        dense = input if input.layout is torch.strided else input.to_dense()
        return dense, LinearMap()


class ProxPropConv2d(ProximalLayer, nn.Conv2d):
    r"""``nn.Conv2d`` whose kernels take an implicit step.

    Backward leaves ``D = G (ÃᵀÃ + I/τ)⁻¹`` in ``.grad`` (Frerix et al. 2018, Alg. 2): G is the
    gradient, the rows of Ã are the patches of the batch with a ones column for the bias. Each
    group of channels has a system of its own. The Gram ÃᵀÃ is exact and found without unfolding
    the batch (:mod:`proxprop.core.gram`).

    Args:
        in_channels: C ≥ 1.
        out_channels: m ≥ 1.
        kernel_size: k or (k_h, k_w).
        stride: As in torch; default 1.
        padding: Number, pair, ``"same"`` or ``"valid"``; default 0.
        dilation: As in torch; default 1.
        groups: As in torch; default 1.
        bias: Whether the layer has a bias; default True.
        padding_mode: As in torch; default ``"zeros"``.
        device: As in torch.
        dtype: As in torch; real.
        tau: Proximal step size, finite and > 0; default 0.05.
        solver: ``"exact"`` (default), ``"cg"`` or ``"explicit"``.
        cg_steps: CG steps per output channel, ≥ 1; default 3.
        cg_rtol: Relative tolerance of CG in [0, 1); default 0 (every step is taken).
        gram: ``"batch"`` (default), or ``"running"`` for an average of the steps' Grams.
        decay: What a refresh keeps of the running Gram, in [0, 1); default 0.7.
        refresh: Steps between refreshes of the running Gram, ≥ 1; default 10.

    Shape:
        (N, C, H, W) → (N, m, H_out, W_out), or the same without N.

    Raises:
        TypeError: A setting has the wrong type.
        ValueError: A setting is out of range.
        NotImplementedError: ``dtype`` is complex.

    Note:
        The loss is a batch mean but ÃᵀÃ is a sum over all N · H_out · W_out patches: the
        effective strength of τ grows with the batch and with the image.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        tau: float = 0.05,
        solver: str = "exact",
        cg_steps: int = 3,
        cg_rtol: float = 0.0,
        gram: str = "batch",
        decay: float = 0.7,
        refresh: int = 10,
    ) -> None:
        settings: dict[str, Any] = {
            "tau": tau,
            "solver": solver,
            "cg_steps": cg_steps,
            "cg_rtol": cg_rtol,
            "gram": gram,
            "decay": decay,
            "refresh": refresh,
        }
        check_settings(**settings)
        check_dtype(dtype)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.set_prox(**settings)

    @property
    def geometry(self) -> ConvGeometry:
        """Which pixels the layer's patches read."""
        return ConvGeometry.resolve(
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            self.padding_mode,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Convolve the input, a batch or a single image."""
        if not isinstance(input, Proxy) and input.dim() == 3:
            return super().forward(input.unsqueeze(0)).squeeze(0)
        return super().forward(input)

    def _operation(self, input: Tensor) -> tuple[Tensor, Convolution]:
        geometry = self.geometry
        if geometry.needs_explicit_padding:
            return geometry.pad(input), Convolution(geometry.without_padding())
        return input, Convolution(geometry)
