"""One of two data-parallel processes: train on the rank's own batches, save the last ``.grad``."""

import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from proxprop.conversion import iter_prox_layers
from tests.drop_in.models import data, mlp

STEPS = 12


def main(path: str, gram: str) -> None:
    dist.init_process_group("gloo")
    prox = {"gram": "running", "refresh": 10, "decay": 0.5} if gram == "running" else {}
    model = DistributedDataParallel(mlp(**prox))
    for _, layer in iter_prox_layers(model):
        layer.joined = gram == "joined"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(STEPS if prox else 1):
        optimizer.zero_grad()
        inputs, labels = data(10, 6, seed=100 * step + dist.get_rank())
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    torch.save({name: p.grad for name, p in model.module.named_parameters()}, path)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
