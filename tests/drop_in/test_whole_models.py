"""Models people bring: torchvision's ResNet-18 and a transformer encoder convert and train."""

import torch
import torch.nn.functional as F
from torch import nn

from proxprop import ProxPropConv2d, ProxPropLinear, convert, param_groups


def train(model: nn.Module, inputs, labels, steps: int, lr: float, explicit_lr: float):
    optimizer = torch.optim.SGD(param_groups(model, lr, explicit_lr, momentum=0.9), lr=lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def test_resnet18_converts_and_learns_a_batch():
    from torchvision.models import resnet18

    torch.manual_seed(0)
    model = resnet18(num_classes=3)
    report = convert(model, tau=0.05)
    assert len(report.converted) == 20
    assert report.skipped[-1] == ("fc", "the last layer stays explicit (skip_last=True)")
    assert all(reason == "BatchNorm2d has no implicit step" for _, reason in report.skipped[:-1])
    assert isinstance(model.layer1[0].conv1, ProxPropConv2d)
    inputs, labels = torch.randn(6, 3, 32, 32), torch.tensor([0, 1, 2, 0, 1, 2])
    losses = train(model, inputs, labels, steps=6, lr=0.5, explicit_lr=0.02)
    assert losses[-1] < 0.5 * losses[0]


def test_transformer_encoder_converts_and_learns():
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    model = nn.Sequential(
        nn.Linear(4, 16), nn.TransformerEncoder(encoder, 2), nn.Flatten(), nn.Linear(16 * 5, 2)
    )
    report = convert(model, tau=0.05)
    assert report.converted == [
        "0",
        "1.layers.0.linear1",
        "1.layers.0.linear2",
        "1.layers.1.linear1",
        "1.layers.1.linear2",
    ]
    assert isinstance(model[1].layers[1].linear2, ProxPropLinear)
    inputs = torch.randn(40, 5, 4)
    # Which of the first two tokens is larger: no single token tells.
    labels = (inputs[:, 0, 0] > inputs[:, 1, 0]).long()
    losses = train(model, inputs, labels, steps=60, lr=0.3, explicit_lr=0.02)
    assert losses[-1] < 0.2 * losses[0]
