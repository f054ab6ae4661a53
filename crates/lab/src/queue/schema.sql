-- The queue. Moments are milliseconds since 1970, spans milliseconds.

CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY,
    tag          TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'dead')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,
    max_failures INTEGER NOT NULL CHECK (max_failures > 0),
    worker       TEXT,
    lease_until  INTEGER CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    run_after    INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    started      INTEGER,
    finished     INTEGER CHECK ((state IN ('done', 'dead')) = (finished IS NOT NULL)),
    result       TEXT,
    error        TEXT,
    key          TEXT,
    part         INTEGER NOT NULL DEFAULT 0,
    UNIQUE (key, part)
) STRICT;

CREATE INDEX tasks_of_tag   ON tasks (tag);
CREATE INDEX tasks_due      ON tasks (run_after, id) WHERE state = 'queued';
CREATE INDEX tasks_oldest   ON tasks (tag, created)  WHERE state = 'queued';
CREATE INDEX tasks_leased   ON tasks (lease_until)   WHERE state = 'running';

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
    worker  TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    waited  INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE INDEX completions_of_tag ON completions (tag, number);

-- Counts that are kept, so that reading them costs the same with ten tasks and with ten million.
CREATE TABLE tally (
    tag  TEXT    NOT NULL,
    name TEXT    NOT NULL,
    n    INTEGER NOT NULL,
    PRIMARY KEY (tag, name)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tally_submitted AFTER INSERT ON tasks BEGIN
    INSERT INTO tally (tag, name, n) VALUES (new.tag, new.state, 1)
        ON CONFLICT (tag, name) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER tally_moved AFTER UPDATE OF state ON tasks WHEN old.state <> new.state BEGIN
    UPDATE tally SET n = n - 1 WHERE tag = old.tag AND name = old.state;
    INSERT INTO tally (tag, name, n) VALUES (new.tag, new.state, 1)
        ON CONFLICT (tag, name) DO UPDATE SET n = n + 1;
END;
