"""The stream of a real server: what a client sees, what it sees after a break, and when it ends."""

import http.client
import json
import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette

from app import services
from app.live.series import MAX_POINTS
from app.routes import ROUTES
from proxprop.runs.process import Process
from proxprop.spec.config import RunConfig
from proxprop.spec.events import Artifact, Mark, Point

DEADLINE = 15


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home):
    """Our routes on a real HTTP server, with a store of their own."""
    with pytest.MonkeyPatch.context() as patch:
        services.shut_down()  # of tests before, with another data directory
        patch.setenv("PROXPROP_HOME", str(home))
        listening = socket.create_server(("127.0.0.1", 0))
        app = Starlette(routes=ROUTES)
        running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        services.shut_down()
        running.should_exit = True
        thread.join(DEADLINE)
        assert not thread.is_alive(), "an open stream kept the server from stopping"


@pytest.fixture(scope="module")
def store(server):
    return services.get_store()


@pytest.fixture
def run(store):
    made = store.create_run(RunConfig(), process=Process.current())
    store.append(made, fields={"status": "running", "heartbeat": time.time()})
    return made


def write(store, run, start, stop, loss=float, **fields):
    points = [
        Point("steps", step, step / 10, step / 100, {"loss": loss(step)})
        for step in range(start, stop)
    ]
    fields = {"step": stop, "heartbeat": time.time(), **fields}
    store.append(run, points, fields=fields)


class Client:
    """Reads events off the wire and keeps what the browser would keep."""

    def __init__(self, port, query, last_id=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self.connection.request("GET", f"/api/stream?{query}", headers=headers)
        self.answer = self.connection.getresponse()
        self.last_id = last_id
        self.runs = {}
        self.series = {}
        self.updates = []

    def next(self):
        """Return the next update; comments and the retry hint are read over."""
        lines = []
        while True:
            line = self.answer.readline().decode()
            if not line:
                raise EOFError
            if line.strip():
                lines.append(line.strip())
                continue
            fields = dict(one.split(": ", 1) for one in lines if not one.startswith(":"))
            lines = []
            if fields.get("event") == "update":
                break
        self.last_id = fields["id"]
        update = json.loads(fields["data"])
        self.updates.append(update)
        for run, news in update["runs"].items():
            for key, delta in news.pop("series", {}).items():
                self.apply((run, key), delta)
            self.runs.setdefault(run, {}).update(news)
        return update

    def apply(self, key, delta):
        old = self.series.get(key, {})
        assert delta["from"] <= len(old.get("y", []))
        self.series[key] = {
            name: old.get(name, [])[: delta["from"]] + delta[name]
            for name in ("step", "epoch", "seconds", "y")
        }

    def until(self, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "the stream did not bring what was written"
            self.next()

    def steps(self, run, key="0/steps/loss"):
        return self.series.get((run, key), {"step": []})["step"]

    def close(self):
        self.connection.close()


@contextmanager
def client(port, query, last_id=None):
    opened = Client(port, query, last_id)
    try:
        yield opened
    finally:
        opened.close()


def test_headers_let_an_event_stream_through(server, run):
    with client(server, f"runs={run}") as viewer:
        assert viewer.answer.status == 200
        assert viewer.answer.getheader("content-type").startswith("text/event-stream")
        assert "no-cache" in viewer.answer.getheader("cache-control")
        assert viewer.answer.getheader("content-encoding") is None
        assert viewer.answer.readline() == b"retry: 1000\n"


def test_points_arrive_as_written_and_only_news_follow(server, store, run):
    write(store, run, 0, 50)
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: len(viewer.steps(run)) == 50)
        series = viewer.series[run, "0/steps/loss"]
        assert series["y"] == [float(step) for step in range(50)]
        assert series["epoch"][7] == 0.7
        assert series["seconds"][7] == 0.07
        assert viewer.runs[run]["status"] == "running"
        count = len(viewer.updates)
        write(store, run, 50, 53)
        viewer.until(lambda: len(viewer.steps(run)) == 53)
        sent = [u["runs"][run] for u in viewer.updates[count:]]
        assert all("marks" not in news for news in sent)


@pytest.mark.parametrize("route", ["header", "query"])
def test_a_reconnecting_client_misses_and_repeats_nothing(server, store, run, route):
    write(store, run, 0, 300)
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: len(viewer.steps(run)) == 300)
        kept, last = dict(viewer.series), viewer.last_id
    write(store, run, 300, 421)
    again = (f"runs={run}", last) if route == "header" else (f"runs={run}&last={last}", None)
    with client(server, *again) as viewer:
        viewer.series = kept
        first = viewer.next()
        assert first["runs"][run] is not None
        assert viewer.steps(run) == list(range(421))
        assert "marks" not in first["runs"][run]


def test_a_client_that_has_everything_is_told_nothing(server, store, run):
    write(store, run, 0, 10)
    store.end(run, "finished", "")
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: viewer.runs.get(run, {}).get("status") == "ended")
        last = viewer.last_id
    with client(server, f"runs={run}", last) as viewer:
        viewer.connection.sock.settimeout(2.5)
        with pytest.raises(TimeoutError):
            viewer.next()


@pytest.mark.parametrize("last", ["nonsense", "9.9.9", "0.999999.a.b", "1.2.3.4_5.6.7.8", "-"])
def test_an_id_that_means_nothing_here_starts_over(server, store, run, last):
    write(store, run, 0, 20)
    with client(server, f"runs={run}", last) as viewer:
        viewer.until(lambda: viewer.steps(run) == list(range(20)))


def test_a_resumed_run_replaces_what_was_cut_away(server, store, run):
    write(store, run, 0, 40)
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: len(viewer.steps(run)) == 40)
        revision = store.truncate_after(run, 24)
        write(store, run, 25, 30, loss=lambda step: -float(step))
        viewer.until(lambda: viewer.runs[run]["revision"] == revision)
        viewer.until(lambda: viewer.steps(run)[-1:] == [29])
        expected = [*(float(s) for s in range(25)), *(-float(s) for s in range(25, 30))]
        assert viewer.series[run, "0/steps/loss"]["y"] == expected


def test_not_finite_is_null_and_divergence_a_mark(server, store, run):
    write(store, run, 0, 5, loss=lambda step: math.inf if step == 4 else 1.0)
    store.end(run, "diverged", "diverged at step 4: loss 1 → inf")
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: viewer.runs.get(run, {}).get("outcome") == "diverged")
        assert viewer.series[run, "0/steps/loss"]["y"] == [1, 1, 1, 1, None]
        (mark,) = viewer.runs[run]["marks"]
        assert (mark["kind"], mark["label"]) == ("diverged", "diverged at step 4: loss 1 → inf")


def test_marks_settings_and_artifacts(server, store, run):
    settings = Point("settings", 0, 0, 0, {"lr": 1.0, "tau": 0.05, "cg_steps": 3.0})
    changes = {"direction.solver": "cg", "direction.tau": 0.5}
    mark = Mark(3, 0.3, 0.03, "set", "τ 0.05 → 0.5", changes)
    store.append(run, [settings], [(time.time(), mark)], [Artifact("boundary", 3, {"size": 1})])
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: viewer.runs.get(run, {}).get("artifacts"))
        news = viewer.runs[run]
        assert news["artifacts"] == {"0/boundary": 1}
        assert [m["label"] for m in news["marks"]] == ["τ 0.05 → 0.5"]
        assert viewer.series[run, "0/settings/lr"]["y"] == [1]
        store.append(run, artifacts=[Artifact("boundary", 4, {"size": 2})])
        viewer.until(lambda: viewer.runs[run]["artifacts"] == {"0/boundary": 2})


def test_where_parts_are_is_told_until_the_run_ends(server, store, run):
    nodes = [{"node": "b", "parts": ["the run"], "done": 0, "lost": 0}]
    store.append(run, artifacts=[Artifact("parts", 0, {"nodes": nodes})])
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: viewer.runs.get(run, {}).get("place") == "on b")
        nodes[0]["node"] = "c"
        store.append(run, artifacts=[Artifact("parts", 0, {"nodes": nodes})])
        viewer.until(lambda: viewer.runs[run]["place"] == "on c")
        store.end(run, "stopped", "stopped")
        viewer.until(lambda: viewer.runs[run]["status"] == "ended")
        assert viewer.runs[run]["place"] == ""


def test_only_the_tables_asked_for_are_sent(server, store, run):
    write(store, run, 0, 5)
    store.append(run, [Point("evaluations", 5, 0.5, 0.05, {"train_loss": 2.0})])
    with client(server, f"runs={run}&tables=evaluations") as viewer:
        viewer.until(lambda: (run, "0/evaluations/train_loss") in viewer.series)
        assert (run, "0/steps/loss") not in viewer.series


def test_one_measure_of_all_layers_is_sent_alone(server, store, run):
    names = [f"{measure}/linear{n}" for measure in ("reach", "update") for n in (1, 2)]
    store.append(run, [Point("layers", 5, 0.5, 0.05, dict.fromkeys(names, 2.0))])
    with client(server, f"runs={run}&tables=layers/reach") as viewer:
        viewer.until(lambda: (run, "0/layers/reach/linear2") in viewer.series)
        assert {key for _, key in viewer.series} == {f"0/layers/reach/linear{n}" for n in (1, 2)}


def test_a_silent_process_is_called_stale(server, store, run):
    store.append(run, fields={"status": "running", "heartbeat": time.time() - 60})
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: viewer.runs.get(run, {}).get("stale") is True)
        store.append(run, fields={"heartbeat": time.time()})
        viewer.until(lambda: viewer.runs[run]["stale"] is False)


def test_a_long_run_arrives_whole_and_small(server, store, run):
    values = np.random.default_rng(0).normal(size=10_000)
    for start in range(0, 10_000, 500):
        write(store, run, start, start + 500, loss=lambda step: float(values[step]))
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: viewer.steps(run)[-1:] == [9999])
        y = np.array(viewer.series[run, "0/steps/loss"]["y"])
        assert len(y) <= MAX_POINTS + 2
        np.testing.assert_allclose([y.min(), y.max()], [values.min(), values.max()], rtol=1e-5)


def test_viewers_with_the_same_past_get_the_same_bytes(server, store, run):
    write(store, run, 0, 30)
    tailer = services.get_tailer()
    with client(server, f"runs={run}") as viewer:
        viewer.until(lambda: len(viewer.steps(run)) == 30)
        first = tailer.message((run,), None, "")
        assert tailer.message((run,), None, "") is first
        assert tailer.kept((run,), None, "") is first
        with tailer._lock:
            asked = ThreadPoolExecutor(1).submit(tailer.kept, (run,), None, "")
            assert asked.result(DEADLINE) is None  # it does not wait for what is being built


def test_a_room_has_each_message_built_for_one_of_them(server, store, run, monkeypatch):
    write(store, run, 0, 30)
    tailer, built = services.get_tailer(), []
    message = tailer.message
    monkeypatch.setattr(tailer, "message", lambda *asked: built.append(asked) or message(*asked))
    with ExitStack() as room:
        viewers = [room.enter_context(client(server, f"runs={run}")) for _ in range(20)]
        for end in (30, 31, 32):
            if end > 30:
                write(store, run, end - 1, end)
            for viewer in viewers:
                viewer.until(lambda viewer=viewer, end=end: len(viewer.steps(run)) == end)
    assert len(built) < len(viewers)  # not one each, and far fewer than 60 in all


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("runs=nosuchrun", 404, "No such run: nosuchrun"),
        ("", 400, "Name the runs to follow"),
        ("runs=a%2F..%2Fb", 404, "No such run"),
        ("runs=" + ",".join(f"r{i}" for i in range(101)), 400, "At most 100 runs"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_words(server, query, status, words):
    with client(server, query) as viewer:
        assert viewer.answer.status == status
        assert words in viewer.answer.read().decode()


def test_an_unknown_table_is_refused(server, run):
    with client(server, f"runs={run}&tables=secrets") as viewer:
        assert viewer.answer.status == 400
        assert "steps" in viewer.answer.read().decode()


def test_nobody_watching_means_nobody_working(server, store, run):
    with client(server, f"runs={run}") as viewer:
        viewer.next()
    tailer = services.get_tailer()
    deadline = time.monotonic() + DEADLINE
    while tailer._watched():
        store.append(run, fields={"heartbeat": time.time()})  # makes the server notice
        write(store, run, 0, 1)
        assert time.monotonic() < deadline, "a closed stream is still being followed"
        time.sleep(0.05)


def test_store_is_where_the_tests_put_it(home, store):
    assert store.home == home.resolve()
