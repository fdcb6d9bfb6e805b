"""What a request may look like."""

import pytest

from app.edge.checks import PAGES, host_allowed, origin_allowed, refusal

PAGE = {"type": "http", "method": "GET", "path": "/train", "query_string": b""}


def scope(host="localhost:8501", origin=None, **changes):
    headers = [(b"host", host.encode())] if host is not None else []
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return {**PAGE, "headers": headers, **changes}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8501", "[::1]:8501", "192.168.1.5:80"])
def test_numbers_and_this_machine_are_hosts(host):
    assert host_allowed(host)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "localhost.evil.example:80", "a@localhost", "x:99999", "["]
)
def test_a_name_that_was_pointed_here_is_none(host):
    assert not host_allowed(host)
    assert refusal(scope(host=host)).status == 421


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:8501", True),
        ("http://localhost:9999", False),
        ("http://evil.example", False),
        ("http://localhost:8501.evil.example", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_only_our_own_pages_ask(origin, allowed):
    assert origin_allowed(origin, "localhost:8501") is allowed
    reason = refusal(scope(origin=origin, type="websocket", path="/_stcore/stream"))
    assert (reason is None) is allowed


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/present",
        "/favicon.png",
        "/_stcore/health",
        "/api/x",
        *(f"/{p}" for p in sorted(PAGES)),
    ],
)
def test_what_is_there_may_be_asked_for(path):
    assert refusal(scope(path=path)) is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/train/nowhere", 404),
        ("/_stcore/agent/interact", 404),
        ("/_stcore/", 404),
        ("/static/\0", 400),
        ("/static/a\\b", 400),
        ("/static/\ufffd", 400),
        ("/api/../x", 400),
        ("//evil.example", 400),
        ("/assets/x/" + "a" * 5000, 414),
        ("/assets/" + "é" * 150, 414),
    ],
)
def test_what_cannot_be_meant_is_refused(path, status):
    assert refusal(scope(path=path)).status == status


def test_only_what_changes_something_has_a_body():
    upload = "/_stcore/upload_file/session/file"
    assert refusal(scope(method="PUT", path=upload)) is None
    assert refusal(scope(method="GET", path=upload)).status == 405
    assert refusal(scope(method="POST")).status == 405
    long = scope()
    long["headers"].append((b"content-length", b"5"))
    assert refusal(long).status == 400
    assert refusal(scope(query_string=b"a" * 40_000)).status == 414
