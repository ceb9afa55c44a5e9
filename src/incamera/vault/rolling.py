"""Rolling epochs: what lives goes under a new key, and the old key dies in the KMS with every backup that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from incamera.core.canon import instant
from incamera.core.errors import Error
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry
from incamera.vault.keys import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class RollReport:
    """A roll: the epoch now open, how many subject keys it took over, and which epochs were destroyed in the KMS."""

    epoch: int
    rewrapped: int
    destroyed: tuple[int, ...] = ()


class Roller:
    """Rolls and destroys epochs, and tells the ledger of it. The caller holds the vault's one writer's lock."""

    def __init__(self, keyring: Keyring, *, appender: Appender, clock: Clock) -> None:
        self._keyring = keyring
        self._appender = appender
        self._clock = clock

    def roll(self, *, actor: str, grace: timedelta = timedelta(0)) -> RollReport:
        """Open a new epoch, re-wrap every key, and destroy the epochs that closed at least *grace* ago.

        From a destroyed epoch on, no backup of keys.db made before the roll opens anything: neither what was shredded
        since nor what lives. Back up after each roll. Data files are not touched.

        Raises:
            Refused: `vault.epoch-in-use`; the roll is kept, nothing is destroyed.
            Unverified: `vault.not-authentic`, a held key does not open under its new epoch: nothing is destroyed.
        """
        with self._telling(actor):
            rewrapped = self._keyring.roll()
        self._tell(actor, rewrapped)
        destroyed = []
        for number, closed_at in self._closed():
            if datetime.fromisoformat(closed_at) + grace <= self._clock.now():
                with self._telling(actor):
                    gone = self._keyring.destroy(number)
                self._tell(actor, 0, number, gone)
                destroyed.append(number)
        self._keyring.database.checkpoint()
        return RollReport(epoch=self._keyring.epoch, rewrapped=rewrapped, destroyed=tuple(destroyed))

    @contextmanager
    def _telling(self, actor: str) -> Iterator[None]:
        """A roll or a destruction that a lock or the key service refuses is an act, too; what was rolled until then stays so."""
        try:
            yield
        except Error as flaw:
            fields = {"epoch": str(self._keyring.epoch), "kms": self._keyring.kms.name, "code": flaw.code}
            self._appender.append(Entry(act="epoch.refused", matter="", actor=actor, fields=fields))
            raise

    def _closed(self) -> list[tuple[int, str]]:
        query = "SELECT number, closed_at FROM epoch WHERE closed_at IS NOT NULL AND destroyed_at IS NULL ORDER BY number"
        return [(int(number), str(at)) for number, at in self._keyring.database.rows(query)]

    def _tell(self, actor: str, rewrapped: int, retired: int | None = None, gone: datetime | None = None) -> None:
        fields: dict[str, object] = {"epoch": str(self._keyring.epoch), "rewrapped": rewrapped, "kms": self._keyring.kms.name}
        if retired is not None and gone is not None:
            fields |= {"retired": str(retired), "destroyed_at": instant(gone)}
        self._appender.append(Entry(act="epoch.rolled", matter="", actor=actor, fields=fields))
