"""Whom the dashboard is served to: what `proxprop serve` decides and the server is told."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Mapping
from ipaddress import ip_address

PASSPHRASE = "PROXPROP_PASSPHRASE"  # makes whoever knows it the presenter
TOKEN = "PROXPROP_TOKEN"  # in the presenter's link, which works once
LINK = "PROXPROP_AUDIENCE_LINK"  # where the audience finds the pages
RUNS = "PROXPROP_AUDIENCE_RUNS"  # small runs that each viewer may have
BASE_PATH = "PROXPROP_BASE_PATH"  # below which the pages lie, "/lab" say; "" for none
OPEN = "PROXPROP_OPEN"  # set: everyone who reaches the server may do everything

REFUSED = (
    "Serving {host} lets everyone on the network start, change and delete runs here. Choose "
    f"--present, so that others watch and you present (or set {PASSPHRASE} to a passphrase of "
    "your own), or --open if all of them may do everything."
)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches what is served at `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refusal(host: str, environment: Mapping[str, str]) -> str:
    """Return why `host` is not served as the environment stands; "" where it is."""
    allowed = environment.get(PASSPHRASE) or environment.get(OPEN)
    return "" if allowed or is_loopback(host) else REFUSED.format(host=host or "all addresses")


def base_path(given: str) -> str:
    """Return a base path as it is compared, "/lab" for "lab/"; "" for none.

    Raises:
        ValueError: If it is none.
    """
    path = given.strip("/")
    if path and not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", path, re.ASCII):
        rule = "must be made of letters, digits, dots, dashes and slashes"
        raise ValueError(f"{rule}, for example /lab; got {given!r}")
    return f"/{path}" if path else ""


def new_secret() -> str:
    """Return a passphrase or token that nobody guesses."""
    return secrets.token_urlsafe(12)


def network_address() -> str:
    """Return this machine's address on its network; that of this machine alone without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Chooses an interface and sends nothing; the address belongs to nobody (RFC 5737).
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
