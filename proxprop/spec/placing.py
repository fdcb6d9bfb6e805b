"""Where the parts of a run are, on several machines: the artifact "parts" (member 0), and words.

Its "nodes" are the machines, each with "node" (its name; empty for what waits for room), "parts"
(names of those under way there), "done" and "lost" (how many ended there, and were lost).
"""

from __future__ import annotations

from typing import TypedDict

ARTIFACT = "parts"
WHOLE_RUN = "the run"  # name of the part that is a run as a whole
_MOST = 3  # parts named of a machine


class NodePayload(TypedDict):
    """One machine."""

    node: str
    parts: list[str]
    done: int
    lost: int


class PartsPayload(TypedDict):
    """All machines."""

    nodes: list[NodePayload]


def places_now(payload: PartsPayload) -> str:
    """Return what is under way where: "on a: seed 0, seed 1; on b: seed 2"; "" for nothing."""
    busy = [node for node in payload["nodes"] if node["parts"]]
    texts = []
    for node in sorted(busy, key=lambda node: not node["node"]):
        where = f"on {node['node']}" if node["node"] else "waiting for room"
        parts = node["parts"]
        more = f" and {len(parts) - _MOST} more" if len(parts) > _MOST else ""
        named = "" if parts == [WHOLE_RUN] else f": {', '.join(parts[:_MOST])}{more}"
        texts.append(where + named)
    return "; ".join(texts)


def places_then(payload: PartsPayload) -> str:
    """Return what was carried out where: "2 parts on a, 1 part on b, where 1 was lost"."""
    texts = []
    for node in payload["nodes"]:
        count = node["done"] + len(node["parts"])  # those its end has caught among them
        if node["node"] and count + node["lost"]:
            parts = f"{count} part{'s' * (count != 1)}"
            lost = f", where {node['lost']} {'was' if node['lost'] == 1 else 'were'} lost"
            texts.append(f"{parts} on {node['node']}{lost * bool(node['lost'])}")
    return ", ".join(texts)
