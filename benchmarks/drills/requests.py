"""Raw requests: odd paths, numbers, names and headers, sent byte by byte."""

from __future__ import annotations

import random
import socket
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from urllib.parse import quote

ODD = (
    *("0", "-1", "1", "99999999999999999999", str(2**63), str(2**64), "9" * 400, "1e999", "nan"),
    *("²", "٣", "Ⅷ", "½", "\x00", "a\x00b", "\n", "\r\nX: y", "\x7f", "\ud7ff", "\U0001f600"),
    *(
        "a" * 5000,
        "é" * 2000,
        "..",
        "../..",
        "..\\..",
        "//evil.example",
        "C:\\x",
        "~root",
        "%2e%2e",
    ),
    *("'", '"', "';--", "<script>", "![](http://x)", "=1+1", "{}", "[]", "$x$", "%", "", " "),
)
PATHS = (
    "/api/runs/{a}/points.csv",
    "/api/runs/{a}/config.json",
    "/api/runs/{a}/snippet.py",
    "/api/runs/{a}/weights.safetensors",
    "/api/runs/{run}/artifacts/{a}/boundary",
    "/api/runs/{run}/artifacts/0/{a}",
    "/api/races/{race}/table.csv?target={a}",
    "/api/races/{race}/table.csv?measure={a}",
    "/api/races/{race}/table.csv?baseline={a}",
    "/api/stream?runs={a}",
    "/api/stream?runs={run}&tables={a}",
    "/api/stream?runs={run}&last={a}",
    "/api/stream?runs={run}&last={a}.{b}.c.d",
    "/api/stream?runs={run}&last=0.{a}.{b}.d",
    "/assets/{a}/hub.js",
    "/assets/x/{a}",
    "/assets/x/{a}.js",
    "/assets/plotly-{a}.min.js",
    "/static/{a}",
    "/static/js/{a}.js",
    "/media/{a}",
    "/component/{a}/index.html",
    "/_stcore/bidi-components/{a}/index.js",
    "/_stcore/{a}",
    "/_stcore/upload_file/{a}/{b}",
    "/_stcore/agent/{a}",
    "/train?run={a}",
    "/{a}",
    "/{a}/{b}",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO")
HEADERS = (
    "Last-Event-ID: {a}",
    "Range: bytes={a}-",
    "Cookie: proxprop_owner={a}",
    "If-None-Match: {a}",
    "Accept-Encoding: gzip;q={a}",
    "Content-Length: {a}",
    "X-Forwarded-For: {a}",
)
TIMEOUT = 10.0


@dataclass
class Answers:
    """How many requests were answered how, and those that should not have been so."""

    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[bytes] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items()))
        examples = "".join(f"\n    {request[:200]!r}" for request in self.failed[:5])
        return f"{counts}; {len(self.failed)} failed{examples}"


def raw_requests(count: int, run: str, race: str, seed: int = 0) -> list[bytes]:
    """Return `count` requests, the same for the same arguments: first every path and odd value."""
    chance = random.Random(seed)
    known = {"run": run, "race": race}
    made = [_get(path.format(a=_quoted(odd), b="1", **known)) for odd, path in product(ODD, PATHS)]
    chance.shuffle(made)
    while len(made) < count:
        a, b = (_quoted(chance.choice(ODD)) for _ in range(2))
        target = chance.choice(PATHS).format(a=a, b=b, **known)
        header = chance.choice(HEADERS).format(a=quote(chance.choice(ODD), safe=" ~;=-")[:8000])
        made.append(_get(target, chance.choice(METHODS), header))
    return made[:count]


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _get(target: str, method: str = "GET", header: str = "Accept: */*") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\nConnection: close\r\n\r\n"
    return head.encode("latin-1", "replace")


def send(port: int, requests: list[bytes]) -> Answers:
    """Send requests one after another and count the answers.

    A request has failed when it is answered by 5xx or by nothing at all, or when a stream begins
    and breaks: its first chunk is read, and an end before the first event is a break.
    """
    answers = Answers()
    for request in requests:
        status, sound = _ask(port, request)
        answers.statuses[status] += 1
        if not sound:
            answers.failed.append(request)
    return answers


def _ask(port: int, request: bytes) -> tuple[int, bool]:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(request)
        received = b""
        streams, headless = False, request.startswith(b"HEAD")
        while b"\r\n\r\n" not in received or (streams and b"event: update" not in received):
            try:
                data = connection.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            received += data
            streams = not headless and b"text/event-stream" in received.lower()
        head = received.partition(b"\r\n")[0].split(b" ")
        status = int(head[1]) if len(head) > 1 and head[1].isdigit() else 0
        whole = not streams or b"event: update" in received
        return status, 0 < status < 500 and whole
