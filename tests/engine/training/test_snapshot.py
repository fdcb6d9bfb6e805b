"""Nested state survives the way through flat tensors and JSON text."""

from __future__ import annotations

import json
import math

import pytest
import torch

from proxprop.engine.training.snapshot import flatten, unflatten

CPU = torch.device("cpu")
TREE = {
    "weights": torch.arange(6.0).view(2, 3).T,  # not contiguous
    "list": [torch.tensor(3, dtype=torch.int64), None, {"deep": torch.zeros(0)}],
    "numbers": [1, -0.0, 0.1, 1e-320, float("inf"), float("-inf"), True],
    "text": "τ",
    "empty": {},
}


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) and a.dtype == b.dtype
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and repr(a) == repr(b)


def test_what_goes_in_comes_out():
    tensors = {}
    rest = json.loads(json.dumps(flatten(TREE, "t", tensors, CPU), allow_nan=False))
    assert set(tensors) == {"t/weights", "t/list/0", "t/list/2/deep"}
    assert all(tensor.is_contiguous() for tensor in tensors.values())
    assert same(unflatten(rest, tensors, CPU), TREE)


def test_nan_survives():
    rest = flatten([math.nan], "t", {}, CPU)
    assert math.isnan(unflatten(json.loads(json.dumps(rest, allow_nan=False)), {}, CPU)[0])


def test_copies_share_no_memory_either_way():
    tree, tensors = {"w": torch.zeros(3)}, {}
    rest = flatten(tree, "t", tensors, CPU)
    tree["w"] += 1
    back = unflatten(rest, tensors, CPU)
    back["w"] += 5
    assert torch.equal(tensors["t/w"], torch.zeros(3))


def test_what_cannot_be_held_is_refused_by_name():
    with pytest.raises(TypeError, match="t/a is a set"):
        flatten({"a": {1}}, "t", {}, CPU)


def test_a_matrix_keeps_its_layout():
    by_columns = torch.arange(6.0).reshape(2, 3).t()
    tensors = {}
    rest = flatten({"w": by_columns}, "t", tensors, CPU)
    assert all(tensor.is_contiguous() for tensor in tensors.values())
    back = unflatten(json.loads(json.dumps(rest)), tensors, CPU)["w"]
    assert torch.equal(back, by_columns)
    assert back.stride() == by_columns.stride()
