"""Becoming the presenter: by the link that works once, or by the passphrase."""

from __future__ import annotations

import math
import re
import secrets
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.ownership import COOKIE, OWNER, YEAR
from app.room import PRESENTER, get_room

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<link rel="icon" href="favicon.png"><title>ProxProp: present</title>
<body style="font:1.1rem system-ui;margin:15vh auto;max-width:26rem;padding:0 1rem">
<h1>Present</h1><p>{words}</p>
<form method="post" action="present"><label>Passphrase<br>
<input name="passphrase" type="password" autofocus required maxlength="200"
 autocomplete="current-password" style="font:inherit;width:100%;margin:.4rem 0 1rem"></label>
<button style="font:inherit">Present</button></form><p><a href="./">Watch</a></p>
"""
LOCAL = re.compile(r"/(?![/\\])")  # an address of ours
WATCH = "Whoever knows the passphrase starts, changes and stops runs; all others watch."
NO_ROLES = "Everyone may do everything here: there is nothing to sign in to."


async def present(request: Request) -> Response:
    """Make a browser the presenter's, or ask for the passphrase."""
    room, address = get_room(), request.client.host if request.client else ""
    if not room.has_roles:
        return _page(NO_ROLES)
    if request.method in ("GET", "HEAD"):
        token = request.query_params.get("token", "")
        if request.method == "GET" and token and room.takes_token(token):
            place = request.query_params.get("to", "/")
            return _presenter(request, place if LOCAL.match(place) else "/")
        return _page("This link was used already." if token else WATCH)
    if (wait := room.wait(address)) > 0:
        refused = _page(f"Too many wrong passphrases: wait {math.ceil(wait)} s.", 429)
        refused.headers["Retry-After"] = str(math.ceil(wait))
        return refused
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    if room.knows_passphrase(form.get("passphrase", [""])[0], address):
        return _presenter(request)
    return _page("That is not the passphrase.", 403)


async def leave(request: Request) -> Response:
    """Make a browser one of the audience again."""
    answer = RedirectResponse("./", 303)
    if request.method == "POST":
        answer.delete_cookie(PRESENTER, httponly=True, samesite="lax")
    return answer


def _presenter(request: Request, place: str = "/") -> Response:
    owner = request.cookies.get(COOKIE, "")
    answer = RedirectResponse(f".{place}", 303)  # from here: a proxy may have moved us
    safe = request.url.scheme == "https"
    if not OWNER.fullmatch(owner):
        owner = secrets.token_hex(16)
        answer.set_cookie(COOKIE, owner, YEAR, httponly=True, samesite="lax", secure=safe)
    value = get_room().sign(owner)
    answer.set_cookie(PRESENTER, value, YEAR, httponly=True, samesite="lax", secure=safe)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _page(words: str, status: int = 200) -> Response:
    return HTMLResponse(PAGE.format(words=escape(words)), status, {"Cache-Control": "no-store"})


ROOM = [
    Route("/present", present, methods=["GET", "POST"]),
    Route("/leave", leave, methods=["GET", "POST"]),
]
