"""From one key service to another: every living epoch key under a fresh root there, in one transaction; no data is rewritten.

What is left behind is written down in the same transaction: a move that is cut short is finished, and until its old roots are
destroyed nobody forgets them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from incamera.core.errors import Error, Malformed
from incamera.vault.database import Database
from incamera.vault.keys import Keyring, rooted
from incamera.vault.kms import Kms

_NAME = "kms-left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A move that was decided: addresses and names of both services, and the roots that the old one is to destroy."""

    before: str
    after: str
    service: str
    roots: tuple[str, ...]


def move(keyring: Keyring, to: Kms, *, before: str, after: str) -> Left:
    """Put every epoch key that is not destroyed under a root of its own in *to*. From here on, keys.db is that service's.

    Args:
        before, after: The addresses of the services; no secret.
    Raises:
        Unavailable, Unverified: either service refuses; nothing was moved.
    Cost: four calls an epoch, a handful in a home's life.
    """
    database = keyring.database
    rows = list(database.rows("SELECT number, root FROM epoch WHERE destroyed_at IS NULL ORDER BY number"))
    made: list[tuple[str, bytes, int]] = []
    try:
        for number, _ in rows:
            made.append((*rooted(to, keyring.epoch_key(number), keyring.tenant, number), number))
    except BaseException:
        for root, _, _ in made:
            with suppress(Error):
                to.destroy(root)
        raise
    left = Left(before=before, after=after, service=keyring.kms.name, roots=tuple(str(root) for _, root in rows))
    with database.begin() as connection:
        database.execute_many(connection, "UPDATE epoch SET root = ?, wrapped = ? WHERE number = ?", made)
        database.execute(connection, "UPDATE meta SET value = ? WHERE name = 'kms'", (to.name,))
        database.execute(connection, "INSERT INTO meta (name, value) VALUES (?, ?)", (_NAME, json.dumps(asdict(left))))
    database.checkpoint()
    return left


def unfinished(database: Database) -> Left | None:
    """A move whose old roots may still live. Raises `Malformed` (`vault.kms-left`)."""
    row = database.one("SELECT value FROM meta WHERE name = ?", (_NAME,))
    if row is None:
        return None
    try:
        value = json.loads(row[0])
        return Left(**{**value, "roots": tuple(value["roots"])})
    except (ValueError, TypeError, KeyError):
        raise Malformed("vault.kms-left", "what a move of the key service left behind is damaged", where=database.name) from None


def finish(database: Database, left: Left, old: Kms) -> int:
    """Destroy the old roots: backups of keys.db from before the move open nothing any more. Idempotent, and resumable.

    Raises:
        Unavailable: the old service is away, or refuses.
    """
    for root in left.roots:
        old.destroy(root)
    with database.begin() as connection:
        database.execute(connection, "DELETE FROM meta WHERE name = ?", (_NAME,))
    return len(left.roots)
