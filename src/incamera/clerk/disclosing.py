"""What happens to a conversation under a standing grant, inside the vault: counted, de-identified, or handed over as it is.

Three steps, one a form. Each emits what its form allows and nothing else; text is sealed again by the vault until it leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow as pa

from incamera.core.batch import EXAMINED
from incamera.core.canon import canonical, pack, unpack
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Commitment, commit
from incamera.core.ports import Step
from incamera.core.records import Account, Conversation, Redacted, Silent, produced
from incamera.deid.recipe import Recipe

#: Conversations open together.
BATCH_ROWS: Final = 32
COUNTED: Final = pa.schema(
    [
        pa.field("cref", pa.binary(16), nullable=False),
        pa.field("user_turns", pa.int64(), nullable=False),
        pa.field("assistant_turns", pa.int64(), nullable=False),
        pa.field("user_characters", pa.int64(), nullable=False),
        pa.field("assistant_characters", pa.int64(), nullable=False),
    ],
    metadata={b"incamera": b"counted/1"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerant:
    """A step of the vault's under which a fragment that the policies release nothing of is passed by, and not a failure.

    Consents are withdrawn while a sample is read: the others' consents still hold. The refusal stands in the ledger.
    """

    step: Step

    @property
    def version(self) -> str:
        return f"tolerant/1:{getattr(self.step, 'version', '')}"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.step(batches)
        except Refused as flaw:
            if flaw.code != "vault.denied-by-policy":
                raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Turns and characters on the visible path, by role. No text, no times, no names of models."""

    @property
    def version(self) -> str:
        return "count/1"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [
                {"cref": row["cref"], **_counts(unpack(row["conversation"], Conversation))}
                for row in batch.select(["cref", "conversation"]).to_pylist()
            ]
            yield pa.RecordBatch.from_pylist(rows, schema=COUNTED)


def _counts(conversation: Conversation) -> dict[str, int]:
    counts = dict.fromkeys(COUNTED.names[1:], 0)
    for turn in conversation.turns:
        if turn.active and turn.role in ("user", "assistant"):
            counts[f"{turn.role}_turns"] += 1
            counts[f"{turn.role}_characters"] += sum(len(part.text) for part in turn.parts)
    return counts


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Redact(Silent):
    """De-identification by one recipe. A conversation that cannot be read is left out and counted, never passed through."""

    recipe: Recipe
    key: bytes

    @property
    def version(self) -> str:
        return f"redact/1:{self.recipe.digest()}"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for first in range(0, batch.num_rows, BATCH_ROWS):
                rows = batch.slice(first, BATCH_ROWS).to_pylist()
                done = [
                    {"cref": row["cref"], "digest": bytes(32), "result": canonical(produced(one)) if one else b""}
                    for row, one in zip(rows, self._some(rows), strict=True)
                ]
                yield pa.RecordBatch.from_pylist(done, schema=EXAMINED)

    def _some(self, rows: Sequence[dict[str, Any]]) -> list[Redacted | None]:
        try:
            return self._all(rows)
        except Malformed:
            return [self._some([row])[0] for row in rows] if len(rows) > 1 else [None]

    def _all(self, rows: Sequence[dict[str, Any]]) -> list[Redacted | None]:
        from incamera.deid.apply import apply
        from incamera.deid.find import Request, find_many

        conversations = [unpack(row["conversation"], Conversation) for row in rows]
        accounts = [unpack(row["account"], Account) if row["account"] else None for row in rows]
        found = find_many([Request(*one) for one in zip(conversations, accounts, strict=True)], recipe=self.recipe)
        sources: list[Commitment] = [commit(row["ledger_key"], row["conversation"]) for row in rows]
        return [
            _sound(apply(conversation, one, recipe=self.recipe, source=source, at=self.recipe.at, key=self.key))
            for conversation, one, source in zip(conversations, found, sources, strict=True)
        ]


def _sound(redacted: Redacted) -> Redacted:
    """What has no canonical form raises here, with the conversation that it is."""
    canonical(produced(redacted))
    return redacted


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """The conversation as it was received, and with *account* what the holder keeps of its subject."""

    account: bool

    @property
    def version(self) -> str:
        return f"hand-over/1:{self.account}"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_pylist([self._whole(row) for row in batch.to_pylist()], schema=EXAMINED)

    def _whole(self, row: dict[str, Any]) -> dict[str, Any]:
        account = unpack(row["account"], Account) if self.account and row["account"] else None
        whole = {
            "conversation": msgspec.to_builtins(unpack(row["conversation"], Conversation)),
            "account": msgspec.to_builtins(account),
        }
        return {"cref": row["cref"], "digest": bytes(32), "result": _line(whole)}


def _line(value: Any) -> bytes:
    """One JSON line; lone surrogates, which real exports contain, stay as escapes."""
    return pack(value)


def training_line(result: bytes, pseudonym: str) -> bytes:
    """A redacted conversation as training takes it: roles and texts of the visible path, and nothing else of it."""
    value = json.loads(result)
    turns = [
        {"role": turn["role"], "text": "\n".join(part["text"] for part in turn["parts"] if part["kind"] in ("text", "code"))}
        for turn in value["turns"]
        if turn["active"] and not turn["hidden"] and turn["role"] in ("user", "assistant", "system")
    ]
    return _line({"id": pseudonym, "turns": turns}) + b"\n"


def support_line(result: bytes, pseudonym: str) -> bytes:
    """A redacted conversation as support reads it: every turn and its parts, times as coarse as the recipe leaves them."""
    return _line({"conversation": pseudonym, **json.loads(result)}) + b"\n"
