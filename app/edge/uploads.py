"""Which pages may send a file, and how much of it the server holds at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamlit.runtime import Runtime, exists
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.edge.checks import Refusal
from proxprop.data.uploads import MAX_MEGABYTES

MOST_AT_ONCE = 4  # files of all viewers, on their way or held
_OVERHEAD = 1 << 16  # bytes of a form around its file


class Uploads:
    """Sessions whose page shows an uploader, and the files that are on their way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: set[str] = set()  # in the run of the page that goes on
        self._permitted: set[str] = set()
        self._coming: set[str] = set()

    def permit(self) -> None:
        """Let the page that is being drawn send a file."""
        if (context := get_script_run_ctx()) is not None:
            with self._lock:
                self._shown.add(context.session_id)
                self._permitted.add(context.session_id)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw a page; without an uploader on it, it may send no file any more."""
        try:
            yield
        finally:
            context = get_script_run_ctx()
            session = context.session_id if context is not None else ""
            with self._lock:
                if session not in self._shown:
                    self._permitted.discard(session)
                self._shown.discard(session)

    def begin(self, session: str, size: int | None) -> Refusal | None:
        """Note a file on its way, or return why it is refused; `size` is what it says of itself."""
        with self._lock:
            if session not in self._permitted or not _is_active(session):
                self._permitted.discard(session)
                return Refusal(403, "No page that takes a file is open here.")
            if size is not None and size > MAX_MEGABYTES * 10**6 + _OVERHEAD:
                return Refusal(413, f"A file may have at most {MAX_MEGABYTES} MB.")
            held = _held()
            if session in held or session in self._coming:
                return Refusal(409, "Another file of this page is on its way.")
            if len(held) + len(self._coming) >= MOST_AT_ONCE:
                return Refusal(503, "Others are sending files; try again in a minute.")
            self._coming.add(session)
            return None

    def end(self, session: str) -> None:
        """Note that a file has arrived, or never will."""
        with self._lock:
            self._coming.discard(session)


def let_go(sent: Any) -> None:
    """Drop a file that Streamlit holds in memory, once it is kept elsewhere."""
    if (context := get_script_run_ctx()) is not None and exists():
        manager: Any = Runtime.instance().uploaded_file_mgr
        manager.remove_file(context.session_id, sent.file_id)


def _is_active(session: str) -> bool:
    return exists() and Runtime.instance().is_active_session(session)


def _held() -> set[str]:
    """Return the sessions of which Streamlit holds a file."""
    if not exists():
        return set()
    storage: dict[str, Any] = getattr(Runtime.instance().uploaded_file_mgr, "file_storage", {})
    return {session for session, files in list(storage.items()) if files}


UPLOADS = Uploads()
