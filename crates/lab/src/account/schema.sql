-- Accounts of the lab's API. Moments are milliseconds since 1970.

CREATE TABLE users (
    name    TEXT    PRIMARY KEY,
    hash    TEXT    NOT NULL,
    role    TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    digest  BLOB    PRIMARY KEY,
    user    TEXT    NOT NULL REFERENCES users (name),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_of_user ON tokens (user, created);
CREATE INDEX tokens_ending  ON tokens (expires);
