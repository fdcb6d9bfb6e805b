"""The store's tables. One SQLite file in WAL mode; the worker appends, everyone else reads.

A run's points are kept as chunks: a few rows a second per run however fast it trains, each a
block of little-endian float64 columns. `seq` grows over the whole store, so a reader asks for
"everything after seq" and misses nothing. When a run resumes, points later than its checkpoint are
cut away and `revision` grows, which tells readers to start that run over.
"""

from __future__ import annotations

from typing import Literal

SCHEMA_VERSION = 1  # kept in SQLite's user_version

Status = Literal["queued", "starting", "running", "paused", "ended"]
STATUSES: tuple[Status, ...] = ("queued", "starting", "running", "paused", "ended")

# status: queued → starting → running ⇄ paused → ended; outcome is set once it has ended.
TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id            TEXT PRIMARY KEY,          -- short, URL-safe, random
    kind          TEXT NOT NULL,             -- run | race | sweep
    name          TEXT NOT NULL,
    config        TEXT NOT NULL,             -- JSON of the config
    digest        TEXT NOT NULL,
    status        TEXT NOT NULL,             -- queued | starting | running | paused | ended
    outcome       TEXT,                      -- see proxprop.spec.events.Outcome
    words         TEXT NOT NULL DEFAULT '',  -- outcome or latest notice, in words
    revision      INTEGER NOT NULL DEFAULT 0,
    step          INTEGER NOT NULL DEFAULT 0,
    epoch         REAL NOT NULL DEFAULT 0,
    seconds       REAL NOT NULL DEFAULT 0,
    progress      REAL,                      -- 0..1 of the budget
    started_info  TEXT,                      -- JSON of proxprop.spec.events.Started
    summary       TEXT NOT NULL DEFAULT '{}',
    owner         TEXT NOT NULL DEFAULT '',  -- cookie of the browser that started it
    tags          TEXT NOT NULL DEFAULT '[]',
    notes         TEXT NOT NULL DEFAULT '',
    created       REAL NOT NULL,             -- unix seconds
    queued        REAL,                      -- unix seconds; when it last joined the queue
    resume        INTEGER NOT NULL DEFAULT 0, -- 1: goes on from its last checkpoint when started
    started       REAL,
    ended         REAL,
    deleted       REAL,                      -- set: in the bin, restorable for a while
    pid           INTEGER,                   -- of the process that runs it
    process       TEXT,                      -- host and start time: tells reused pids apart
    heartbeat     REAL                       -- unix seconds, about twice a second
);
CREATE TABLE IF NOT EXISTS chunks (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id     TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    member     INTEGER NOT NULL,
    tbl        TEXT NOT NULL,                -- steps | evaluations | layers | settings
    first_step INTEGER NOT NULL,
    last_step  INTEGER NOT NULL,
    rows       INTEGER NOT NULL,
    columns    TEXT NOT NULL,                -- JSON list; starts with step, epoch, seconds
    data       BLOB NOT NULL                 -- float64, little-endian, column after column
);
CREATE INDEX IF NOT EXISTS chunks_by_run ON chunks(run_id, seq);
CREATE TABLE IF NOT EXISTS events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    member  INTEGER NOT NULL,
    time    REAL NOT NULL,
    step    INTEGER NOT NULL,
    kind    TEXT NOT NULL,                   -- mark | notice | started | ended
    payload TEXT NOT NULL                    -- JSON of the event
);
CREATE INDEX IF NOT EXISTS events_by_run ON events(run_id, seq);
CREATE TABLE IF NOT EXISTS artifacts (
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    member  INTEGER NOT NULL,
    name    TEXT NOT NULL,
    step    INTEGER NOT NULL,
    version INTEGER NOT NULL,                -- grows with every replacement
    payload TEXT NOT NULL,                   -- JSON; null stands for NaN and infinity
    PRIMARY KEY (run_id, member, name)
);
CREATE TABLE IF NOT EXISTS controls (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    created REAL NOT NULL,
    payload TEXT NOT NULL,                   -- JSON of proxprop.spec.events.Control
    taken   REAL                             -- when the worker obeyed
);
CREATE INDEX IF NOT EXISTS controls_waiting ON controls(run_id, seq) WHERE taken IS NULL;
CREATE TABLE IF NOT EXISTS checkpoints (
    run_id  TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
    step    INTEGER NOT NULL,
    path    TEXT NOT NULL,                   -- relative to the data directory
    created REAL NOT NULL,
    PRIMARY KEY (run_id, step)
);
"""
