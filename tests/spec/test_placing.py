"""Where parts of a run are, in words."""

from __future__ import annotations

from proxprop.spec.placing import NodePayload, PartsPayload, places_now, places_then


def on(node: str, *parts: str, done: int = 0, lost: int = 0) -> NodePayload:
    return {"node": node, "parts": [*parts], "done": done, "lost": lost}


def test_what_is_under_way_is_named() -> None:
    seeds = [f"seed {index}" for index in range(5)]
    nodes: PartsPayload = {"nodes": [on("", "seed 5"), on("a", *seeds), on("b", done=2)]}
    assert places_now(nodes) == "on a: seed 0, seed 1, seed 2 and 2 more; waiting for room: seed 5"
    assert places_now({"nodes": [on("a", "the run")]}) == "on a"
    assert places_now({"nodes": [on("a", done=1)]}) == ""


def test_what_is_through_is_counted() -> None:
    nodes: PartsPayload = {"nodes": [on("", "x"), on("a", done=2), on("b", "y", lost=1)]}
    assert places_then(nodes) == "2 parts on a, 1 part on b, where 1 was lost"
    assert places_then({"nodes": [on("c", lost=2)]}) == "0 parts on c, where 2 were lost"
