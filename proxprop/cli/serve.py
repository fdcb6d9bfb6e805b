"""`proxprop serve`: the dashboard, in the browser."""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import segno
import typer

from proxprop.cli.browser import open_when_ready
from proxprop.cli.errors import EXIT_FAILED, EXIT_REFUSED, without_traceback
from proxprop.cli.options import takes_cluster
from proxprop.cluster.local import hold_local
from proxprop.cluster.settings import ADDRESS, LOCAL
from proxprop.exposure import (
    BASE_PATH,
    LINK,
    OPEN,
    PASSPHRASE,
    RUNS,
    TOKEN,
    base_path,
    network_address,
    new_secret,
    refusal,
)
from proxprop.lessons import shelf
from proxprop.runs.store import Store
from proxprop.spec.config import ConfigError, Problem

_PACKAGE = Path(__file__).resolve().parents[1]
# Where the dashboard lies: in the installed package, or beside it in a checkout. Never the current
# folder, whose `app/server.py` may be anybody's.
INSTALLED = (_PACKAGE / "_dashboard", _PACKAGE.parent)
_HINT = "PROXPROP_PORT_HINT"  # how the person started it, up to the port
_TRIED = 50  # ports looked at for a free one to suggest


@without_traceback
@takes_cluster
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; this machine alone, or all with --present.")
    ] = "",
    port: Annotated[
        int, typer.Option(min=1, max=65535, envvar="PORT", help="Port to listen on.")
    ] = 8501,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    lecture: Annotated[
        str, typer.Option(help="Open on a lecture's first scene: a file, or a shipped one's name.")
    ] = "",
    present: Annotated[
        bool, typer.Option("--present", help="Serve a room: you present, others watch.")
    ] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="Serve a network whose people may all do everything.")
    ] = False,
    base_path: Annotated[
        str, typer.Option(help="Address below which a proxy serves it, e.g. /lab.")
    ] = "",
    audience_runs: Annotated[
        int, typer.Option(min=0, max=10, help="Small runs that each viewer may have.")
    ] = 0,
) -> None:
    """Open the dashboard.

    With --ray the runs that are started on its pages are carried out by that cluster.
    """
    host = host or ("0.0.0.0" if present else "127.0.0.1")
    os.environ[BASE_PATH] = below = _base_path(base_path or os.environ.get(BASE_PATH, ""))
    if present and not os.environ.get(PASSPHRASE):
        os.environ[PASSPHRASE] = new_secret()
        typer.echo(f"Passphrase: {os.environ[PASSPHRASE]}")
    os.environ |= {OPEN: "1"} if open_ else {}
    if problem := refusal(host, os.environ):
        typer.echo(problem, err=True)
        raise typer.Exit(EXIT_REFUSED)
    store = Store()  # a newer, damaged or impossible one is refused here, in words
    store.check_writable()
    store.close()
    place = _first_scene(lecture) if lecture else ""
    root = find_app(*INSTALLED)
    if root is None or find_spec("streamlit") is None:
        typer.echo("The dashboard is not installed: pip install 'proxprop[app]'", err=True)
        raise typer.Exit(EXIT_FAILED)
    if not is_free(host, port):
        other = next((p for p in range(port + 1, port + _TRIED) if is_free(host, p)), None)
        retry = os.environ.get(_HINT, "proxprop serve --port ")
        hint = f"; try: {retry}{other}" if other else ""
        typer.echo(f"Port {port} of {host} is in use or not allowed{hint}", err=True)
        raise typer.Exit(EXIT_FAILED)
    link = f"{address(host, port)}{below}{place or '/' * bool(below)}"
    if os.environ.get(PASSPHRASE):
        link = _opened_room(host, port, place, audience_runs)
    if os.environ.get(ADDRESS) == LOCAL:
        typer.echo("Starting a Ray cluster of this machine …")
        os.environ[ADDRESS] = hold_local()
    typer.echo(f"ProxProp dashboard: {link}")
    if browser and _has_screen():
        open_when_ready(link)
    os.chdir(root)  # where .streamlit/config.toml lies
    os.execv(sys.executable, command(root, host, port))


def _opened_room(host: str, port: int, place: str, audience_runs: int) -> str:
    """Tell the server of its room, show the audience's link; return the presenter's."""
    everywhere = host in ("0.0.0.0", "::")
    below = os.environ[BASE_PATH]
    reached = f"{address(network_address() if everywhere else host, port)}{below}"
    audience = os.environ.get(LINK) or reached  # behind a proxy only its owner knows
    token = new_secret()
    os.environ |= {TOKEN: token, LINK: audience, RUNS: str(audience_runs)}
    typer.echo(f"Audience: {audience}")
    if sys.stdout.isatty():
        segno.make(audience).terminal(compact=True)
    typer.echo("The presenter's link works once; later, the passphrase does at /present.")
    return f"{address(host, port)}{below}/present?{urlencode({'token': token, 'to': place or '/'})}"


def _first_scene(lecture: str) -> str:
    """Return the address of a lecture's first scene; a file is served to the pages from now on.

    Raises:
        ConfigError: If the file cannot be read, or there is no such lecture.
    """
    name = lecture
    if (path := Path(lecture).resolve()).is_file():
        name = shelf.name_for(path.stem)
        os.environ[shelf.SERVED] = str(path)
    found = shelf.find_lecture(name)
    if found is None:
        known = ", ".join(shelf.shipped())
        rule = f"must be a file or one of {known}; got {lecture!r}"
        raise ConfigError([Problem("--lecture", rule)])
    return f"/{found.scenes[0].address(name, 1)}"


def _base_path(given: str) -> str:
    try:
        return base_path(given)
    except ValueError as error:
        raise ConfigError([Problem("--base-path", str(error))]) from error


def find_app(*candidates: Path) -> Path | None:
    """Return the first folder that holds the dashboard."""
    return next((root for root in candidates if (root / "app" / "server.py").is_file()), None)


def is_free(host: str, port: int) -> bool:
    """Return whether one may listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def address(host: str, port: int) -> str:
    """Return the page's address as typed into a browser on this machine."""
    shown = "localhost" if host in ("0.0.0.0", "::", "") else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def command(root: Path, host: str, port: int) -> list[str]:
    """Return the command that becomes the server."""
    return [
        sys.executable,
        *("-m", "streamlit", "run", str(root / "app" / "server.py")),
        f"--server.address={host}",
        f"--server.port={port}",
        "--server.headless=true",
    ]


def _has_screen() -> bool:
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
