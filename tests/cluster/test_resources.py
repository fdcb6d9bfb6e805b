"""What is asked of Ray for each part, and how many parts there is room for."""

from __future__ import annotations

from typing import Any

import pytest

from proxprop.cluster.settings import ADDRESS, CORES, GPUS, ClusterSettings
from proxprop.cluster.team import Part
from proxprop.runs.errors import RunError
from proxprop.spec.config import ConfigError

pytest.importorskip("ray")
from proxprop.cluster import on_ray  # it imports ray


class Asked:
    """Stands in for ray's actors and nodes; keeps what was asked.

    Args:
        nodes: Resources of each node.
    """

    def __init__(self, *nodes: dict[str, float]) -> None:
        self.options: dict[str, Any] = {}
        self.arguments: list[tuple[Any, ...]] = []
        self._nodes = nodes

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"Alive": True, "Resources": resources, "NodeManagerHostname": "x", "NodeID": str(i)}
            for i, resources in enumerate(self._nodes)
        ]

    def remote(self, actor: type) -> Asked._Hire:
        assert actor is on_ray.RayWorker
        return self._Hire(self)

    class _Hire:
        def __init__(self, asked: Asked) -> None:
            self._asked = asked

        def options(self, **options: Any) -> Asked._Hire:
            self._asked.options = options
            return self

        def remote(self, *arguments: Any) -> Any:
            self._asked.arguments.append(arguments)
            return _Actor()


class _Actor:
    class where:
        remote = staticmethod(lambda: object())


def crew_on(
    patch: pytest.MonkeyPatch, settings: ClusterSettings, *nodes: dict[str, float]
) -> tuple[on_ray.RayCrew, Asked]:
    asked = Asked(*nodes)
    patch.setattr(on_ray, "_connect", lambda address: None)
    patch.setattr(on_ray.ray, "nodes", asked.nodes)
    patch.setattr(on_ray.ray, "remote", asked.remote)
    return on_ray.RayCrew(settings), asked


def chosen(cores: int, gpus: float) -> ClusterSettings:
    settings = ClusterSettings.chosen({ADDRESS: "head:1", CORES: str(cores), GPUS: str(gpus)})
    assert settings is not None
    return settings


@pytest.mark.parametrize(
    ("cores", "gpus", "device", "room"),
    [(1, 0.0, "cpu", 12), (4, 0.0, "cpu", 3), (1, 0.5, "cuda", 4), (3, 0.25, "cuda", 2),
     (1, 2.0, "cuda", 1)],
)  # fmt: skip
def test_cores_and_shares_of_gpus_reach_ray(
    monkeypatch: pytest.MonkeyPatch, cores: int, gpus: float, device: str, room: int
) -> None:
    settings = chosen(cores, gpus)
    nodes = ({"CPU": 8.0, "GPU": 2.0}, {"CPU": 4.0})
    crew, asked = crew_on(monkeypatch, settings, *nodes)
    assert (settings.device, crew.room) == (device, room)
    crew.begin(Part(0, "seed 0", "race", None), [])
    assert (asked.options["num_cpus"], asked.options["num_gpus"]) == (cores, gpus)
    assert asked.arguments == [(cores, gpus > 0)]


def test_what_no_node_has_is_refused_with_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"has 2 cores and 0.5 GPU: 8 cores, 0 GPUs\."):
        crew_on(monkeypatch, chosen(2, 0.5), {"CPU": 8.0})


def test_a_share_of_several_gpus_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a fraction of 1 or a whole number, got 1\.5"):
        chosen(1, 1.5)


@pytest.mark.parametrize(("gpu", "seen"), [(False, ""), (True, "0")])
def test_a_worker_without_a_share_sees_no_gpu(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, seen: str
) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "0"}
    monkeypatch.setattr(on_ray.os, "environ", environment)
    on_ray.RayWorker(1, gpu)
    assert environment["CUDA_VISIBLE_DEVICES"] == seen
