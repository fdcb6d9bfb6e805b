"""The crew of a Ray cluster. Nothing else imports ray."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from proxprop.cluster.part_worker import About, PartWorker, Reply, package_versions
from proxprop.cluster.settings import LOCAL, ClusterSettings
from proxprop.cluster.team import News, Part
from proxprop.runs.errors import RunError
from proxprop.runs.threads import wait_politely
from proxprop.spec.controls import Control

_REPLY_SECONDS = 0.1  # how long a worker gathers news
_WORKERS_EACH = 0.002  # and this much longer for every worker: a driver hears 500 of them a second
_IDLE_SECONDS = 3.0  # after which a worker without a part gives its cores back
_LOOK_SECONDS = 2.0  # between two looks at which nodes there are, and a worker's at its own
_CONNECT_SECONDS = 5.0
_connecting = threading.Lock()


class RayWorker(PartWorker):
    """A worker in a process of its own, which knows its node.

    Args:
        cores: How many threads compute.
        gpu: Whether a GPU may be used.
    """

    def __init__(self, cores: int, gpu: bool) -> None:
        super().__init__(cores)
        _end_with(os.getppid())
        wait_politely(os.environ)
        if not gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""

    def where(self) -> tuple[str, About]:
        """Return its node's id, and what it is."""
        return ray.get_runtime_context().get_node_id(), self.about()


def _end_with(parent: int) -> None:
    """End this worker once its node's own process is gone: Ray leaves it there, with its memory."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="node", daemon=True).start()


@dataclass
class _Hired:
    """A worker of the crew.

    Attributes:
        actor: The worker, from here.
        call: What it has been asked last.
        part: What it carries out; None where it idles.
        controls: Commands that have not been passed on.
        node: Where it is; empty until it has begun.
        since: When it was given its part, or had none any more.
    """

    actor: Any
    call: Any
    part: Part | None
    controls: list[Control]
    node: str = ""
    since: float = field(default_factory=time.monotonic)


class RayCrew:
    """Workers of a Ray cluster: actors that end with this process.

    Args:
        settings: Which cluster, and what each worker takes of it.

    Raises:
        RunError: If it cannot be reached, or no node has room for a worker.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        _connect(settings.address)
        self._settings = settings
        self._versions = package_versions()
        self._workers: list[_Hired] = []
        self._looked = -_LOOK_SECONDS
        self._room = 0
        self._names: dict[str, str] = {}
        if not self.room:
            raise RunError(f"No node of the Ray cluster has {_wanted(settings)}: {_offered()}.")

    @property
    def room(self) -> int:
        """How many parts can be under way at once, other users aside."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            nodes = [node for node in ray.nodes() if node["Alive"]]
            self._room = sum(_slots(node["Resources"], self._settings) for node in nodes)
            self._names |= _names(nodes)
        return self._room

    def begin(self, part: Part, controls: Sequence[Control]) -> None:
        """Have a part carried out by a worker that idles, or by a new one."""
        idle = next((worker for worker in self._workers if worker.part is None), None)
        if idle is None:
            gpu = self._settings.gpus > 0
            actor = self._hire.remote(self._settings.cores, gpu)
            self._workers.append(_Hired(actor, actor.where.remote(), part, [*controls]))
        else:
            idle.part, idle.controls, idle.since = part, [*controls], time.monotonic()
            self._hand_over(idle)

    def send(self, number: int, control: Control) -> None:
        """Pass a command on with the next exchange, within a tenth of a second."""
        for worker in self._workers:
            if worker.part is not None and worker.part.number == number:
                worker.controls.append(control)

    def withdraw(self, number: int) -> None:
        """End a part at once."""
        for worker in [*self._workers]:
            if worker.part is not None and worker.part.number == number:
                self._dismiss(worker)

    def news(self, seconds: float) -> list[News]:
        """Return what has come in, waiting at most `seconds` for it."""
        now = time.monotonic()
        for worker in [*self._workers]:
            if worker.part is None and now - worker.since > _IDLE_SECONDS:
                self._dismiss(worker)
        busy = {worker.call: worker for worker in self._workers if worker.part is not None}
        if not busy:
            time.sleep(seconds)
            return []
        if not ray.wait([*busy], num_returns=1, timeout=seconds)[0]:
            return []
        ready, _ = ray.wait([*busy], num_returns=len(busy), timeout=0)
        return [self._news_of(busy[call]) for call in ready]

    def close(self) -> None:
        """End all workers."""
        for worker in [*self._workers]:
            self._dismiss(worker)

    @property
    def _hire(self) -> Any:
        return ray.remote(RayWorker).options(
            num_cpus=self._settings.cores,
            num_gpus=self._settings.gpus,
            scheduling_strategy="SPREAD",
            max_restarts=0,
            max_task_retries=0,
        )

    def _news_of(self, worker: _Hired) -> News:
        assert worker.part is not None
        number, node = worker.part.number, worker.node
        try:
            reply = ray.get(worker.call)
        except RayError as error:
            self._dismiss(worker)
            if isinstance(error, RayTaskError) or "creation task" in str(error):
                return News(number, node, failure=_unfit(error))
            return News(number, node, lost=_reason(error))
        if not isinstance(reply, Reply):
            return self._arrived(worker, *reply)
        if not reply.over:
            worker.call = worker.actor.exchange.remote(worker.controls, self._seconds)
            worker.controls = []
            return News(number, node, reply.events)
        worker.part, worker.since = None, time.monotonic()
        return News(number, node, reply.events, over=True, failure=_failure(reply))

    def _arrived(self, worker: _Hired, node_id: str, about: About) -> News:
        """Let a worker that has begun have its part, unless its versions differ from ours."""
        assert worker.part is not None
        if node_id not in self._names:
            self._looked = -_LOOK_SECONDS
            _ = self.room
        worker.node = self._names.get(node_id, about.host)
        number = worker.part.number
        differing = [
            f"{package} {about.versions[package]} there and {version} here"
            for package, version in self._versions.items()
            if about.versions[package] != version
        ]
        if differing:
            self._dismiss(worker)
            words = f"{worker.node} has other versions: {', '.join(differing)}. Install the same."
            return News(number, worker.node, failure=RunError(words))
        self._hand_over(worker)
        return News(number, worker.node)

    def _hand_over(self, worker: _Hired) -> None:
        """Begin a worker's part, as it will be changed here while it is carried out there."""
        worker.call = worker.actor.begin.remote(worker.part, worker.controls, self._seconds)
        worker.controls = []

    def _dismiss(self, worker: _Hired) -> None:
        self._workers.remove(worker)
        with contextlib.suppress(Exception):  # it may be gone, and so may the cluster
            ray.kill(worker.actor)

    @property
    def _seconds(self) -> float:
        return max(_REPLY_SECONDS, _WORKERS_EACH * len(self._workers))


def start_here() -> str:
    """Start a cluster of this machine alone, which ends with this process; return its address.

    Raises:
        RunError: If it cannot be started.
    """
    _connect(LOCAL)
    return str(ray.get_runtime_context().gcs_address)


def _connect(address: str) -> None:
    """Join a cluster, or start one here; once a process.

    Raises:
        RunError: If there is none.
    """
    with _connecting, _own_handlers():
        if ray.is_initialized():
            return
        options: dict[str, Any] = {"address": address}
        if address == LOCAL:
            options |= {"num_cpus": os.cpu_count(), "include_dashboard": False}
        try:
            if ":" in address:  # ray itself would try for a minute
                host, _, port = address.rpartition(":")
                socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
            ray.init(
                log_to_driver=False,
                configure_logging=False,
                logging_level=logging.ERROR,
                **options,
            )
        except (OSError, ValueError, RuntimeError) as error:
            words = str(error).strip().splitlines()
            raise RunError(
                f"The Ray cluster at {address!r} cannot be used: {' '.join(words)} "
                "This machine must belong to it: ray start --address=HOST:PORT"
            ) from error


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep the handlers of signals, which ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers):
            signal.signal(number, handler)


def _slots(resources: dict[str, float], settings: ClusterSettings) -> int:
    slots = resources.get("CPU", 0.0) // settings.cores
    if settings.gpus >= 1:
        slots = min(slots, resources.get("GPU", 0.0) // settings.gpus)
    elif settings.gpus:
        slots = min(slots, int(resources.get("GPU", 0.0)) * (1 // settings.gpus))
    return int(slots)


def _names(nodes: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return node → its host; with the start of its id where several share one."""
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    names = {}
    for node in nodes:
        host, identity = node["NodeManagerHostname"], node["NodeID"]
        names[identity] = f"{host} {identity[:6]}" if hosts[host] > 1 else host
    return names


def _wanted(settings: ClusterSettings) -> str:
    cores = f"{settings.cores} core" + ("s" if settings.cores > 1 else "")
    return f"{cores} and {settings.gpus:g} GPU" if settings.gpus else cores


def _offered() -> str:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    rows = (f"{n.get('CPU', 0):g} cores, {n.get('GPU', 0):g} GPUs" for n in nodes)
    return "; ".join(rows) or "there is none"


def _reason(error: RayError) -> str:
    return {
        "ActorDiedError": "its process or its machine is gone.",
        "ActorUnavailableError": "it cannot be reached any more.",
        "OutOfMemoryError": "its machine ran out of memory.",
    }.get(type(error).__name__, f"{type(error).__name__}.")


def _unfit(error: RayError) -> RunError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = next((line for line in reversed(lines) if "Error:" in line), lines[-1])
    return RunError(
        f"A node of the Ray cluster cannot work for this run: {cause} Install this version of "
        "proxprop, and what it needs, on every node."
    )


def _failure(reply: Reply) -> Exception | None:
    if reply.refusal:
        return RunError(reply.refusal)
    if reply.error:
        last = reply.error.strip().splitlines()[-1]
        error = RuntimeError(f"{last} (on another machine)")
        error.add_note(reply.error)
        return error
    return None
