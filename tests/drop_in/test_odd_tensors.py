"""What torch's own layers take, and what a proximal layer refuses with the way out."""

import copy

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from proxprop import ProxPropConv2d, ProxPropLinear, convert, revert
from proxprop.diagnostics import SolveRecord

# torch's own: of empty weights, of a young layout, of tracers and quantizers on their way out.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Initializing zero-element"),
    pytest.mark.filterwarnings("ignore:Sparse CSR"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
SETTINGS = [{"solver": "exact"}, {"solver": "cg"}, {"gram": "running"}]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("leading", [(), (4,), (2, 4)])
def test_widths_of_zero(leading, shape, bias, settings):
    layer = ProxPropLinear(*shape, bias=bias, **settings)
    input = torch.randn(*leading, shape[0], requires_grad=True)
    output = layer(input)
    assert output.shape == (*leading, shape[1])
    output.sum().backward()
    assert input.grad.shape == input.shape
    assert layer.weight.grad.shape == layer.weight.shape
    if bias:  # its column is all there is: D = ΣΔ/(N + 1/τ)
        rows = input.shape[:-1].numel()
        expected = torch.full_like(layer.bias, rows / (rows + 1 / layer.tau))
        torch.testing.assert_close(layer.bias.grad, expected)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_sparse_input(layout, settings):
    torch.manual_seed(0)
    layer = ProxPropLinear(5, 4, **settings)
    dense = torch.randn(6, 5).relu()
    other = copy.deepcopy(layer)
    outputs = layer(dense.to_sparse(layout=layout)), other(dense)
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, other.weight.grad)
    torch.testing.assert_close(layer.bias.grad, other.bias.grad)


LAYERS = {
    "linear": (lambda **options: ProxPropLinear(5, 4, **options), (6, 5)),
    "convolution": (lambda **options: ProxPropConv2d(2, 4, 3, **options), (6, 2, 5, 5)),
}


@pytest.mark.parametrize("settings", SETTINGS[:2])
@pytest.mark.parametrize("kind", LAYERS)
def test_tensors_without_values(kind, settings):
    build, shape = LAYERS[kind]
    layer = build(device="meta", **settings)
    layer(torch.randn(shape, device="meta", requires_grad=True)).sum().backward()
    assert layer.weight.grad.is_meta
    with FakeTensorMode():
        layer = build(**settings)
        layer(torch.randn(shape, requires_grad=True)).sum().backward()
    assert layer.weight.grad.shape == layer.weight.shape


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("kind", LAYERS)
def test_an_input_may_change_in_place_where_only_the_bias_trains(kind, settings):
    build, shape = LAYERS[kind]
    torch.manual_seed(0)
    layer = build(**settings)
    layer.weight.requires_grad_(False)
    other = copy.deepcopy(layer)
    inputs = torch.randn(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
    inputs[1].data.copy_(inputs[0].data)
    changed = inputs[0] * 1
    output = layer(changed)
    changed.add_(1)
    output.square().sum().backward()
    other(inputs[1] * 1).square().sum().backward()
    assert torch.equal(layer.bias.grad, other.bias.grad)
    assert torch.equal(inputs[0].grad, inputs[1].grad)
    records: list[SolveRecord] = []
    other.observer = records.append
    other(inputs[1]).square().sum().backward()
    assert torch.equal(records[0].input, inputs[1].detach().view_as(records[0].input))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_weight_may_change_in_place_where_no_input_gradient_needs_it(kind):
    build, shape = LAYERS[kind]
    torch.manual_seed(0)
    layer, input = build(), torch.randn(shape)
    layer(input).sum().backward()
    expected = layer.weight.grad.clone()
    layer.zero_grad()
    output = layer(input)
    with torch.no_grad():
        layer.weight.add_(1)
    output.sum().backward()
    assert torch.equal(layer.weight.grad, expected)


def converted(kind: str) -> nn.Sequential:
    build, _ = LAYERS[kind]
    return nn.Sequential(build(), nn.ReLU())


@pytest.mark.parametrize("kind", LAYERS)
def test_symbolic_tracing_keeps_a_layer_whole(kind):
    model, (_, shape) = converted(kind), LAYERS[kind]
    traced = torch.fx.symbolic_trace(model)
    assert [node.op for node in traced.graph.nodes].count("call_module") == 2
    assert traced.get_submodule("0") is not None
    input = torch.randn(shape)
    gradients = []
    for each in (model, traced):
        each.zero_grad()
        each(input).square().sum().backward()
        gradients.append(each.get_submodule("0").weight.grad.clone())
    assert torch.equal(*gradients)


def test_torchvisions_feature_extractor():
    from torchvision.models import resnet18
    from torchvision.models.feature_extraction import create_feature_extractor

    model = resnet18(num_classes=3)
    convert(model)
    extractor = create_feature_extractor(model, {"layer1.0.conv2": "early", "fc": "late"})
    features = extractor(torch.randn(2, 3, 32, 32))
    assert features["early"].shape[1] == 64
    solved = []
    extractor.get_submodule("layer1.0.conv2").observer = solved.append
    features = extractor(torch.randn(2, 3, 32, 32))
    features["late"].sum().backward()
    assert [record.solver for record in solved] == ["exact"]


def forward_mode(model, input):
    return torch.func.jvp(model, (input,), (torch.ones_like(input),))


def forward_over_reverse(model, input):
    def gradient(at):
        return torch.func.grad(lambda x: model(x).square().sum())(at)

    return torch.func.jvp(gradient, (input,), (torch.ones_like(input),))


def quantized(model, input):
    with pytest.warns(DeprecationWarning, match="torch.ao"):
        small = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    return small(input)


REFUSED = {
    "jvp": forward_mode,
    "forward over reverse": forward_over_reverse,
    "jit.script": lambda model, input: torch.jit.script(model)(input),
    "jit.trace": lambda model, input: torch.jit.trace(model, input)(input),
    "quantize_dynamic": quantized,
}


@pytest.mark.parametrize("use", REFUSED)
@pytest.mark.parametrize("kind", LAYERS)
def test_what_is_refused_names_the_way_out_and_the_way_out_works(kind, use):
    model, input = converted(kind), torch.randn(LAYERS[kind][1])
    expected = model(input).detach()
    with pytest.raises(NotImplementedError, match=r"revert\(model\)"):
        REFUSED[use](model, input)
    assert torch.equal(model(input), expected)
    revert(model)
    result = REFUSED[use](model, input)
    if use == "quantize_dynamic" and kind == "linear":
        assert torch.allclose(result, expected, atol=0.1)
    elif isinstance(result, torch.Tensor):
        assert torch.equal(result, expected)
