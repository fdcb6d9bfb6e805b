"""What the server keeps of pages that were left."""

from __future__ import annotations

import gc
import weakref

import pytest
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.caching.storage.dummy_cache_storage import MemoryCacheStorageManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionInfo

from app.edge.left import LeftPages


class Session:
    """A session that refers to itself, as real ones do."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self.id, self.itself, self.ended = name, self, ended

    def shutdown(self) -> None:
        self.ended.append(self.id)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemorySessionStorage:
    """Where a runtime keeps sessions for no time at all."""
    monkeypatch.setattr(Runtime, "_instance", None)  # and set again once the test is over
    stored = MemorySessionStorage(ttl_seconds=0)
    Runtime(
        RuntimeConfig(
            script_path="main.py",
            media_file_storage=MemoryMediaFileStorage("/media"),
            uploaded_file_manager=MemoryUploadedFileManager("/upload"),
            cache_storage_manager=MemoryCacheStorageManager(),
            session_storage=stored,
        )
    )
    return stored


def test_pages_that_nobody_comes_back_to_are_let_go(storage: MemorySessionStorage) -> None:
    ended: list[str] = []
    gc.disable()  # as if it had no reason to look
    try:
        session = Session("left", ended)
        storage.save(SessionInfo(client=None, session=session, script_run_count=1))
        alive = weakref.ref(session)
        del session
        LeftPages().sweep()
        assert (alive(), ended) == (None, ["left"])
    finally:
        gc.enable()


def test_a_page_that_may_come_back_is_kept(
    storage: MemorySessionStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage._cache, "_ttl", 60)
    storage.save(SessionInfo(client=None, session=Session("broken", []), script_run_count=1))
    LeftPages().sweep()
    assert storage.get("broken") is not None
