"""The journal's tables and everything that is written into them."""

from __future__ import annotations

APPLICATION = 0x4C4F5942
"""SQLite's ``application_id`` of a journal."""

VERSION = 2
"""SQLite's ``user_version``: how these tables look."""

# What is not finished is held whole beside the rows, so that a finished row takes little.
TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL, runs INTEGER NOT NULL,
    ordinal INTEGER, start INTEGER, line INTEGER
);
INSERT INTO progress VALUES (1, 0, 0, NULL, NULL, NULL);
CREATE TABLE rows (
    ordinal INTEGER PRIMARY KEY, state INTEGER NOT NULL, run INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, line INTEGER,
    key TEXT, customer TEXT, amount TEXT,
    tried REAL, ended REAL, points INTEGER, error TEXT, marker TEXT
);
CREATE UNIQUE INDEX rows_by_key ON rows (key) WHERE key IS NOT NULL;
CREATE TABLE held (
    ordinal INTEGER PRIMARY KEY, customer TEXT NOT NULL, row BLOB NOT NULL, receipt BLOB
);
CREATE INDEX held_by_customer ON held (customer, ordinal);
CREATE TABLE dead (
    ordinal INTEGER PRIMARY KEY, form TEXT NOT NULL, row TEXT NOT NULL, own TEXT
);
CREATE INDEX dead_by_own ON dead (own) WHERE own IS NOT NULL;
CREATE TABLE digests (
    digest TEXT NOT NULL, ordinal INTEGER NOT NULL, PRIMARY KEY (digest, ordinal)
) WITHOUT ROWID;
CREATE TABLE examples (
    slot INTEGER PRIMARY KEY, at REAL NOT NULL, row BLOB NOT NULL, marker TEXT
);
"""

# `run` is the one that last met the row in its input; to go on with a row is not to meet it.
INTENT = """
INSERT INTO rows (ordinal, state, run, tries, line, key, customer, amount, tried, marker)
VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ordinal) DO UPDATE SET
    state = excluded.state, tries = tries + 1, key = excluded.key,
    customer = excluded.customer, amount = excluded.amount, tried = excluded.tried,
    marker = excluded.marker, error = NULL
"""

# A row that was never about to leave: put aside, invalid, or found to be there already.
PLACE = """
INSERT INTO rows (ordinal, state, run, line, key, customer, amount, ended, points, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (ordinal) DO UPDATE SET
    state = excluded.state, key = excluded.key, customer = excluded.customer,
    amount = excluded.amount, ended = excluded.ended, points = excluded.points,
    error = excluded.error
"""

HOLD = "INSERT OR REPLACE INTO held (ordinal, customer, row) VALUES (?, ?, ?)"
OUTCOME = "UPDATE rows SET state = ?, ended = ?, points = ?, error = ? WHERE ordinal = ?"
DOUBT = "UPDATE held SET receipt = ? WHERE ordinal = ?"
RELEASE = "DELETE FROM held WHERE ordinal = ?"
# By its digests and its own key a row is known when it comes again, whatever was mended since.
BURY = """
INSERT INTO dead (ordinal, form, row, own) VALUES (?, ?, ?, ?)
ON CONFLICT (ordinal) DO UPDATE SET form = excluded.form, row = excluded.row
"""
# One for each of the ways in which it stood there and was refused.
KNOW = "INSERT OR IGNORE INTO digests (digest, ordinal) VALUES (?, ?)"
EXAMPLE = "INSERT OR REPLACE INTO examples (slot, at, row, marker) VALUES (?, ?, ?, ?)"
SEEN = "UPDATE rows SET run = ? WHERE ordinal = ?"
FACT = "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)"
COUNT = "UPDATE progress SET sequence = ?"
ADVANCE = "UPDATE progress SET ordinal = ?, start = ?, line = ?"
