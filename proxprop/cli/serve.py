"""`proxprop serve`: the dashboard, in the browser."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from proxprop.cli.browser import open_when_ready
from proxprop.cli.errors import EXIT_FAILED

_TRIED = 50  # ports looked at for a free one to suggest


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Open the dashboard."""
    root = find_app(Path(__file__).resolve().parents[2], Path.cwd())
    if root is None:
        typer.echo(
            "The dashboard's files (app/server.py) are not beside the installed package. Run this "
            "in a checkout of the repository, or install it from there with: pip install -e .",
            err=True,
        )
        raise typer.Exit(EXIT_FAILED)
    if not is_free(host, port):
        other = next((p for p in range(port + 1, port + _TRIED) if is_free(host, p)), None)
        hint = f"; try: proxprop serve --port {other}" if other else ""
        typer.echo(f"Port {port} of {host} is in use or not allowed{hint}", err=True)
        raise typer.Exit(EXIT_FAILED)
    typer.echo(f"ProxProp dashboard: {address(host, port)}")
    if browser and _has_screen():
        open_when_ready(address(host, port))
    os.chdir(root)  # where .streamlit/config.toml lies
    os.execv(sys.executable, command(root, host, port))


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
