"""A PostgreSQL of one's own for tests: Debian's server in a temporary directory, on a Unix socket only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

from incamera.vault.database import Database

_BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_NUMBERS = count()


def available() -> bool:
    """Whether the server's programs are installed (Debian: postgresql)."""
    return bool(_BIN)


class Postgres:
    """A running server. `database()` makes an empty database and gives its SQLAlchemy address."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def database(self, lineage: str | None = None) -> str:
        """An empty database, or one that is migrated already to the newest *lineage*."""
        name = f"vault{next(_NUMBERS)}"
        template = ["-T", self._template(lineage)] if lineage else []
        _run(["createdb", "-h", str(self._directory), "-U", "incamera", *template, name])
        return self._address(name)

    @cache  # noqa: B019 - as long as the server
    def _template(self, lineage: str) -> str:
        _run(["createdb", "-h", str(self._directory), "-U", "incamera", f"{lineage}_template"])
        made = Database(self._address(f"{lineage}_template"), lineage)
        made.migrate()
        made.close()
        return f"{lineage}_template"

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://incamera@/{name}?host={self._directory}"


@contextmanager
def server() -> Iterator[Postgres]:
    """Start a server, and stop and remove it at the end. Run by root, it runs as Debian's account `postgres`."""
    directory = Path(tempfile.mkdtemp(prefix="incamera-pg-"))
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    data = directory / "data"
    try:
        _run(["initdb", "-D", str(data), "-U", "incamera", "-A", "trust", "-E", "UTF8", "--no-sync"])
        settings = f"-c listen_addresses= -c unix_socket_directories={directory} -c max_connections=60 -c fsync=off"
        _run(["pg_ctl", "-D", str(data), "-w", "-l", str(directory / "log"), "-o", settings, "start"])
        try:
            yield Postgres(directory)
        finally:
            _run(["pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(command: list[str]) -> None:
    program = [str(_BIN[-1] / command[0]), *command[1:]]
    if os.geteuid() == 0:
        program = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *program]
    subprocess.run(program, check=True, capture_output=True, cwd="/", timeout=120)  # noqa: S603 - our own arguments
