"""What a request may look like; the rest is refused in one place, with a status and words."""

from __future__ import annotations

import os
import re
import socket
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope
from streamlit import file_util

PAGES = frozenset(path.stem for path in (Path(__file__).parents[2] / "pages").glob("*.py"))
HOSTS_VARIABLE = "PROXPROP_HOSTS"  # more names under which the dashboard is reached, by commas
LONGEST_PATH = 1000  # characters, decoded
LONGEST_PART = 200  # bytes between two slashes; file systems end at 255
LONGEST_QUERY = 32_768  # bytes; the longest link of a page, a race of eight, has some 4,000
UPLOAD = re.compile(r"/_stcore/upload_file/([\w-]{1,64})/([\w-]{1,64})", re.ASCII)
# What Streamlit offers and the pages use; the rest of its addresses is closed.
PLATFORM = re.compile(
    r"/_stcore/(health|host-config|stream|metrics|bidi-components/.+|upload_file/.+)"
)
FOLDERS = ("/api/", "/assets/", "/static/", "/media/", "/component/")
FORMS = ("/present", "/leave", "/api/stage")  # what is posted to
OURS = ("/", "/present", "/leave", "/speaker")
_ODD = re.compile("[\x00-\x1f\x7f\ufffd\\\\]")


class Refusal(NamedTuple):
    """Why a request is not answered: an HTTP status and words."""

    status: int
    words: str


def refusal(scope: Scope) -> Refusal | None:
    """Return why a request or websocket is refused; None where it may pass."""
    path, headers = scope["path"], Headers(scope=scope)
    if not host_allowed(headers.get("host")):
        return Refusal(
            421,
            "This dashboard is not reached under that name. Use its address in numbers, or set "
            f"{HOSTS_VARIABLE} to the name where it is served.",
        )
    if not origin_allowed(headers.get("origin"), headers["host"]):
        return Refusal(403, "Requests from pages of other sites are refused.")
    if len(path) > LONGEST_PATH or any(
        len(part.encode(errors="replace")) > LONGEST_PART for part in path.split("/")
    ):
        return Refusal(414, "This address is too long.")
    if len(scope["query_string"]) > LONGEST_QUERY:
        return Refusal(414, "The query of this address is too long.")
    if _ODD.search(path) or path.startswith("//") or ".." in path.split("/"):
        return Refusal(400, "This address has signs that no address here has.")
    if not known(path):
        return Refusal(404, "There is no such page.")
    if scope["type"] == "http":
        return _of_method(scope["method"], path, headers)
    return None


def known(path: str) -> bool:
    """Return whether anything may answer at `path`."""
    if path.startswith("/_stcore/"):
        return PLATFORM.fullmatch(path) is not None
    trimmed = path.rstrip("/") or "/"
    return (
        trimmed in OURS or trimmed[1:] in PAGES or trimmed in _files() or path.startswith(FOLDERS)
    )


def host_allowed(host: str | None) -> bool:
    """Return whether a Host header names this server.

    A page of another site can point a name of its own at this machine (DNS rebinding), but neither
    a number nor a name that is not its own.
    """
    name = hostname(host)
    return name is not None and (_is_number(name) or name in _names() or name == "localhost")


def origin_allowed(origin: str | None, host: str) -> bool:
    """Return whether an Origin header, where there is one, is that of our own pages."""
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.netloc.lower() == host.lower() or (parts.hostname or "") in _given_names()


def hostname(host: str | None) -> str | None:
    """Return the name or number in a Host header, None where it is malformed."""
    try:
        parts = urlsplit(f"//{host or ''}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    if "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@cache
def _files() -> frozenset[str]:
    """Return the addresses of the files beside Streamlit's page."""
    return frozenset(f"/{path.name}" for path in Path(file_util.get_static_dir()).glob("*.*"))


@cache
def _names() -> frozenset[str]:
    own = socket.gethostname().lower()
    return _given_names() | {own, f"{own.partition('.')[0]}.local"}


@cache
def _given_names() -> frozenset[str]:
    given = os.environ.get(HOSTS_VARIABLE, "").lower().split(",")
    return frozenset(name.strip() for name in given if name.strip())


def _of_method(method: str, path: str, headers: Headers) -> Refusal | None:
    allowed = ("GET", "HEAD")
    if path.startswith("/_stcore/upload_file/"):
        if not UPLOAD.fullmatch(path):
            return Refusal(404, "There is no such upload.")
        allowed = ("PUT", "DELETE", "OPTIONS")  # type: ignore[assignment]
    elif path in FORMS:
        allowed = ("GET", "HEAD", "POST")  # type: ignore[assignment]
    if method not in allowed:
        return Refusal(405, f"Only {', '.join(allowed)} is answered here.")
    body = headers.get("content-length", "0")
    if not (body.isascii() and body.isdigit() and len(body) < 16):
        return Refusal(400, "Content-Length is no number.")
    if method not in ("PUT", "POST") and (int(body) or "transfer-encoding" in headers):
        return Refusal(400, "This request has a body where none belongs.")
    return None
