"""SQLite (WAL) or PostgreSQL behind one small interface: durable transactions, bulk rows, migrations.

SQL stands in one dialect subset that both understand, with `?` for parameters; bulk rows go to the driver's
`executemany` as tuples, because building a dict per key would cost more than the encryption.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.vault import files

#: The newest revision of each lineage; `tests/unit/vault/test_database.py` holds these against the migration files.
HEADS = {"keys": "keys_0002", "state": "state_0002"}
#: Words that our triggers raise, and the error each becomes.
HELD = "incamera-held"
#: What SQLite calls a write that a quota or a limit on file sizes cut off; only a disk without space is SQLITE_FULL to it.
_NO_ROOM = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
_PARAMETERS_MAX = 30_000


class Database:
    """One database of the vault: `keys` or `state`."""

    def __init__(self, url: str, lineage: str) -> None:
        self.lineage = lineage
        self._url = url
        self.engine = _engine(url)
        self._writer = self.engine.execution_options(incamera_write=True)
        self.postgres = self.engine.dialect.name == "postgresql"
        self.name = f"{lineage}.db"

    @classmethod
    def at(cls, path: Path, lineage: str, *, create: bool) -> Database:
        """The SQLite file *path*, migrated to the newest revision.

        Raises:
            Unavailable: `vault.missing-database` where *create* is false and there is no file.
        """
        if not create and not path.exists():
            raise Unavailable(
                "vault.missing-database", "the vault's database is not there; restore it from its backup", where=path.name
            )
        database = cls(f"sqlite:///{path}", lineage)
        database.migrate()
        files.close_to_others(path, group=lineage == "state")  # no group ever reads keys.db
        return database

    def exists(self) -> bool:
        """Whether the schema is there, at whatever revision."""
        with self.translate(), self.engine.connect() as connection:
            return _revision(connection) is not None

    def migrate(self) -> None:
        """Bring the schema to `HEADS`. Raises `Malformed` (`vault.newer-format`) on a schema that this version cannot know."""
        with self.translate(), self.engine.connect() as connection:
            found = _revision(connection)
        if found == HEADS[self.lineage]:
            return
        from alembic import command
        from alembic.script.revision import ResolutionError
        from alembic.util.exc import CommandError

        with self.translate():
            try:
                with self.begin() as connection:
                    command.upgrade(self._alembic(connection), "head")
            except (CommandError, ResolutionError):
                raise Malformed(
                    "vault.newer-format", "the database was written by a newer version; use that version", where=self.name
                ) from None

    def _alembic(self, connection: Connection | None) -> Any:
        from alembic.config import Config

        folder = resources.files("incamera.vault") / "migrations"
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("version_locations", str(folder / self.lineage))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        return config

    # --- transactions ---------------------------------------------------------------------------------------------

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One durable transaction: all of it on disk at the end, or none."""
        with self.translate(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def begin_lazily(self) -> Iterator[Connection]:
        """A transaction that survives the process, and a power cut only once a durable one follows: for counts that the
        ledger holds as well."""
        with self.translate(), self._lazy.begin() as connection:
            if self.postgres:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection

    @cached_property
    def _lazy(self) -> Engine:
        engine = self.engine if self.postgres else _engine(self._url, synchronous="NORMAL")
        return engine.execution_options(incamera_write=True)

    def execute(self, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """One statement with positional `?` parameters."""
        return connection.exec_driver_sql(self._dialect(sql), tuple(parameters))

    def execute_many(self, connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """One statement for many rows; returns how many rows it changed."""
        if not rows:
            return 0
        return int(connection.exec_driver_sql(self._dialect(sql), list(rows)).rowcount)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query, as one read."""
        with self.translate(), self.engine.connect() as connection:
            return _tuples(self.execute(connection, sql, parameters))

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def stream(self, sql: str, parameters: Sequence[Any] = (), *, size: int = 10_000) -> Iterator[Any]:
        """Rows of a query, *size* in memory at a time."""
        with self.translate(), self.engine.connect().execution_options(stream_results=True) as connection:
            result = self.execute(connection, sql, parameters)
            if self.postgres:  # a server-side cursor, which SQLAlchemy reads ahead
                for part in result.partitions(size):
                    yield from part
                return
            while chunk := result.cursor.fetchmany(size):
                yield from chunk

    def chosen(self, sql: str, keys: Sequence[bytes | str | int]) -> Iterator[Any]:
        """Rows of *sql*, whose `{}` stands for a list of `?`, over any number of keys."""
        with self.translate(), self.engine.connect() as connection:
            yield from self.chosen_by(connection, sql, keys)

    def chosen_by(self, connection: Connection, sql: str, keys: Sequence[bytes | str | int]) -> Iterator[Any]:
        """`chosen`, inside a transaction that is open already."""
        for low in range(0, len(keys), _PARAMETERS_MAX):
            some = keys[low : low + _PARAMETERS_MAX]
            yield from _tuples(self.execute(connection, sql.format(",".join("?" * len(some))), some))

    def close(self) -> None:
        """Let go of every connection; on SQLite the write-ahead log is folded into the file."""
        self.engine.dispose()
        if "_lazy" in self.__dict__:
            self._lazy.dispose()

    def checkpoint(self) -> None:
        """Fold SQLite's write-ahead log into the file and truncate it, so that overwritten keys do not linger there."""
        if not self.postgres:
            with self.translate(), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _dialect(self, sql: str) -> str:
        return sql.replace("?", "%s") if self.postgres else sql

    @contextmanager
    def translate(self) -> Iterator[None]:
        """Turn a driver's exception into the house's, without its parameters: those are keys."""
        try:
            yield
        except (IntegrityError, OperationalError, DatabaseError) as flaw:
            raise _translated(str(flaw.orig), self.name, getattr(flaw.orig, "sqlite_errorname", "")) from None


def _translated(message: str, where: str, name: str = "") -> Error:
    if HELD in message:
        return Refused("vault.held", "a legal hold covers this key: it can be neither erased nor overwritten", where=where)
    if "malformed" in message or "not a database" in message:
        return Unverified("vault.damaged-database", "the database file is damaged; restore it from its backup", where=where)
    if name in _NO_ROOM or "full" in message or "No space left" in message:
        hint = "the disk takes no more: space, quota or permitted file size; nothing already stored was touched"
        return Unavailable("vault.disk-full", hint, where=where)
    if "locked" in message:
        return Unavailable("vault.busy", "another process holds the database; try again", where=where)
    return Unavailable("vault.database", "the database refused the statement; nothing of this step was stored", where=where)


def _engine(url: str, *, synchronous: str = "FULL") -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True)
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=60000")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA secure_delete=ON")  # an erased key is overwritten in its page, not merely unlinked
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(
            "PRAGMA wal_autocheckpoint=8192"
        )  # fold the log in large pieces: random pages are written once, not thrice
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Writers queue at the start: an upgrade from reader to writer in mid-transaction would fail instead of waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("incamera_write") else "BEGIN")

    return engine


def _revision(connection: Connection) -> str | None:
    try:
        return connection.execute(text("SELECT version_num FROM migration")).scalar()
    except DatabaseError as flaw:
        if "no such table" in str(flaw.orig) or "does not exist" in str(flaw.orig):
            return None
        raise


def _tuples(result: Any) -> list[Any]:
    """The driver's own tuples: wrapping millions of key rows would cost more than unwrapping the keys."""
    found: list[Any] = result.cursor.fetchall()
    result.close()
    return found


def chunks(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most *size*, in order."""
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
