-- The queue. Moments are milliseconds since 1970, spans milliseconds.

CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY,
    tag          TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'dead', 'purged')),
    priority     INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 9),
    attempts     INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,
    max_failures INTEGER NOT NULL CHECK (max_failures > 0),
    worker       TEXT,
    lease_until  INTEGER CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    run_after    INTEGER NOT NULL,
    deadline     INTEGER,
    created      INTEGER NOT NULL,
    started      INTEGER,
    finished     INTEGER CHECK ((state IN ('done', 'dead', 'purged')) = (finished IS NOT NULL)),
    result       TEXT,
    error        TEXT,
    batch        TEXT,
    labels       TEXT,
    key          TEXT,
    part         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (key, part)
) STRICT;

CREATE INDEX tasks_of_tag   ON tasks (tag);
CREATE INDEX tasks_of_batch ON tasks (batch)                        WHERE batch IS NOT NULL;
CREATE INDEX tasks_due      ON tasks (priority DESC, run_after, id) WHERE state = 'queued';
CREATE INDEX tasks_oldest   ON tasks (tag, kind, created)           WHERE state = 'queued';
CREATE INDEX tasks_leased   ON tasks (lease_until)                  WHERE state = 'running';
CREATE INDEX tasks_dead     ON tasks (id)                           WHERE state = 'dead';

CREATE TABLE labels (
    label TEXT    NOT NULL,
    task  INTEGER NOT NULL,
    PRIMARY KEY (label, task)
) STRICT, WITHOUT ROWID;

-- What was promised: written with the task, never changed. A promise without its task is a lost task.
CREATE TABLE promises (
    task INTEGER PRIMARY KEY,
    tag  TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

CREATE INDEX promises_of_tag ON promises (tag);

-- What was completed: at most one row a task, whatever the workers believe.
CREATE TABLE completions (
    number  INTEGER PRIMARY KEY,
    task    INTEGER NOT NULL UNIQUE,
    tag     TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    worker  TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    waited  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE INDEX completions_of_tag ON completions (tag, number);

-- Counts that are kept, so that reading them costs the same with ten tasks and with ten million.
CREATE TABLE tally (
    tag  TEXT    NOT NULL,
    kind TEXT    NOT NULL,
    name TEXT    NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (tag, kind, name)
) STRICT, WITHOUT ROWID;

-- What happened. Writers hold the file's lock, so numbers become visible in their order.
CREATE TABLE events (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    happened TEXT    NOT NULL,
    task     INTEGER NOT NULL,
    tag      TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    attempt  INTEGER NOT NULL,
    worker   TEXT,
    late     INTEGER NOT NULL
) STRICT;

CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
