"""What strangers try on a real server."""

from __future__ import annotations

import asyncio
import csv
import io
import socket
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from app.edge import connections, uploads
from app.ownership import COOKIE
from benchmarks.drills.requests import raw_requests, send
from proxprop.data.uploads import MAX_MEGABYTES
from tests.asynchronous import run as run_apart
from tests.runs.waiting import until


@pytest.fixture(scope="module", autouse=True)
def half(site):
    """Half a request, sent before all others."""
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: local")
        yield connection


def get(address, method="GET", body=None, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, data=body, headers=names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_no_raw_request_ends_in_an_error(site):
    answers = send(site.port, raw_requests(400, site.run, site.race))
    assert answers.failed == []
    assert set(answers.statuses) <= {200, 204, 301, 307, 400, 403, 404, 405, 414, 421}
    assert "Traceback" not in site.server.log.read_text()


def test_every_answer_has_the_headers(site):
    for path in ("/", "/train", "/nowhere", "/_stcore/health", f"/api/runs/{site.run}/points.csv"):
        _, headers, _ = get(site.server.url + path)
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval'", "")
        assert headers["x-content-type-options"] == "nosniff"


def test_an_unknown_address_says_so(site):
    status, _, body = get(f"{site.server.url}/nowhere", Accept="text/html")
    assert status == 404
    assert "There is no such page" in body.decode()


def test_a_name_pointed_at_this_machine_is_refused(site):
    assert get(site.server.url, Host="evil.example")[0] == 421
    assert get(f"{site.server.url}/_stcore/health", Origin="http://evil.example")[0] == 403


async def _knock(site, origin):
    address = f"{site.server.url.replace('http', 'ws')}/_stcore/stream"
    async with websockets.connect(address, origin=origin, subprotocols=["streamlit"]):
        pass


def test_a_foreign_websocket_is_refused_at_once_and_nothing_is_asked(site):
    start = time.monotonic()
    for origin in (f"http://{name}.example" for name in "abcde"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            run_apart(_knock(site, origin))
        assert refused.value.response.status_code == 403
    assert time.monotonic() - start < 5
    run_apart(_knock(site, site.server.url))
    assert site.outgoing() == ""


def test_messages_for_viewers_are_kept_within_bounds(site):
    def ask(last):
        address = f"{site.server.url}/api/stream?runs={site.run}&last={last}"
        with urllib.request.urlopen(address, timeout=15) as answer:
            lines = []
            while not (lines and lines[-1].startswith(b"data:")):
                lines.append(answer.readline())
            return len(lines[-1])

    ask("")  # the first one makes the server look
    before = memory(site.server.process.pid)
    for number in range(150):
        assert ask(f"0.0.a.{number:x}") > 5000
    assert memory(site.server.process.pid) - before < 10


def test_one_browser_does_not_open_all_streams(site):
    def ask(owner):
        stream = socket.create_connection(("127.0.0.1", site.port), 10)
        head = f"GET /api/stage HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}={owner}\r\n\r\n"
        stream.sendall(head.encode())
        return stream, int(stream.recv(1000).split()[1])

    opened = [ask("a" * 32) for _ in range(121)]
    opened.append(ask("b" * 32))
    assert [status for _, status in opened] == [200] * 120 + [503, 200]
    for stream, _ in opened:
        stream.close()
    until(lambda: ask("a" * 32)[1] == 200, "closed ones are not counted")


async def say(site, *messages, patience=30):
    """Say something on a page's connection, and return how it was closed."""
    address = f"ws://127.0.0.1:{site.port}/_stcore/stream"
    async with websockets.connect(address, origin=site.server.url, max_size=None) as page:
        with suppress(websockets.ConnectionClosed, TimeoutError):
            for message in messages:
                await page.send(message)
            async with asyncio.timeout(patience):
                while True:
                    await page.recv()
        return page.close_code


def test_a_page_says_no_more_than_pages_do(site):
    before = memory(site.server.process.pid)
    for _ in range(3):
        assert run_apart(say(site, bytes(20_000_000))) == 1009
    assert memory(site.server.process.pid) - before < 10


def test_no_message_of_a_page_ends_in_a_traceback(site):
    for broken in ("words", b"", b"\xff" * 100, BackMsg().SerializeToString() + b"\x0f"):
        assert run_apart(say(site, broken)) != 1000  # which is how this side would end it
    ids = {"string_value": "x" * 5000, "id": "$$ID-x-\x00"}
    states = WidgetStates(widgets=[WidgetState(**ids), WidgetState(id="start", trigger_value=True)])
    place = {"query_string": "%00=%ff&run=..", "page_name": "../x", "page_script_hash": "0"}
    odd = ClientState(
        **place, fragment_id="none", widget_states=states, cached_message_hashes=["a"]
    )
    messages = [BackMsg(rerun_script=odd)]
    for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields:
        empty = getattr(BackMsg(), field.name)
        message = BackMsg()
        if field.message_type is not None:
            getattr(message, field.name).SetInParent()
        else:
            setattr(message, field.name, type(empty)(True))
        messages.append(message)

    async def say_all():
        texts = [message.SerializeToString() for message in messages]
        await asyncio.gather(*(say(site, text, text, patience=1) for text in texts))

    run_apart(say_all())
    assert "Traceback" not in site.server.log.read_text()
    assert "a page failed" not in site.server.log.read_text()


def memory(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def put(site, session, size):
    """Return how a file of a size is answered before it is sent."""
    with socket.create_connection(("127.0.0.1", site.port), 10) as connection:
        head = f"PUT /_stcore/upload_file/{session}/a HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        return int(connection.recv(1000).split()[1])


def test_no_file_is_taken_where_no_page_asks_for_one(site):
    assert put(site, "nosuchsession", 10) == 403
    assert put(site, "nosuchsession", 10**12) == 403


def test_a_page_sends_one_file_at_a_time_and_few_do_at_once(monkeypatch):
    drawn, held = [], {}
    monkeypatch.setattr(
        uploads, "get_script_run_ctx", lambda: SimpleNamespace(session_id=drawn[-1])
    )
    monkeypatch.setattr(uploads, "_is_active", lambda session: True)
    monkeypatch.setattr(uploads, "_held", lambda: set(held))
    gate = uploads.Uploads()

    def draw(session, uploader):
        drawn.append(session)
        with gate.drawing():
            if uploader:
                gate.permit()

    def status(session, size=10):
        reason = gate.begin(session, size)
        return reason and reason.status

    for session in "abcde":
        draw(session, uploader=True)
    draw("f", uploader=False)
    assert status("f") == 403
    assert status("a", (MAX_MEGABYTES + 1) * 10**6) == 413
    assert status("a") is None
    assert status("a") == 409
    gate.end("a")
    held["a"] = True  # until the page has taken it
    assert status("a") == 409
    assert [status(session) for session in "bcd"] == [None] * 3
    assert status("e") == 503
    held.clear()
    assert status("e") is None
    draw("a", uploader=False)
    assert status("a") == 403


def test_spreadsheets_are_given_no_formula(site):
    _, _, body = get(f"{site.server.url}/api/races/{site.race}/table.csv")
    cells = [cell for row in csv.reader(io.StringIO(body.decode())) for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_half_a_request_is_not_waited_for(monkeypatch):
    class Connection:
        def __init__(self, loop):
            self.loop, self.connections, self.cycle = loop, set(), None

        config = SimpleNamespace(ws_max_size=0)

        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            pass

    class Transport:
        def __init__(self):
            self.closed, self.protocol = False, None

        def get_protocol(self):
            return self.protocol

        def is_closing(self):
            return self.closed

        def close(self):
            self.closed = True

        abort = close

    class Answered:
        response_complete = False

    monkeypatch.setattr(connections, "PATIENCE", 0.05)
    connections.limit_connections(2, Connection)

    async def scenario():
        made = []
        for _ in range(3):
            connection, transport = Connection(asyncio.get_running_loop()), Transport()
            transport.protocol = connection
            connection.connections = range(len(made) + 1)
            connection.connection_made(transport)
            made.append((connection, transport))
        half, whole, refused = made
        half[0].data_received(b"GET / HT")
        whole[0].cycle = Answered()
        whole[0].data_received(b"GET / HTTP/1.1\r\n\r\n")
        assert refused[1].closed
        await asyncio.sleep(0.2)
        return half[1].closed, whole[1].closed

    assert run_apart(scenario()) == (True, False)


@pytest.mark.browser
def test_a_file_is_sent_from_the_page_that_asks_for_it(site, page, tmp_path):
    rows = "".join(f"{i},{i % 2}\n" for i in range(300))
    (tmp_path / "own.csv").write_text("a,label\n" + rows)
    page.goto(f"{site.server.url}/train?data.name=folder&data.path=/nowhere")
    page.get_by_role("button", name="Data").click()
    page.locator("input[type=file]").set_input_files(str(tmp_path / "own.csv"))
    page.get_by_text("300 rows in 2 classes").first.wait_for()
    assert list((site.server.home / "uploads").glob("*/own.csv"))


@pytest.mark.slow
@pytest.mark.browser
def test_every_page_and_a_run_work_without_a_network(site, page):
    for name in ("", "train", "stability", "compare", "layers", "paper", "runs"):
        page.goto(f"{site.server.url}/{name}")
        page.wait_for_selector("h1")
    page.goto(f"{site.server.url}/train?budget.epochs=2")
    page.get_by_role("button", name="Start").click()
    until(lambda: _ended(site), "a run ends", 60)
    assert site.outgoing() == ""


def _ended(site):
    done = site.store.runs(kind="run", status="ended")
    return any(run.outcome == "finished" for run in done)


def test_a_connection_that_says_nothing_is_ended(half):
    half.settimeout(connections.PATIENCE + 10)
    assert half.recv(100) == b""
