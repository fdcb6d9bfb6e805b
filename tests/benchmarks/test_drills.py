"""The drills, short: what they print in full is in docs/reliability.md."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from benchmarks.drills.__main__ import DRILLS, main
from benchmarks.drills.damage import damage
from benchmarks.drills.deaths import kills
from benchmarks.drills.followers import followers
from benchmarks.drills.requests import ODD, PATHS, raw_requests
from benchmarks.drills.soak import soak
from benchmarks.drills.strangers import attacks, links, viewers
from tests.asynchronous import run


def test_requests_are_the_same_each_time_and_try_every_path() -> None:
    made = raw_requests(1500, "r", "s")
    assert made == raw_requests(1500, "r", "s")
    assert len(set(made)) > len(ODD) * len(PATHS) * 0.9
    assert all(request.endswith(b"\r\n\r\n") for request in made)


def test_a_drill_is_carried_out_by_name(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRILLS, "disk", lambda home: f"in {home.name}")
    main(["disk"])
    assert "in drill-disk-" in capsys.readouterr().out


@pytest.mark.slow
def test_attacks_are_borne(tmp_path: Path) -> None:
    figures = run(asyncio.to_thread(attacks, tmp_path, count=100))
    assert "20 of 20 refused; foreign websockets: 20 of 20 refused" in figures
    assert "300 closed" in figures
    assert "0 tracebacks" in figures


@pytest.mark.slow
def test_links_and_viewers_are_borne(tmp_path: Path) -> None:
    figures = run(asyncio.to_thread(links, tmp_path / "links", count=10, patience=0))
    assert "0 not drawn" in figures
    assert "0 pages failed, 0 tracebacks" in figures
    figures = run(asyncio.to_thread(viewers, tmp_path / "viewers", count=5, seconds=3))
    assert "0 tracebacks" in figures


@pytest.mark.slow
def test_deaths_lose_nothing_and_damage_is_told(tmp_path: Path) -> None:
    figures = kills(tmp_path / "kills", workers=1, servers=1, both=0)
    assert "2 workers and 1 servers killed" in figures
    assert re.search(r"0 points lost, (\d+) of \1 runs equal to an untouched one", figures)
    assert "0 tracebacks" in figures
    assert "7 told in words, 1 read, 0 tracebacks" in damage(tmp_path / "damage")


@pytest.mark.slow
def test_a_room_is_followed_and_goes_on(tmp_path: Path) -> None:
    figures = run(asyncio.to_thread(followers, tmp_path / "hall", count=5, seconds=4, times=1))
    assert "1 scenes heard of by the last within" in figures
    assert "0 tracebacks" in figures
    figures = run(asyncio.to_thread(soak, tmp_path / "soak", minutes=0.3, viewers=3))
    assert "0 zombies, 0 tracebacks" in figures
