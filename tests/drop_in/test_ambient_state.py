"""Backward does what the forward pass asked for, whatever global state it is called in."""

import contextlib
import copy

import pytest
import torch

from .models import MODELS, data


@contextlib.contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextlib.contextmanager
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


STATES = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "float16 autocast": lambda: torch.autocast("cpu", dtype=torch.float16),
    "no_grad": torch.no_grad,
    "inference mode": torch.inference_mode,
    "default dtype": default_dtype,
    "default device": lambda: torch.device("meta"),
    "deterministic": deterministic,
    "threads": one_thread,
}
SETTINGS = [
    {"solver": "exact"},
    {"solver": "cg", "cg_steps": 2},
    {"gram": "running"},
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("rows", [4, 60])
def test_backward_does_not_depend_on_ambient_state(kind, settings, state, rows):
    build, shape = MODELS[kind]
    # Every layer is proximal: autocast reaches into the backward pass of torch's own.
    model = build(torch.float32, skip_last=False, **settings)
    other = copy.deepcopy(model)
    inputs, _ = data(rows, *shape[1:], dtype=torch.float32)
    delta = torch.linspace(-1, 1, rows * 3).view(rows, 3)
    model(inputs).backward(delta)
    output = other(inputs)
    with STATES[state]():
        output.backward(delta)
    for ours, theirs in zip(other.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    other.zero_grad()
    other(inputs).backward(delta)  # nothing of that state stays behind for the next step


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", MODELS)
def test_backward_inside_the_autocast_block_is_backward_outside(kind, settings):
    build, shape = MODELS[kind]
    model = build(torch.float32, skip_last=False, **settings)
    other = copy.deepcopy(model)
    inputs, _ = data(*shape, dtype=torch.float32)
    delta = torch.linspace(-1, 1, 30).view(10, 3).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(inputs).backward(delta)
        output = other(inputs)
    output.backward(delta)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
