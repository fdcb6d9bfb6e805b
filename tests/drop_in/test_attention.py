"""Modules that read a layer's weight without calling it stay as they are, and are reported."""

import torch
from torch import nn

from proxprop import ProxPropLinear, convert


def test_multihead_attention_is_untouched_and_reported():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    model = nn.ModuleDict(
        {"attention": attention, "hidden": nn.Linear(8, 8), "head": nn.Linear(8, 2)}
    )
    inner = type(attention.out_proj)
    report = convert(model)
    assert report.converted == ["hidden"]
    assert type(attention.out_proj) is inner
    reasons = dict(report.skipped)
    assert reasons["attention.out_proj"] == (
        "nn.MultiheadAttention reads its weight without calling it"
    )
    assert "no implicit step" in reasons["attention"]


def test_a_plain_linear_inside_attention_is_left_alone_too():
    # Code that replaces out_proj by an ordinary layer meets the same functional call.
    model = nn.Sequential(nn.MultiheadAttention(8, 2))
    model[0].out_proj = nn.Linear(8, 8)
    report = convert(model, skip_last=False)
    assert report.converted == []
    assert type(model[0].out_proj) is nn.Linear


def test_gradients_inside_attention_are_the_plain_ones():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).double()
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(24, 2)).double()
    inputs = torch.randn(4, 3, 8, dtype=torch.float64)
    model(inputs).square().mean().backward()
    names = ["0.self_attn.in_proj_weight", "0.self_attn.out_proj.weight", "0.norm1.weight"]
    plain = {name: model.get_parameter(name).grad.clone() for name in names}
    convert(model)
    assert isinstance(layer.linear1, ProxPropLinear)
    model.zero_grad()
    model(inputs).square().mean().backward()
    for name, gradient in plain.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient)
