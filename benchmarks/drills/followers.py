"""A lecture hall: one presenter, a hundred who follow, a run that trains and one that is watched.

`python -m benchmarks.drills.followers [FOLLOWERS]` prints how late the last of them sees a new
scene and a new point, what that costs the run that trains, and what the server keeps of it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import re
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from app.edge.checks import PAGES
from benchmarks.drills.clients import (
    Page,
    cookies,
    in_background,
    open_events,
    open_page,
    show,
    split,
    visit,
)
from benchmarks.drills.dashboard import FORGOTTEN, Dashboard, furnish, running
from proxprop.exposure import PASSPHRASE
from proxprop.lessons import shelf
from proxprop.runs.steering import stop
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Point

WORDS = "a hall of a hundred"
SCENE, POINT = 10.0, 0.5  # seconds between two
ARRIVING = 10  # at the same time
TRAINING = RunConfig.parse(
    {
        "model": {"widths": [512, 512]},
        "batch_size": 500,
        "budget": {"seconds": 7200.0, "epochs": None},
    }
)
LAST_STEP = re.compile(rb'"step":\[(?:\d+,)*(\d+)\]')


class Phase(NamedTuple):
    """What a time with or without followers cost.

    Attributes:
        step: ms from one step of the run that trains to the next.
        memory: MB of the server at most.
    """

    step: float
    memory: float


@dataclass
class Hall:
    """What is measured in the hall.

    Attributes:
        dashboard: Its server.
        watched: The run that gets a point twice a second.
        training: The run that trains.
        scenes: When each scene was put on stage, by link.
        arrived: How late each follower who was there heard of a scene, by link.
        drawn: How late each follower's page was drawn.
        written: When each point was written, by step.
        seen: How late each follower saw a point once all were there.
        arriving: The same while others still came.
        turns: Numbers of showings.
        listening: Followers who hear of scenes.
        watching: Followers who have what was recorded before they came.
        complete: Since when all are there.
    """

    dashboard: Dashboard
    watched: str
    training: str
    scenes: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    drawn: list[float] = field(default_factory=list)
    written: dict[int, float] = field(default_factory=dict)
    seen: list[float] = field(default_factory=list)
    arriving: list[float] = field(default_factory=list)
    turns: Iterator[int] = field(default_factory=itertools.count)
    listening: int = 0
    watching: int = 0
    complete: float = math.inf

    async def listen(self, page: Page, cookie: str) -> None:
        """Follow the presenter: open on one's own page whatever is put on stage."""
        stage = await open_events(self.dashboard, "/api/stage", cookie)
        going: asyncio.Task[None] | None = None
        joined = time.monotonic()
        self.listening += 1
        try:
            while True:
                link = json.loads(await stage.next("stage"))
                shown = self.scenes.get(link, 0.0)
                there = shown > joined  # else it was on stage already when this one came
                if there:
                    self.arrived[link].append(time.monotonic() - shown)
                if going is not None:
                    going.cancel()  # a browser moves on, too
                going = asyncio.create_task(self._go(page, link, shown if there else None))
        finally:
            self.listening -= 1
            stage.close()
            if going is not None:
                going.cancel()

    async def _go(self, page: Page, link: str, shown: float | None) -> None:
        await page.go(*split(link))
        if shown is not None:
            self.drawn.append(time.monotonic() - shown)

    async def watch(self, cookie: str) -> None:
        """Look at the points of both runs as they come."""
        address = f"/api/stream?runs={self.watched},{self.training}&tables=steps"
        events = await open_events(self.dashboard, address, cookie)
        try:
            await events.next("update")
            self.watching += 1
            while True:
                update = await events.next("update")
                _, found, news = update.partition(f'"{self.watched}":'.encode())
                if found and (steps := LAST_STEP.search(news)):
                    written = self.written.get(int(steps[1]))
                    if written is not None:
                        points = self.seen if written > self.complete else self.arriving
                        points.append(time.monotonic() - written)
        finally:
            events.close()

    async def write(self, store: Store) -> None:
        """Write a point of the watched run, twice a second."""
        step = 2000
        while True:
            step += 1
            self.written[step] = begun = time.monotonic()
            point = Point("steps", step, step / 4, step / 8, {"loss": 1.0})
            fields = {"step": step, "heartbeat": time.time()}
            await asyncio.to_thread(store.append, self.watched, [point], fields=fields)
            await asyncio.sleep(max(0.0, begun + POINT - time.monotonic()))

    async def present(self, followers: int) -> None:
        """Put a scene on stage once all are there, another every ten seconds."""
        while min(self.listening, self.watching) < followers:
            await asyncio.sleep(0.05)
        self.complete = time.monotonic()
        cookie = cookies(secrets.token_hex(16), WORDS)
        lectures = shelf.shipped().items()
        places = [
            (name, place) for name, each in lectures for place in range(1, 1 + len(each.scenes))
        ]
        for name, place in itertools.cycle(places):
            # A link that was never shown: each arrival belongs to one showing.
            scene = dict(lectures)[name].scenes[place - 1]
            link = f"/{scene.address(name, place)}&turn={next(self.turns)}"
            self.scenes[link] = time.monotonic()
            await show(self.dashboard, link, cookie)
            await asyncio.sleep(SCENE)

    async def phase(self, count: int, seconds: float) -> Phase:
        """Let so many follow for a while, and then leave."""
        store, gate = self.dashboard.store(), asyncio.Semaphore(ARRIVING)
        self.watching, self.complete = 0, math.inf
        browsers = [cookies(secrets.token_hex(16)) for _ in range(count)]

        async def arrive(cookie: str) -> Page:
            async with gate:
                return await open_page(self.dashboard, "train", f"run={self.watched}", cookie)

        pages = await asyncio.gather(*map(arrive, browsers))
        parts = [self.listen(*each) for each in zip(pages, browsers, strict=True)]
        parts += [self.watch(each) for each in browsers]
        parts += [self.present(count)] if count else []
        async with in_background(*parts, self.write(store)):
            most, begun, first = 0.0, time.monotonic(), store.run(self.training)
            while time.monotonic() < begun + seconds:
                most = max(most, self.dashboard.memory())
                await asyncio.sleep(0.5)
            last, took = store.run(self.training), time.monotonic() - begun
        await asyncio.gather(*(page.connection.close() for page in pages))
        store.close()
        return Phase(1000 * took / max(1, last.step - first.step), most)

    def figures(self) -> str:
        """Return how late the last of the followers was."""
        last = sorted(map(max, self.arrived.values()), reverse=True)
        return (
            f"{len(self.scenes)} scenes heard of by the last within {last[0]:.2f} s (within "
            f"{median(last):.2f} s of half of them; latest "
            f"{', '.join(f'{late:.2f}' for late in last[:4])}), opened and drawn within "
            f"{max(self.drawn):.1f} s (median {median(self.drawn):.1f} s); points seen within "
            f"{max(self.seen):.2f} s (median {median(self.seen):.3f} s), while all come at once "
            f"within {max(self.arriving, default=0.0):.2f} s"
        )


def followers(
    home: Path, count: int = 100, seconds: float = 60.0, times: int = 5, niceness: int = 0
) -> str:
    """Let so many follow a presenter, time and again; return what they saw and what it cost.

    Args:
        home: Where the dashboard's data are.
        count: Followers.
        seconds: How long they follow each time; half of that passes without them in between.
        times: How often they come.
        niceness: Of the followers' process, which stands for other machines.
    """
    with running(home, **{PASSPHRASE: WORDS}) as dashboard:
        store = dashboard.store()
        hall = Hall(dashboard, furnish(store)[0], store.create_run(TRAINING))
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
        return asyncio.run(_follow(hall, store, count, seconds, times))


async def _follow(hall: Hall, store: Store, count: int, seconds: float, times: int) -> str:
    while store.run(hall.training).step == 0:
        await asyncio.sleep(0.2)
    for page in sorted(PAGES):
        await visit(hall.dashboard, page)
    before = hall.dashboard.memory()
    phases = [await hall.phase(0, seconds / 2)]
    for _ in range(times):
        phases += [await hall.phase(count, seconds), await hall.phase(0, seconds / 2)]
    await asyncio.sleep(FORGOTTEN if count > 20 else 0)
    await visit(hall.dashboard, "home")
    kept = hall.dashboard.memory() - before
    stop(store, hall.training)
    slower = median(
        busy.step / mean((calm.step, later.step)) - 1
        for calm, busy, later in zip(phases[::2], phases[1::2], phases[2::2], strict=False)
    )
    each = (max(phase.memory for phase in phases) - before) / count
    return (
        f"{count} followers, {times} times {seconds:.0f} s: {hall.figures()}; training "
        f"{100 * slower:+.0f} % (ms a step without, with, without…: "
        f"{', '.join(f'{phase.step:.1f}' for phase in phases)}); {each:.2f} MB a follower, "
        f"{kept:+.0f} MB once they have left; {hall.dashboard.tracebacks()} tracebacks"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="followers-") as folder:
        print(followers(Path(folder), *map(int, sys.argv[1:]), niceness=5), flush=True)
