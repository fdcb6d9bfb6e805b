"""The store: every run that was ever made, in one file. Thread-safe; loads no torch."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable

from proxprop import paths
from proxprop.runs.errors import RunError, UnknownRunError
from proxprop.runs.writing import Writing

BIN_DAYS = 7.0


class Store(Writing):
    """Runs and everything recorded of them.

    `Reading` answers questions, `Writing` is for processes that run things; the methods here are
    what a person does with runs. A connection is taken from a small pool for every call, so one
    store may be shared by threads; processes open their own.

    Args:
        path: The SQLite file; default `proxprop.db` in the data directory (`PROXPROP_HOME`).
        busy_timeout: Seconds to wait for another writer before giving up.

    Raises:
        StoreError: If the file cannot be opened, is damaged, or of a newer version.
    """

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._set(run_id, "name", name.strip())

    def note(self, run_id: str, notes: str) -> None:
        """Replace the notes about a run."""
        self._set(run_id, "notes", notes)

    def tag(self, run_id: str, tags: Iterable[str]) -> None:
        """Replace a run's tags; blanks and repetitions are dropped."""
        clean = dict.fromkeys(tag.strip() for tag in tags if tag.strip())
        self._set(run_id, "tags", json.dumps(list(clean), ensure_ascii=False))

    def tags(self) -> list[str]:
        """Return every tag in use, alphabetically."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT value FROM runs, json_each(runs.tags) "
                "WHERE deleted IS NULL ORDER BY value COLLATE NOCASE"
            ).fetchall()
        return [row["value"] for row in rows]

    def delete(self, run_id: str) -> None:
        """Put a run in the bin, from which `restore` brings it back for some days."""
        self._set(run_id, "deleted", time.time())

    def restore(self, run_id: str) -> None:
        """Take a run out of the bin."""
        self._set(run_id, "deleted", None)

    def purge(self, run_id: str) -> None:
        """Delete a run for good, with its checkpoints and log.

        Raises:
            RunError: If it is still running.
        """
        if self.run(run_id).alive:
            raise RunError(f"Run {run_id} is still running; stop it before deleting it for good.")
        with self._writing() as connection:
            connection.execute("DELETE FROM runs WHERE id = ?", (run_id,))
        shutil.rmtree(paths.checkpoints(run_id, self.home), ignore_errors=True)
        paths.log(run_id, self.home).unlink(missing_ok=True)

    def empty_bin(self, older_than_days: float = BIN_DAYS) -> list[str]:
        """Delete for good what has been in the bin for longer; return the ids."""
        limit = time.time() - older_than_days * 86_400
        old = [
            run.id
            for run in self.runs(deleted=True)
            if run.deleted is not None and run.deleted <= limit and not run.alive
        ]
        for run_id in old:
            self.purge(run_id)
        return old

    def _set(self, run_id: str, column: str, value: object) -> None:
        with self._writing() as connection:
            changed = connection.execute(
                f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id)
            ).rowcount
        if not changed:
            raise UnknownRunError(run_id)
