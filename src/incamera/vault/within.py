"""The only place where plaintext exists: a Step wrapped so that it opens, works and seals again in one breath."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from incamera.core.batch import OPENED
from incamera.core.errors import Refused, Unavailable
from incamera.core.ports import Step
from incamera.core.records import Grant
from incamera.vault import bodies, columns, sessions
from incamera.vault.bodies import Codec
from incamera.vault.broker import Party, Release
from incamera.vault.envelope import NONCE_BYTES, Binding, not_authentic

#: Rows and bytes opened under one release: one receipt, one round trip.
WINDOW_ROWS = 4096
WINDOW_BYTES = 32 << 20
RESULT = "result"


@dataclass(frozen=True, kw_only=True, repr=False)
class Within:
    """A Step over `SEALED` batches that runs *step* over `OPENED` ones. Picklable: it holds a grant and no key.

    Columns of *step*'s output leave as they are if their values have a fixed size (references, digests, counts, flags);
    `result` leaves sealed under the working-set subkey of the row's conversation; any other column of variable size is
    refused unless it is named in *clear*.
    """

    address: str
    tenant: bytes
    grant: Grant
    step: Step
    clear: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<Within {self.version}>"

    @property
    def version(self) -> str:
        """What an engine records as the task: the inner step's, for a grant is not part of the work."""
        return step_version(self.step)

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held: dict[bytes, bytes] = {}
        bind, codec = Binding(self.tenant), Codec()
        for batch in self.step(self._open(batches, held, bind, codec)):
            yield self._close(batch, held, bind, codec)

    def _open(
        self, batches: Iterator[pa.RecordBatch], held: dict[bytes, bytes], bind: Binding, codec: Codec
    ) -> Iterator[pa.RecordBatch]:
        for window in windows(batches):
            release = released(self.address, self.grant, [cref for batch in window for cref in columns.fixed(batch["cref"])])
            held.update(release.keys)
            for batch in window:
                yield opened(batch, release, bind, codec)

    def _close(self, batch: pa.RecordBatch, held: dict[bytes, bytes], bind: Binding, codec: Codec) -> pa.RecordBatch:
        check_clear(batch.schema, self.clear)
        if RESULT not in batch.schema.names:
            return batch

        def seal(cref: bytes, result: bytes) -> bytes:
            key = held.get(cref)
            if key is None:
                raise Refused("vault.foreign-row", "a result names a conversation that was not opened here", where=cref.hex())
            return bodies.seal_result(bind, codec, result, key=bodies.result_key(key, self.grant.matter), cref=cref)

        return _mapped(batch, seal)


def unsealed(address: str, tenant: bytes, grant: Grant, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """`EXAMINED` batches with `result` open again, under a grant of the same matter. Rows since shredded are dropped.

    Privacy: the results leave in the clear: for a Step or a producer that runs under the same grant, and no file.
    """
    bind, codec = Binding(tenant), Codec()
    for window in windows(batches):
        release = released(address, grant, [cref for batch in window for cref in columns.fixed(batch["cref"])])

        def unseal(cref: bytes, sealed: bytes, release: Release = release) -> bytes:
            key = bodies.result_key(release.keys[cref], grant.matter)
            return bodies.open_result(bind, codec, sealed, key=key, cref=cref)

        for batch in window:
            yield _mapped(_present(batch, release), unseal)


def released(address: str, grant: Grant, crefs: list[bytes]) -> Release:
    """Ask the broker; a connection that broke is opened once more, because a release may be asked for again."""
    try:
        return sessions.client(address).release(grant, crefs)
    except Unavailable as flaw:
        if flaw.code != "vault.broker-gone":
            raise
        sessions.drop(address)
    return sessions.client(address).release(grant, crefs)


def opened(batch: pa.RecordBatch, release: Release, bind: Binding, codec: Codec) -> pa.RecordBatch:
    """One `SEALED` batch as `OPENED`; rows without a released key (shredded, invisible) are left out.

    Each row's own references go into the associated data: a row that was given to another subject does not open.
    """
    batch = _present(batch, release)
    crefs, urefs, commits = (columns.fixed(batch[name]) for name in ("cref", "uref", "commit"))
    sealed = bodies.Rows(crefs, urefs, commits, *columns.cut(batch["body"], NONCE_BYTES))
    parties = {uref: _party(uref, release) for uref in set(urefs)}
    accounts = {uref: _account(uref, party, bind, codec) for uref, party in parties.items()}
    conversations = bodies.open_bodies(bind, codec, sealed, release.keys, release.classes)
    return pa.RecordBatch.from_arrays(
        [
            batch["cref"],
            batch["uref"],
            pa.array(conversations, pa.large_binary()),
            pa.array([accounts[uref] for uref in urefs], pa.large_binary()),
            pa.array([parties[uref].ledger_key for uref in urefs], pa.binary(32)),
        ],
        schema=OPENED,
    )


def _party(uref: bytes, release: Release) -> Party:
    party = release.parties.get(uref)
    if party is None:
        raise not_authentic(uref)
    return party


def _account(uref: bytes, party: Party, bind: Binding, codec: Codec) -> bytes | None:
    if party.account is None:
        return None
    return bodies.open_account(bind, codec, party.account, key=party.account_key, uref=uref)


def _present(batch: pa.RecordBatch, release: Release) -> pa.RecordBatch:
    crefs = columns.fixed(batch["cref"])
    if all(map(release.keys.__contains__, crefs)):
        return batch
    return batch.filter(pa.array([cref in release.keys for cref in crefs], pa.bool_()))


def _mapped(batch: pa.RecordBatch, change: Callable[[bytes, bytes], bytes]) -> pa.RecordBatch:
    values = [change(cref, value) for cref, value in zip(columns.fixed(batch["cref"]), batch[RESULT].to_pylist(), strict=True)]
    place = batch.schema.get_field_index(RESULT)
    arrays = batch.columns
    arrays[place] = pa.array(values, batch.schema.field(place).type)
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def windows(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Neighbouring batches, up to `WINDOW_ROWS` rows and `WINDOW_BYTES` bytes together, at least one."""
    window: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if window and (rows + batch.num_rows > WINDOW_ROWS or size + batch.nbytes > WINDOW_BYTES):
            yield window
            window, rows, size = [], 0, 0
        window.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
    if window:
        yield window


def check_clear(schema: pa.Schema, clear: frozenset[str]) -> None:
    """Refuse an output that could carry text out of the vault.

    Raises:
        Refused: `vault.clear-column`, naming the column.
    """
    for column in schema:
        if column.name == RESULT and (pa.types.is_large_binary(column.type) or pa.types.is_binary(column.type)):
            if "cref" not in schema.names:
                raise Refused("vault.clear-column", "a result needs the cref of its conversation", where=RESULT)
            continue
        if column.name not in clear and not _fixed(column.type):
            raise Refused("vault.clear-column", "a column of variable size may not leave the vault unsealed", where=column.name)


def _fixed(kind: pa.DataType) -> bool:
    checks: Sequence[Callable[[pa.DataType], bool]] = (
        pa.types.is_fixed_size_binary,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_temporal,
        pa.types.is_null,
    )
    return any(check(kind) for check in checks)


def step_version(step: Step) -> str:
    """A step's own `version`, else its import path: what decides whether finished work may be kept."""
    stated = getattr(step, "version", None)
    if isinstance(stated, str):
        return stated
    kind = step if hasattr(step, "__qualname__") else type(step)
    return f"{kind.__module__}.{kind.__qualname__}"
