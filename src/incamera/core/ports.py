"""The Protocols by which rooms reach the vault, the ledger, the engine and the clock without importing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from incamera.core.records import Entry, Grant, Receipt

#: A pure function over Arrow batches: picklable, no state between batches, no I/O of its own, and randomness
#: from (seed, row id) only.
Step = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, timezone-aware."""


class Appender(Protocol):
    def append(self, entry: Entry) -> Receipt:
        """Write one act durably; returns only after it is on disk. Raises `Unavailable` and then nothing was promised."""

    def append_many(self, entries: Sequence[Entry]) -> list[Receipt]:
        """The same for several acts under one fsync and one checkpoint."""


class KeyBroker(Protocol):
    def open(self, grant: Grant, crefs: Sequence[str]) -> dict[str, bytes]:
        """Conversation keys for a grant that the ledger already knows. Raises `Refused` and releases none."""


class Shard(Protocol):
    """What a policy may know of conversations without opening any: those that agree in all of it are decided together."""

    @property
    def key_class(self) -> str:
        """Who holds the keys: `operator`, `escrowed` or `user`."""

    @property
    def matters(self) -> tuple[str, ...]:
        """Matters whose list or hold covers them."""

    @property
    def holds(self) -> tuple[str, ...]: ...

    @property
    def consents(self) -> tuple[str, ...]:
        """Purposes their subject consented to."""

    @property
    def pending_shred(self) -> bool: ...

    @property
    def subject(self) -> str | None:
        """The reference of the one subject whose they are."""


class Gate(Protocol):
    def allowed(self, grant: Grant, shards: Sequence[Shard], *, now: datetime, used_records: int) -> list[bool]:
        """One answer a shard, at the moment of opening. Raises `Refused` where the grant as a whole has ended."""


class Runner(Protocol):
    def map(self, step: Step, source: Any, *, schema: pa.Schema) -> Iterable[pa.RecordBatch]:
        """Apply *step* to every fragment of *source*; order of fragments is kept."""

    def group(self, step: Step, source: Any, *, by: str, schema: pa.Schema) -> Iterable[pa.RecordBatch]:
        """Apply *step* to whole groups of equal *by*; a group must fit in memory."""
