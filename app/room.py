"""The room: who presents, who watches, and how one becomes the presenter.

Alone on this machine, and where it was opened to all on purpose, everyone may do everything. With
a passphrase, whoever knows it presents; all others are the audience.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from app.ownership import COOKIE, OWNER
from proxprop.exposure import LINK, PASSPHRASE, RUNS, TOKEN

Role = Literal["presenter", "audience"]

PRESENTER = "proxprop_presenter"  # cookie
TRIES, WAIT = 5, 60.0  # wrong passphrases of one address, then seconds to wait
MOST_ADDRESSES = 10_000  # remembered


@dataclass
class Room:
    """Roles where others can reach the server.

    Attributes:
        passphrase: Makes whoever knows it the presenter; "" where there are no roles.
        token: Does the same once, in the presenter's link; "" once it was used.
        link: Where the audience finds the pages; "" where nobody has to be told.
        audience_runs: How many small runs each viewer may have.
    """

    passphrase: str = ""
    token: str = ""
    link: str = ""
    audience_runs: int = 0
    _failed: Counter[str] = field(default_factory=Counter)
    _closed: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_roles(self) -> bool:
        """Whether some may do less than others."""
        return bool(self.passphrase)

    def role(self, cookies: Mapping[str, str]) -> Role:
        """Return the role of a browser by its cookies."""
        if not self.has_roles:
            return "presenter"
        owner = str(cookies.get(COOKIE, ""))
        if not OWNER.fullmatch(owner):
            return "audience"
        given = str(cookies.get(PRESENTER, "")).encode("latin-1", "replace")
        return "presenter" if hmac.compare_digest(given, self.sign(owner).encode()) else "audience"

    def sign(self, owner: str) -> str:
        """Return the cookie that makes a browser the presenter's."""
        return hmac.new(_key(self.passphrase), owner.encode(), hashlib.sha256).hexdigest()

    def wait(self, address: str) -> float:
        """Return for how many seconds an address is not listened to."""
        with self._lock:
            return max(0.0, self._closed.get(address, 0.0) - time.monotonic())

    def knows_passphrase(self, given: str, address: str) -> bool:
        """Return whether a passphrase is right; five wrong ones make an address wait."""
        right = self.has_roles and hmac.compare_digest(given.encode(), self.passphrase.encode())
        with self._lock:
            if right:
                self._failed.pop(address, None)
                return True
            if len(self._failed) > MOST_ADDRESSES:
                self._failed.clear()
                self._closed.clear()
            self._failed[address] += 1
            if self._failed[address] >= TRIES:
                self._failed.pop(address)
                self._closed[address] = time.monotonic() + WAIT
        return False

    def takes_token(self, given: str) -> bool:
        """Return whether this is the presenter's link, which works once."""
        with self._lock:
            right = bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())
            if right:
                self.token = ""
        return right


def room_of(environment: MutableMapping[str, str]) -> Room:
    """Return the room that the environment describes, and take its secrets out."""
    runs = environment.get(RUNS, "0")
    return Room(
        environment.pop(PASSPHRASE, ""),
        environment.pop(TOKEN, ""),
        environment.get(LINK, ""),
        int(runs) if runs.isascii() and runs.isdigit() else 0,
    )


@cache
def get_room() -> Room:
    """Return the server's room."""
    return room_of(os.environ)


@cache
def _key(passphrase: str) -> bytes:
    # A cookie outlives the server as long as the passphrase is the same, and is dear to turn back.
    return hashlib.scrypt(passphrase.encode(), salt=b"proxprop presenter", n=2**14, r=8, p=1)
