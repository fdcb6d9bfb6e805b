"""The process group, and how its first process speaks to the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from proxprop.engine.training.device import resolve_device


class Do(IntEnum):
    """What the leader asks of all processes."""

    BEGIN = 0  # a run: config, data and snapshot come with it
    STEP = 1  # whether every process takes the whole batch; the schedule's factor
    APPLY = 2  # settings: a config comes with it
    EVALUATE = 3  # which split; from which sample on
    WAIT = 4  # nothing: the run is held
    END = 5  # the run is over
    LEAVE = 6  # nothing more will come


class Order(NamedTuple):
    """One order, as every process has it.

    Attributes:
        what: To do.
        first: A number, by the kind of order.
        second: Another.
        message: Plain data.
        tensors: By name, on the CPU.
    """

    what: Do
    first: float
    second: float
    message: dict[str, Any]
    tensors: dict[str, Tensor]


def backend(device: str) -> str:
    """Return how processes speak that compute on "cpu" or "cuda"; orders always go by gloo."""
    return "cpu:gloo,cuda:nccl" if resolve_device(device).type == "cuda" else "gloo"


def join(rank: int, processes: int, rendezvous: str = "env://", device: str = "auto") -> None:
    """Enter the group; returns once all are in it.

    Args:
        rank: 0 for the leader.
        processes: How many there are.
        rendezvous: Where they meet, as torch.distributed names it.
        device: What any of them may compute on.
    """
    dist.init_process_group(
        backend(device), init_method=rendezvous, rank=rank, world_size=processes
    )


def leave(farewell: bool = True) -> None:
    """Leave the group, if this process is in one.

    Args:
        farewell: Whether the leader lets the others go first, as far as it can reach them.
    """
    if not dist.is_initialized():
        return
    if farewell and dist.get_rank() == 0:
        try:
            send(Do.LEAVE)
        except RuntimeError as error:
            if not is_loss(error):
                raise
    dist.destroy_process_group()


def is_loss(error: BaseException) -> bool:
    """Return whether an error says that another process cannot be reached."""
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and "gloo" in str(error).lower()
    )


def send(
    what: Do,
    first: float = 0.0,
    second: float = 0.0,
    message: Mapping[str, Any] | None = None,
    tensors: Mapping[str, Tensor] | None = None,
) -> None:
    """Give an order to all other processes."""
    tensors = tensors or {}
    text = b""
    if message is not None:
        shapes = [
            (name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape))
            for name, tensor in tensors.items()
        ]
        text = json.dumps({"message": message, "tensors": shapes}, allow_nan=False).encode()
    dist.broadcast(torch.tensor([what, first, second, len(text)], dtype=torch.float64), 0)
    if text:
        dist.broadcast(torch.frombuffer(bytearray(text), dtype=torch.uint8), 0)
    for tensor in tensors.values():
        if tensor.numel():
            dist.broadcast(_bytes(tensor.cpu().contiguous()), 0)


def receive() -> Order:
    """Wait for the leader's next order."""
    head = torch.empty(4, dtype=torch.float64)
    dist.broadcast(head, 0)
    what, first, second, length = head.tolist()
    message, tensors = {}, {}
    if length:
        text = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(text, 0)
        read = json.loads(text.numpy().tobytes())
        message = read["message"]
        for name, dtype, shape in read["tensors"]:
            tensors[name] = torch.empty(shape, dtype=getattr(torch, dtype))
            if tensors[name].numel():
                dist.broadcast(_bytes(tensors[name]), 0)
    return Order(Do(int(what)), first, second, message, tensors)


def _bytes(tensor: Tensor) -> Tensor:
    """A contiguous tensor's memory, for gloo knows few types."""
    return tensor.view(-1).view(torch.uint8)
