"""The exact step of drawn convolutions against a dense least-squares fit, float64."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from proxprop import ProxPropConv2d
from tests.core.gram.cases import images
from tests.reference import augmented, exact_direction, output_rows, patch_columns, relative_error


def pair(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[str, Any], Tensor]:
    """Anything ``nn.Conv2d`` takes on an image it fits, and a batch of such images."""
    kernel, dilation, stride = draw(pair(1, 7)), draw(pair(1, 3)), draw(pair(1, 3))
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    padding: Any = draw(
        st.one_of(st.sampled_from(["same", "valid"]), pair(0, 4), st.integers(0, 3))
    )
    if padding == "same":
        stride = (1, 1)  # torch refuses any other
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    if padding == "same":
        margins = [(r - 1) // 2 for r in reach]
        widest = [r - 1 - m for r, m in zip(reach, margins)]
    else:
        amounts = {"valid": (0, 0)}.get(padding, padding) if isinstance(padding, str) else padding
        margins = list(amounts) if isinstance(amounts, tuple) else [amounts] * 2
        widest = margins
    # Positions exist, and reflection (by less than the image) and wrapping (at most it) can be.
    fits = [max(1, r - 2 * m, w + 1) for r, m, w in zip(reach, margins, widest)]
    height, width = (draw(st.integers(low, low + 6)) for low in fits)
    groups, channels = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    options = {
        "in_channels": groups * channels,
        "out_channels": groups * draw(st.integers(1, 3)),
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "bias": draw(st.booleans()),
        "padding_mode": mode,
    }
    samples = draw(st.sampled_from([1, 2, 7]))
    return options, images(samples, height, width, groups * channels)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(problems(), st.floats(-3, 0))
def test_any_convolution_takes_the_exact_step(
    drawn: tuple[dict[str, Any], Tensor], log_tau: float
) -> None:
    options, x = drawn
    torch.manual_seed(0)
    layer = ProxPropConv2d(**options, dtype=torch.float64, tau=10**log_tau)
    output = layer(x)
    plain = nn.Conv2d(**options, dtype=torch.float64)
    plain.load_state_dict(layer.state_dict())
    assert relative_error(output, plain(x)) < 1e-13
    delta = torch.randn_like(output)
    output.backward(delta)
    parts = [p.grad for p in layer.parameters() if p.grad is not None]
    found = torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)
    expected = torch.cat(
        [
            exact_direction(augmented(columns, True, layer.bias is not None), rows, layer.tau)
            for columns, rows in zip(patch_columns(layer, x), output_rows(delta, layer.groups))
        ]
    )
    assert relative_error(found, expected) < 1e-9
