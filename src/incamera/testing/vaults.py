"""Conversations and steps for tests of the vault: made up, importable, and with a canary in every text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa

from incamera.core.batch import EXAMINED
from incamera.core.canon import unpack
from incamera.core.records import Account, Conversation, Flags, Part, Turn
from incamera.vault.kms import Cost

PASSPHRASE = "a passphrase for tests only"  # noqa: S105
#: Argon2id as cheap as it goes: tests open the key file hundreds of times.
CHEAP = Cost(iterations=1, memory_kib=64, lanes=1)
#: Stands in every text; must never be found outside a Step.
CANARY = "zanzibar-quartz-41"


def conversation(number: int, *, subjects: int = 7, text: str = "") -> Conversation:
    """Conversation *number* of subject `person-{number % subjects}`, in 2025, with two turns."""
    said = text or f"{CANARY} question {number} " + "about the weather " * (number % 50)
    return Conversation(
        id=f"c{number}",
        subject=f"person-{number % subjects}@example.org",
        source="test",
        started_at=datetime(2025, 1 + number % 12, 1 + number % 28, 12, tzinfo=UTC),
        region=("DE", "US", None)[number % 3],
        tier=("free", None)[number % 2],
        flags=Flags(temporary=number % 5 == 0),
        turns=(
            Turn(index=0, role="user", parts=(Part(kind="text", path="0", text=said),)),
            Turn(index=1, role="assistant", parts=(Part(kind="text", path="1", text=f"{CANARY} answer {number}"),), parent=0),
        ),
        outputs_missing={"aborted": 1} if number % 11 == 0 else {},
    )


def account(number: int) -> Account:
    """What the holder knows of `person-{number}`."""
    return Account(subject=f"person-{number}@example.org", names=(f"{CANARY} Person {number}",), region="FR", tier="plus")


def examine(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A step whose result quotes text, account and ledger key: the vault must seal it."""
    for batch in batches:
        rows = []
        for row in batch.to_pylist():
            found = unpack(row["conversation"], Conversation)
            known = unpack(row["account"], Account).names[0] if row["account"] else ""
            result = "\n".join((found.id, found.turns[0].parts[0].text, known, row["ledger_key"].hex()))
            rows.append({"cref": row["cref"], "digest": bytes(32), "result": result.encode()})
        yield pa.RecordBatch.from_pylist(rows, schema=EXAMINED)


def leak(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A step that hands raw text on in a column of its own."""
    for batch in batches:
        yield pa.RecordBatch.from_arrays([batch["cref"], batch["conversation"]], names=["cref", "words"])


def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A step whose output has fixed-size columns only."""
    for batch in batches:
        sizes = [len(body) for body in batch["conversation"].to_pylist()]
        yield pa.RecordBatch.from_arrays([batch["cref"], pa.array(sizes, pa.int64())], names=["cref", "bytes"])


def forge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A step that puts a result under a conversation it was never given."""
    for batch in batches:
        yield pa.RecordBatch.from_pylist([{"cref": bytes(16), "digest": bytes(32), "result": b"x"}], schema=EXAMINED)
        yield batch.slice(0, 0).select(["cref"])
