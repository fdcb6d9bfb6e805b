"""Pages without a browser: an empty store, a service that starts no process, a known run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import services
from proxprop.runs.process import Process
from proxprop.runs.service import QueueEntry, ServiceStatus
from proxprop.runs.store import Store
from proxprop.spec.config import AnyConfig, RunConfig, SettingsChange
from proxprop.spec.controls import Control
from proxprop.spec.events import Mark, Point

ROOT = Path(__file__).resolve().parents[2]
MAIN = str(ROOT / "app" / "main.py")
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))


class StillService:
    """Records and queues as the real service does, but never starts a process."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def start(self, config: AnyConfig, name: str = "", owner: str = "") -> str:
        return self.store.create_run(config, name, owner)

    def control(self, run_id: str, control: Control) -> None:
        if control.action == "set":
            SettingsChange.parse(control.values)
        self.store.put_control(run_id, control)

    def resume(self, run_id: str) -> None:
        self.store.requeue(run_id)

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


def known_run(
    store: Store, config: RunConfig | None = None, *, outcome: str | None = "finished"
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


def query(at: AppTest) -> dict[str, str]:
    """Return the URL's query; AppTest gives lists or texts, depending on who set it."""
    return {
        name: value if isinstance(value, str) else value[-1]
        for name, value in at.query_params.items()
    }
