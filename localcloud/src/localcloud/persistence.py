"""What survives a restart: one SQLite file, written after each change and before its answer is sent.

moto keeps everything in memory. Its EC2 backend is pickled whole (measured: some 70 ms at 1,000 machines); alarms,
history and datapoints are rows. SQLite's write-ahead log makes a kill -9 between any two instructions harmless.
"""

import gzip
import logging
import pickle
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import moto

log = logging.getLogger(__name__)

#: raise when a pickled class of ours changes its meaning
FORMAT = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS snapshot (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS alarm (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY, alarm TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,
    summary TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_of_alarm ON history (alarm, at);
CREATE TABLE IF NOT EXISTS datapoint (
    series TEXT NOT NULL, at INTEGER NOT NULL, visible REAL NOT NULL,
    samples REAL NOT NULL, total REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (series, at, unit)) WITHOUT ROWID;
"""


class Database:
    """One connection behind one lock: SQLite is fast enough here, and threads cannot conflict."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._connection = _connect(_usable(file))

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._connection:
            return self._connection.execute(sql, values).fetchall()

    def execute_many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        with self._lock, self._connection:
            self._connection.executemany(sql, rows)

    def save(self, name: str, thing: object) -> None:
        body = gzip.compress(pickle.dumps(thing, protocol=5), compresslevel=1)
        self.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?)", (name, body))

    def load(self, name: str) -> Any:
        rows = self.execute("SELECT body FROM snapshot WHERE name = ?", (name,))
        # The file is ours and readable by nobody else; that is what makes unpickling it safe.
        return pickle.loads(gzip.decompress(rows[0][0])) if rows else None  # noqa: S301

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _connect(file: Path) -> sqlite3.Connection:
    new = not file.exists()
    connection = sqlite3.connect(file, check_same_thread=False)
    if new:
        file.chmod(0o600)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -1024")
    connection.executescript(_SCHEMA)
    with connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (_version(),))
    return connection


def _version() -> str:
    return f"{FORMAT} moto {moto.__version__}"


def _usable(file: Path) -> Path:
    """Return the file; one that another version of moto has pickled is renamed: it might load and fail later."""
    if not file.exists():
        return file
    connection = sqlite3.connect(file)
    try:
        row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        row = ("an unreadable file",)
    finally:
        connection.close()
    if row is None or row[0] == _version():
        return file
    aside = file.with_name(f"{file.name}.set-aside-{int(time.time())}")
    log.warning("the state in %s was written by %s, this is %s: set aside as %s", file, row[0], _version(), aside.name)
    file.replace(aside)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    return file
