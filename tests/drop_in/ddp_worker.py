"""One of two data-parallel processes: train one step on the rank's own batch, save ``.grad``."""

import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

from tests.drop_in.models import data, mlp


def main(path: str) -> None:
    dist.init_process_group("gloo")
    model = DistributedDataParallel(mlp())
    inputs, labels = data(10, 6, seed=dist.get_rank())
    F.cross_entropy(model(inputs), labels).backward()
    torch.save({name: p.grad for name, p in model.module.named_parameters()}, path)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
