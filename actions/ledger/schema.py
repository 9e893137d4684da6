"""
The ledger's tables and closed sets: ``ledger.sqlite3`` in the state folder, described here and nowhere else.

    episodes   one alert from its first firing notification to its end
    alerts     each notification about an alert, with what was decided (kept for ALERTS_KEPT_SECONDS); of one
               that is about another shop only the last
    runs       one decision to act, whoever took it
    steps      the actions of a run, in order
    log        the lines that the steps left
    decisions  what persons decided about a run after its start: approved, cancelled
    outbox     ends of runs that are still to be told, one row for each place
    counters   totals that outlive the rows they count
    schedules  since when a schedule is known

Times are seconds since 1970, UTC. A run's ``submission`` counts how often it was given to the engine; its
``due_key`` is unique, so that a due time of a schedule starts one run. A step's ``freed_bytes`` holds what
all its attempts freed so far, ``carried_bytes`` what the attempts before the present one did.
"""

import enum
from typing import Final

SCHEMA_VERSION: Final = 3
ALERTS_KEPT_SECONDS: Final = 90 * 86400.0


class Trigger(enum.StrEnum):
    """What made a run begin."""

    ALERT = "alert"
    SCHEDULE = "schedule"
    PAGE = "page"
    API = "api"
    COMMAND_LINE = "command line"


class RunState(enum.StrEnum):
    """Where a run is; a refused run was never begun."""

    ACCEPTED = "accepted"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class StepState(enum.StrEnum):
    """Where a step is; a skipped step was not needed (any more), or had no room."""

    PENDING = "pending"
    WAITING = "waiting"
    APPROVED = "approved"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Decision(enum.StrEnum):
    """What became of a run by a person's word, or for want of it."""

    APPROVED = "approved"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Target(enum.StrEnum):
    """Where the end of a run is told."""

    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"


class EpisodeEnd(enum.StrEnum):
    """How an episode ended: told by Alertmanager, or no news for too long."""

    RESOLVED = "resolved"
    EXPIRED = "expired"


OPEN_RUN_STATES: Final = (RunState.ACCEPTED, RunState.WAITING, RunState.RUNNING)

# What version 2 added; a ledger of version 1 gets it when it is opened.
_DECISIONS_AND_OUTBOX: Final = """
CREATE TABLE decisions (
    run TEXT NOT NULL REFERENCES runs,
    time REAL NOT NULL,
    what TEXT NOT NULL,
    who TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_by_run ON decisions (run);

CREATE TABLE outbox (
    run TEXT NOT NULL REFERENCES runs,
    target TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt REAL NOT NULL,
    PRIMARY KEY (run, target)
) STRICT
"""

# What version 3 added. An alert about another shop is kept once, however often it is sent.
_LEVEL_AND_FOREIGN: Final = """
ALTER TABLE episodes ADD COLUMN level TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX one_foreign_alert ON alerts (fingerprint) WHERE verdict = 'foreign'
"""

MIGRATIONS: Final = {1: _DECISIONS_AND_OUTBOX, 2: _LEVEL_AND_FOREIGN}
"""By the version they start from: the statements that lead to the next."""

SCHEMA: Final = """
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    alertname TEXT NOT NULL,
    severity TEXT NOT NULL,
    resource TEXT NOT NULL,
    labels TEXT NOT NULL,
    opened REAL NOT NULL,
    last_news REAL NOT NULL,
    runs INTEGER NOT NULL DEFAULT 0,
    exhausted INTEGER NOT NULL DEFAULT 0,
    closed REAL,
    ending TEXT
) STRICT;
CREATE UNIQUE INDEX one_open_episode ON episodes (fingerprint) WHERE closed IS NULL;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    received REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    alertname TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    episode INTEGER REFERENCES episodes,
    verdict TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_by_time ON alerts (received);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    trigger TEXT NOT NULL,
    who TEXT NOT NULL,
    playbook TEXT NOT NULL DEFAULT '',
    alertname TEXT NOT NULL DEFAULT '',
    resource TEXT NOT NULL DEFAULT '',
    episode INTEGER REFERENCES episodes,
    until_below REAL,
    dry_run INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    submission INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    accepted REAL NOT NULL,
    started REAL,
    waiting_since REAL,
    finished REAL,
    summary TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    process INTEGER,
    process_started REAL,
    due_key TEXT UNIQUE
) STRICT;
CREATE INDEX runs_by_time ON runs (accepted);
CREATE INDEX runs_by_playbook ON runs (playbook, resource, accepted);
CREATE INDEX runs_by_episode ON runs (episode);
CREATE INDEX runs_open ON runs (state) WHERE state IN ('accepted', 'waiting', 'running');

CREATE TABLE steps (
    run TEXT NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    options TEXT NOT NULL,
    needs_approval INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    started REAL,
    finished REAL,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER,
    unit TEXT NOT NULL DEFAULT '',
    carried_bytes INTEGER NOT NULL DEFAULT 0,
    freed_bytes INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0,
    summary TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, position)
) STRICT;
CREATE INDEX steps_by_action ON steps (action, state);

CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    position INTEGER NOT NULL,
    time REAL NOT NULL,
    line TEXT NOT NULL
) STRICT;
CREATE INDEX log_by_step ON log (run, position);

CREATE TABLE counters (
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, label)
) STRICT;

CREATE TABLE schedules (
    key TEXT PRIMARY KEY,
    known_since REAL NOT NULL
) STRICT;
""" + ";".join(MIGRATIONS.values())
