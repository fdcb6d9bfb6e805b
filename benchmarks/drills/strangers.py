"""What a stranger can do with nothing but the address: fill the memory, stall everyone, crowd."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import websockets

from app.edge.checks import PAGES
from app.forms.settings import SETTINGS
from benchmarks.drills.clients import open_events, open_page, visit
from benchmarks.drills.dashboard import FORGOTTEN, Dashboard, furnish, running
from benchmarks.drills.requests import ODD
from proxprop.spec.events import Point


def attacks(home: Path, count: int = 1200) -> str:
    """Ask for messages of made-up pasts, send files nobody asked for, knock and keep silent."""
    with running(home) as dashboard:
        run, _ = furnish(dashboard.store())
        _message(dashboard, run, "")
        before = dashboard.memory()
        for number in range(count):
            _message(dashboard, run, f"0.0.a.{number:x}")
        grown = dashboard.memory() - before
        start = time.monotonic()
        refused = sum(_upload(dashboard) == 403 for _ in range(20))
        knocks, worst = asyncio.run(_knock(dashboard, 20))
        silent = [socket.create_connection(("127.0.0.1", dashboard.port)) for _ in range(300)]
        for each in silent:
            each.sendall(b"GET / HTTP/1.1\r\nHost: local")
        answered = _health(dashboard)
        closed = 0
        for each in silent:
            each.settimeout(max(0.1, start + 40 - time.monotonic()))
            with contextlib.suppress(OSError):
                closed += each.recv(1) == b""
            each.close()
        return (
            f"{count} made-up pasts: {grown:+.0f} MB; uploads without a page: {refused} of 20 "
            f"refused; foreign websockets: {knocks} of 20 refused, a request beside them took "
            f"{worst * 1000:.0f} ms; 300 half requests: a whole one took {answered * 1000:.0f} ms, "
            f"{closed} closed; {dashboard.memory() - before:+.0f} MB; "
            f"{dashboard.tracebacks()} tracebacks"
        )


def links(home: Path, count: int = 500, seed: int = 0, patience: float = FORGOTTEN) -> str:
    """Open pages by links with odd values for everything that a link can say."""
    chance = random.Random(seed)
    names = [*SETTINGS, "run", "runs", "race", "sweep", "view", "form", "q", "experiment", "scene"]
    with running(home) as dashboard:
        furnish(dashboard.store())
        values = [odd for odd in ODD if odd.isprintable()] + ["folder", "/usr", "1e6", "cg", "0.1"]
        queries = [
            urlencode({chance.choice(names): chance.choice(values) for _ in range(3)})
            for _ in range(count)
        ]
        asyncio.run(visit(dashboard, "home"))
        before, worst, failed = dashboard.memory(), 0.0, 0
        for page in sorted(PAGES):
            asyncio.run(visit(dashboard, page))
        opened = dashboard.memory()
        for query in queries:
            start = time.monotonic()
            try:
                page = chance.choice(sorted(PAGES))
                asyncio.run(visit(dashboard, page, query[:8000]))
            except TimeoutError:
                failed += 1
            worst = max(worst, time.monotonic() - start)
        most, files = dashboard.memory(), dashboard.footprint().files
        time.sleep(patience)
        asyncio.run(visit(dashboard, "home"))
        log = dashboard.log.read_text(errors="replace")
        return (
            f"{count} links: {failed} not drawn in 60 s, slowest {worst:.1f} s, "
            f"{log.count('a page failed')} pages failed, {dashboard.tracebacks()} tracebacks, "
            f"{most - before:+.0f} MB and {files} files; once they are forgotten "
            f"{dashboard.memory() - before:+.0f} MB and {dashboard.footprint().files} files; the "
            f"first look at each page alone {opened - before:+.0f} MB"
        )


def viewers(home: Path, count: int = 100, seconds: float = 60.0) -> str:
    """Let a hundred browsers watch a run that writes twice a second; then they all leave."""
    with running(home) as dashboard:
        run, _ = furnish(dashboard.store())
        return asyncio.run(_watch(dashboard, run, count, seconds))


async def _watch(dashboard: Dashboard, run: str, count: int, seconds: float) -> str:
    await visit(dashboard, "home")
    before, store = dashboard.memory(), dashboard.store()
    pages = [await open_page(dashboard, "train", f"run={run}") for _ in range(count)]
    address = f"/api/stream?runs={run}&tables=steps"
    streams = [await open_events(dashboard, address) for _ in range(count)]
    for each in streams:
        await each.next("update")  # all points so far
    cpu, start, step, late = _cpu(dashboard), time.monotonic(), 2000, 0.0
    while time.monotonic() - start < seconds:
        step += 1
        written = time.monotonic()
        fields = {"step": step, "heartbeat": time.time()}
        store.append(run, [Point("steps", step, step / 4, step / 8, {"loss": 1.0})], fields=fields)
        await asyncio.gather(*(each.next("update") for each in streams))
        late = max(late, time.monotonic() - written)
        await asyncio.sleep(max(0.0, written + 0.5 - time.monotonic()))
    busy = (_cpu(dashboard) - cpu) / (time.monotonic() - start)
    grown = dashboard.memory() - before
    files = len(list(Path(f"/proc/{dashboard.process.pid}/fd").iterdir()))
    for each in streams:
        each.close()
    for page in pages:
        await page.connection.close()
    return (
        f"{count} viewers for {seconds:.0f} s: {100 * busy:.0f} % of a core, the last one saw a "
        f"point after {late:.2f} s at most, {grown / count:.2f} MB a viewer, {files} open files; "
        f"{dashboard.tracebacks()} tracebacks"
    )


async def _knock(dashboard: Dashboard, count: int) -> tuple[int, float]:
    """Return how many foreign websockets were refused, and the slowest request beside them."""
    refused, worst = 0, 0.0
    for number in range(count):
        try:
            await websockets.connect(
                f"ws://127.0.0.1:{dashboard.port}/_stcore/stream",
                origin=websockets.Origin(f"http://{number}.example"),
            )
        except websockets.InvalidStatus as error:
            refused += error.response.status_code == 403
        worst = max(worst, await asyncio.to_thread(_health, dashboard))
    return refused, worst


def _message(dashboard: Dashboard, run: str, last: str) -> None:
    address = f"{dashboard.url}/api/stream?runs={run}&last={last}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        while not answer.readline().startswith(b"data:"):
            pass


def _upload(dashboard: Dashboard) -> int:
    with socket.create_connection(("127.0.0.1", dashboard.port), 10) as connection:
        name = secrets.token_hex(8)
        head = f"PUT /_stcore/upload_file/{name}/{name} HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{head}Content-Length: 150000000\r\n\r\n".encode() + bytes(1 << 16))
        return int(connection.recv(1000).split()[1])


def _health(dashboard: Dashboard) -> float:
    start = time.monotonic()
    with urllib.request.urlopen(f"{dashboard.url}/_stcore/health", timeout=60):
        return time.monotonic() - start


def _cpu(dashboard: Dashboard) -> float:
    fields = Path(f"/proc/{dashboard.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
