"""An hour of a room: viewers come and go, runs start and stop, a scene changes every minute.

`python -m benchmarks.drills.soak [MINUTES]` prints what the server takes as it goes, and at the end
how that grew.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import websockets

from app.edge.checks import PAGES
from benchmarks.drills.clients import (
    cookies,
    in_background,
    open_events,
    open_page,
    show,
    split,
    visit,
)
from benchmarks.drills.dashboard import Dashboard, Footprint, running
from proxprop.exposure import PASSPHRASE
from proxprop.lessons import shelf
from proxprop.runs.steering import stop
from proxprop.runs.store import Store
from proxprop.spec.config import RaceConfig, RunConfig

SETTLED = 5.0  # minutes after which memory has to stay
LOOK, REPORT = 5.0, 180.0  # seconds
SCENE = 60.0
WORDS = "a room of thirty"
EACH = {"budget": {"seconds": 20.0, "epochs": None}}
CONTENDERS = [{"direction": {"solver": solver}} for solver in ("explicit", "exact")]
GONE = (OSError, TimeoutError, asyncio.IncompleteReadError, websockets.ConnectionClosed)


@dataclass
class Soak:
    """A room that goes on.

    Attributes:
        dashboard: Its server.
        viewers: How many watch at any time.
        chance: Decides who comes when.
        counts: What happened how often.
        looks: What the server took, and when, in seconds from the start.
    """

    dashboard: Dashboard
    viewers: int
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    looks: list[tuple[float, Footprint]] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """Let it go on for so long."""
        await visit(self.dashboard, "home")
        begun = time.monotonic()
        reported = begun
        print(self._report(0.0, self.dashboard.footprint()), flush=True)
        store = self.dashboard.store()
        parts = [self._viewer(store) for _ in range(self.viewers)]
        async with in_background(*parts, self._presenter(), self._runs(store)):
            while (now := time.monotonic()) < begun + seconds:
                footprint = self.dashboard.footprint()
                self.looks.append((now - begun, footprint))
                if now - reported >= REPORT:
                    reported = now
                    print(self._report(now - begun, footprint), flush=True)
                await asyncio.sleep(LOOK)
        store.close()

    def figures(self) -> str:
        """Return how what the server takes grew, from the fifth minute to the last."""
        end = self.looks[-1][0]
        first = [look for at, look in self.looks if SETTLED * 60 <= at < SETTLED * 60 + 120]
        first = first or [look for at, look in self.looks if at < end / 2]
        last = [look for at, look in self.looks if at >= end - 120]
        grown = {
            name: _middle(last, name) - _middle(first, name)
            for name in ("resident", "anonymous", "files", "threads", "children")
        }
        # One that is there for a moment is about to be waited for.
        pairs = pairwise(look.zombies for _, look in self.looks)
        zombies = max((min(pair) for pair in pairs), default=0)
        return (
            f"{end / 60:.0f} minutes, {self.viewers} viewers at a time ({self._happened()}): "
            f"{grown['resident']:+.0f} MB ({grown['anonymous']:+.0f} MB its own) since minute "
            f"{SETTLED:.0f}, {grown['files']:+.0f} files, {grown['threads']:+.0f} threads, "
            f"{grown['children']:+.0f} processes, {zombies} zombies, "
            f"{self.dashboard.tracebacks()} tracebacks"
        )

    def _report(self, at: float, look: Footprint) -> str:
        return (
            f"minute {at / 60:3.0f}: {look.resident:.0f} MB ({look.anonymous:.0f} its own), "
            f"{look.files} files, {look.threads} threads, {look.children} processes, "
            f"{look.zombies} zombies; {self._happened()}; {self.dashboard.tracebacks()} tracebacks"
        )

    def _happened(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))

    async def _viewer(self, store: Store) -> None:
        """Come, look at pages, follow the presenter for a while, leave; then another comes."""
        while True:
            await asyncio.sleep(self.chance.uniform(0.0, 10.0))
            try:
                await self._visit(store)
                self.counts["visits"] += 1
            except GONE as error:
                self.counts[f"broken: {type(error).__name__}"] += 1

    async def _visit(self, store: Store) -> None:
        cookie = cookies(secrets.token_hex(16))
        page = await open_page(self.dashboard, "home", cookie=cookie)
        stage = await open_events(self.dashboard, "/api/stage", cookie)
        runs = [run.id for run in store.runs(limit=4)]
        leaves = time.monotonic() + self.chance.uniform(5.0, 150.0)
        async with in_background(*([self._watch(runs, cookie)] if runs else [])):
            while time.monotonic() < leaves:
                with suppress(TimeoutError):
                    link = await asyncio.wait_for(
                        stage.next("stage"), self.chance.uniform(3.0, 30.0)
                    )
                    await page.go(*split(json.loads(link)))
                    self.counts["scenes opened"] += 1
                    continue
                query = f"run={self.chance.choice(runs)}" if runs else ""
                await page.go(self.chance.choice(sorted(PAGES)), query)
                self.counts["pages opened"] += 1
        stage.close()
        if self.chance.random() < 0.3:
            page.vanish()
        else:
            await page.connection.close()

    async def _watch(self, runs: Sequence[str], cookie: str) -> None:
        """Listen to runs, as the chart of a page does."""
        events = await open_events(self.dashboard, f"/api/stream?runs={','.join(runs)}", cookie)
        try:
            while True:
                await events.next("update")
                self.counts["updates"] += 1
        finally:
            events.close()

    async def _presenter(self) -> None:
        """Show the scenes of a lecture, one a minute, over and over."""
        cookie = cookies(secrets.token_hex(16), WORDS)
        lectures = [(name, lecture) for name, lecture in shelf.shipped().items()]
        while True:
            for name, lecture in lectures:
                for place, scene in enumerate(lecture.scenes, 1):
                    await show(self.dashboard, f"/{scene.address(name, place)}", cookie)
                    self.counts["scenes"] += 1
                    await asyncio.sleep(SCENE)

    async def _runs(self, store: Store) -> None:
        """Start runs and races, stop some, delete old ones."""
        while True:
            race = self.chance.random() < 0.3
            config = RaceConfig.parse({"contenders": CONTENDERS}) if race else RunConfig.parse(EACH)
            run = await asyncio.to_thread(store.create_run, config)
            self.counts["runs"] += 1
            await asyncio.sleep(self.chance.uniform(5.0, 40.0))
            await asyncio.to_thread(stop, store, run)
            for old in store.runs(status="ended")[12:]:
                await asyncio.to_thread(store.delete, old.id)


def soak(home: Path, minutes: float = 60.0, viewers: int = 30, seed: int = 0) -> str:
    """Keep a room going, and return how what the server takes grew."""
    with running(home, **{PASSPHRASE: WORDS}) as dashboard:
        room = Soak(dashboard, viewers, random.Random(seed))
        asyncio.run(room.run(60.0 * minutes))
        return room.figures()


def _middle(looks: Sequence[Footprint], name: str) -> float:
    return median(getattr(look, name) for look in looks)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        print(soak(Path(folder), *map(float, sys.argv[1:])), flush=True)
