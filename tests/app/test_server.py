"""The dashboard's server as a person starts it."""

import gzip
import http.client
import re
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from app.ownership import COOKIE, owner_of
from proxprop.runs.process import Process
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from tests.browser.conftest import start_server, stop_server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = start_server(tmp_path_factory.mktemp("home"))
    try:
        running.wait_until_healthy()
        yield running
    finally:
        stop_server(running)


def get(address, headers=None):
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {})) as answer:
        return answer.headers, answer.read()


def test_a_browser_is_given_one_owner_and_keeps_it(server):
    headers, _ = get(server.url)
    (cookie,) = [c for c in headers.get_all("set-cookie") if c.startswith(COOKIE)]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    owner = owner_of(cookie.split(";")[0])
    assert re.fullmatch("[0-9a-f]{32}", owner)
    again, _ = get(server.url, {"Cookie": f"{COOKIE}={owner}"})
    assert not [c for c in again.get_all("set-cookie") or [] if c.startswith(COOKIE)]
    forged, _ = get(server.url, {"Cookie": f"{COOKIE}=somebody"})
    assert [c for c in forged.get_all("set-cookie") if c.startswith(COOKIE)]


def test_streamlits_files_are_sent_compressed(server):
    _, page = get(server.url)
    script = re.search(rb'src="\./(static/js/[^"]+)"', page).group(1).decode()
    plain_headers, plain = get(f"{server.url}/{script}")
    headers, packed = get(f"{server.url}/{script}", {"Accept-Encoding": "gzip, br"})
    assert headers["content-encoding"] == "gzip"
    assert "immutable" in headers["cache-control"]
    assert headers.get_all("set-cookie") is None
    assert headers["content-type"] == plain_headers["content-type"]
    assert gzip.decompress(packed) == plain
    assert len(packed) < 0.5 * len(plain)


def test_the_server_never_loads_torch(server):
    maps = Path(f"/proc/{server.process.pid}/maps")
    if not maps.exists():
        pytest.skip("needs /proc to see which libraries a process has loaded")
    get(server.url)
    assert "libtorch" not in maps.read_text()


def test_an_open_stream_does_not_keep_the_server_from_stopping(tmp_path):
    running = start_server(tmp_path)
    try:
        running.wait_until_healthy()
        run = Store(tmp_path / "proxprop.db").create_run(RunConfig(), process=Process.current())
        port = int(running.url.rsplit(":", 1)[1])
        stream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        stream.request("GET", f"/api/stream?runs={run}")
        answer = stream.getresponse()
        assert answer.readline() == b"retry: 1000\n"
        running.process.send_signal(signal.SIGTERM)
        answer.read()  # ends with the stream
        deadline = time.monotonic() + 30
        while running.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert running.process.poll() is not None
    finally:
        stop_server(running)
