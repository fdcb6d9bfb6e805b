"""Pages without a browser: an empty store, a service that starts no process, a known run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import services
from app.room import Room, get_room
from app.state.draft import Draft, read_text
from proxprop.runs.errors import RunEndedError
from proxprop.runs.process import Process
from proxprop.runs.replay import back
from proxprop.runs.service import QueueEntry, ServiceStatus
from proxprop.runs.steering import give_up, requeue
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, RunConfig, SettingsChange
from proxprop.spec.controls import Control
from proxprop.spec.events import Mark, Point

ROOT = Path(__file__).resolve().parents[2]
MAIN = str(ROOT / "app" / "main.py")
SECRET = "open sesame"
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


class StillService:
    """Records and queues as the real service does, but never starts a process."""

    trouble = ""

    def __init__(self, store: Store) -> None:
        self.store = store

    def start(self, config: AnyConfig, name: str = "", owner: str = "") -> str:
        return self.store.create_run(config, name, owner)

    def control(self, run_id: str, control: Control) -> None:
        if self.store.run(run_id).status == "ended":
            raise RunEndedError(run_id)
        if control.action == "set":
            SettingsChange.parse(control.values)
        self.store.put_control(run_id, control)

    def resume(
        self, run_id: str, config: AnyConfig | None = None, begin_again: bool = False
    ) -> None:
        requeue(self.store, run_id, None, config, begin_again)

    def back(
        self, run_id: str, step: int | None, turned: Mapping[str, Any], owner: str = ""
    ) -> str:
        return back(self.store, run_id, step, turned, owner)

    def give_up(self, run_id: str) -> None:
        give_up(self.store, run_id)

    def delete(self, run_id: str) -> None:
        self.store.delete(run_id)

    def status(self) -> ServiceStatus:
        queue = self.store.queue()
        waiting = tuple(QueueEntry(run.id, i + 1, 90.0) for i, run in enumerate(queue))
        return ServiceStatus(2, (), waiting, False, "")

    def shutdown(self) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store that the pages use."""
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setattr(services, "_PARTS", {})
    fresh = services.get_store()
    services._PARTS["service"] = StillService(fresh)
    yield fresh
    fresh.close()


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """The server's room, without roles as long as it has no passphrase."""
    here = get_room()
    for name, value in {"passphrase": "", "token": "once", "link": "http://192.0.2.7:8501"}.items():
        monkeypatch.setattr(here, name, value)
    return here


def known_run(
    store: Store,
    config: RunConfig | None = None,
    *,
    outcome: str | None = "finished",
    saved: bool = True,
) -> str:
    """Write down a run of 40 steps whose loss is 2/(step + 1); ended unless `outcome` is None."""
    run_id = store.create_run(config or RunConfig(), process=Process.current())
    points = []
    for step in range(40):
        place = {"step": step, "epoch": step / 15, "seconds": step / 100}
        points.append(Point("steps", **place, values={"loss": 2 / (step + 1)}))
        if step % 10 == 0:
            measured = {"train_loss": 2 / (step + 1), "validation_accuracy": step / 40}
            points.append(Point("evaluations", **place, values=measured))
    mark = Mark(20, 20 / 15, 0.2, "set", "τ 0.05 → 0.5", {"direction.tau": 0.5})
    fields = {"status": "running", "step": 40, "epoch": 2.67, "seconds": 0.4}
    store.append(run_id, points, events=[(0.0, mark)], fields=fields)
    if saved:
        store.add_checkpoint(run_id, 40, f"checkpoints/{run_id}/0000000040.safetensors")
    if outcome is not None:
        summary = {"train_loss": 0.0625, "validation_accuracy": 0.963}
        store.end(run_id, outcome, "finished after 30 epochs", summary=summary)
    return run_id


def open_page(name: str, **query: str | list[str]) -> AppTest:
    """Open a page of the app by a link."""
    at = AppTest.from_file(MAIN, default_timeout=20)
    at.query_params.update(query)
    at.switch_page(str(ROOT / "pages" / f"{name}.py"))
    return at.run()


def unfold(at: AppTest, *names: str) -> AppTest:
    """Open folded groups of the form: "data", "model", "budget", "more"."""
    for name in names:
        at.session_state[f"group.{name}"] = True
    return at.run()


def text(at: AppTest) -> str:
    """Return every sentence on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(at, kind))


def table(at: AppTest, label: str) -> dict[str, list[str]]:
    """Return the columns of a small table, by their heads."""
    (html,) = [
        part.proto.body for part in at.get("html") if f'aria-label="{label}"' in part.proto.body
    ]  # type: ignore[attr-defined]
    head, *rows = [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr.*?</tr>", html, re.DOTALL)
    ]
    return dict(zip(head, map(list, zip(*rows, strict=True)), strict=True))


def components(at: AppTest, name: str) -> list[dict[str, Any]]:
    """Return what each of our components of a name was given."""
    parts = at.get("bidi_component")
    return [json.loads(part.proto.json) for part in parts if name in part.proto.component_name]  # type: ignore[attr-defined]


def dials(at: AppTest) -> dict[str, dict[str, Any]]:
    """Return key → what each number with a slider shows."""
    return {each["key"]: each for each in components(at, "dial")}


def turn(at: AppTest, draft: Draft, name: str, typed: str) -> AppTest:
    """Turn a dial of a draft on the page as its text would."""
    draft.edit(name, read_text(name, typed))
    return at.run()


def query(at: AppTest) -> dict[str, str]:
    """Return the URL's query; AppTest gives lists or texts, depending on who set it."""
    return {
        name: value if isinstance(value, str) else value[-1]
        for name, value in at.query_params.items()
    }


def as_number(shown: str) -> float:
    """Return what a number that a page shows says: 1.2·10⁻⁴ is 0.00012."""
    lowered = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    return float(shown.replace("·10", "e").translate(lowered))
