"""Collection: logs are read, sealed and counted; what is damaged is written down by id and code, never silently left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from incamera.clerk import carried
from incamera.clerk.desk import Desk
from incamera.clerk.home import Home, write_atomically
from incamera.clerk.matter import place_hold
from incamera.clerk.watch import Watcher
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.facts import TIERS
from incamera.core.ids import Digest, digest
from incamera.core.records import Account, Conversation, Entry
from incamera.ingest import files
from incamera.ingest.accounts import Accounts
from incamera.ingest.mapping import Mapping as Mapped
from incamera.ingest.report import Report
from incamera.vault.intake import PutReport
from incamera_verify import merkle

EXCEPTIONS = "exceptions.jsonl"
DRIFT = "drift.json"
#: Inputs whose digests an act lists; the root covers all of them.
SHOWN: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the logs are and how to read them."""

    conversations: tuple[Path, ...]
    mapping: Path | None = None
    accounts: Path | None = None

    @property
    def all(self) -> list[Path]:
        """The logs, then what says how to read them."""
        return [*self.conversations, *(path for path in (self.mapping, self.accounts) if path)]


def inputs(paths: Iterable[Path]) -> list[Digest]:
    """SHA-256 of every file under *paths*, in the order of their names: what the ledger says was collected."""
    found = []
    for path in paths:
        if not path.exists():
            raise Malformed("ingest.not-found", "no such file or directory", where=str(path))
        found += [_file_digest(p) for p in (sorted(path.rglob("*")) if path.is_dir() else [path]) if p.is_file()]
    return found


def _file_digest(path: Path) -> Digest:
    try:
        with path.open("rb") as data:
            return Digest(hashlib.file_digest(data, "sha256").hexdigest())
    except OSError as flaw:
        raise Unavailable("ingest.unreadable", flaw.strerror or "the file cannot be read", where=str(path)) from None


def collect(desk: Desk, sources: Sources) -> dict[str, Any]:
    """Seal every conversation of *sources* in the vault; the same input again changes nothing.

    Raises:
        Refused: `answer.inputs-changed`, the frame is committed and the logs are no longer those it was made from.
        Malformed: `ingest.*`. Unavailable: disk full; what was stored stays, and the same command resumes.
    """
    digests = inputs(sources.all)
    before = desk.done("collect")
    if before is not None and before["inputs"] == digests:
        return before
    if before is not None and desk.done("frame") is not None:
        raise Refused(
            "answer.inputs-changed",
            "the frame was committed over other logs; give the same files, or open another matter",
            where="--conversations",
        )
    desk.watch.stage("collect")
    logs = _Logs.of(sources, digests)
    named = carried.ordered(desk.order)
    conflicting: list[dict[str, str]] = []
    put = logs.put(
        desk.home,
        lambda read: _marked(read, logs.accounts, frozenset(desk.order.parties.accounts), desk),
        tiers=named,
        on_conflict=lambda c: conflicting.append(
            {"id": c.id, "stage": "collect", "code": "vault.conflicting-duplicate", "where": c.source}
        ),
    )
    told = carried.read(desk.home)
    held = place_hold(desk, logs.accounts, TIERS | named | told.tiers)
    damaged = list(files.exception_rows(logs.report))
    lines = _lines([*damaged, *conflicting])
    write_atomically(desk.path / EXCEPTIONS, lines, mode=0o600)
    write_atomically(desk.path / DRIFT, logs.drift, mode=0o600)
    desk.act("collect.finished", **logs.fields(put, exceptions=len(damaged) + len(conflicting), lines=lines))
    return desk.finish(
        "collect",
        {
            "inputs": digests,
            **logs.counts(put),
            "held": held,
            "exceptions": _by_code(damaged),
            "lacks": told.lacking(),
            "tiers": sorted(told.tiers),
        },
    )


def ingest(home: Home, sources: Sources, *, exceptions: Path | None, watch: Watcher) -> dict[str, Any]:
    """Seal logs outside of any matter: collection may precede it."""
    watch.stage("ingest")
    logs = _Logs.of(sources, inputs(sources.all))
    put = logs.put(home, lambda read: _counted(read, watch))
    lines = _lines(files.exception_rows(logs.report))
    if exceptions is not None:
        write_atomically(exceptions, lines, mode=0o600)
    fields = logs.fields(put, exceptions=len(logs.report.exceptions) + put.conflicting, lines=lines)
    home.ledger.append(Entry(act="collect.finished", matter="", actor="holder", fields=fields))
    return {**logs.report.summary(), **logs.counts(put)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logs:
    """Logs that are read into a vault, and what is found on the way."""

    sources: Sources
    digests: Sequence[Digest]
    mapping: Mapped | None
    accounts: Accounts
    report: Report = field(default_factory=Report)

    @classmethod
    def of(cls, sources: Sources, digests: Sequence[Digest]) -> _Logs:
        mapping = files.load_mapping(sources.mapping) if sources.mapping else None
        accounts = files.load_accounts(sources.accounts) if sources.accounts else Accounts()
        return cls(sources=sources, digests=digests, mapping=mapping, accounts=accounts)

    @property
    def root(self) -> Digest:
        """Merkle root over the digests of all inputs, in their order."""
        return Digest(merkle.root(merkle.leaf_hash(bytes.fromhex(one)) for one in self.digests).hex())

    @property
    def drift(self) -> bytes:
        return canonical(self.report.summary())

    def put(
        self,
        home: Home,
        over: Callable[[Iterator[Conversation]], Iterator[Conversation]],
        *,
        tiers: Iterable[str] = (),
        on_conflict: Callable[[Conversation], None] | None = None,
    ) -> PutReport:
        """Seal what is read; what the sources carried is remembered even of a run that breaks off."""
        read = files.read(
            self.sources.conversations, report=self.report, mapping=self.mapping, accounts=self.accounts, tiers=tiers
        )
        try:
            return home.vault.put(over(read), _ByName(self.accounts), on_conflict=on_conflict)
        finally:
            declared = self.mapping.named_tiers if self.mapping else ()
            carried.remember(home, self.root, self.report, declared)

    def counts(self, put: PutReport) -> dict[str, int]:
        """How many conversations are new, were in the vault before, came twice in these logs, or clash with a stored one."""
        return {
            "stored": put.stored,
            "already": put.duplicates,
            "duplicates": self.report.duplicates.total(),
            "reused_ids": self.report.reused_ids.total(),
            "conflicting": put.conflicting,
            "shredded": put.shredded,
        }

    def fields(self, put: PutReport, *, exceptions: int, lines: bytes) -> dict[str, Any]:
        """The fields of the act `collect.finished`. `sources` is cut; `root` covers every input."""
        return {
            "conversations": put.stored + put.duplicates,
            "duplicates": self.report.duplicates.total(),
            "exceptions": exceptions,
            "sources": list(self.digests[:SHOWN]),
            "root": self.root,
            "exceptions_file": digest(lines),
            "drift": digest(self.drift),
        }


def _lines(rows: Iterable[dict[str, str]]) -> bytes:
    return b"".join(canonical(row) + b"\n" for row in rows)


def _counted(conversations: Iterable[Conversation], watch: Watcher) -> Iterator[Conversation]:
    for conversation in conversations:
        watch.advance()
        yield conversation


def _marked(
    conversations: Iterable[Conversation], accounts: Accounts, parties: frozenset[str], desk: Desk
) -> Iterator[Conversation]:
    """Conversations of the parties' own accounts carry the flag: elicited or not is argued over them."""
    for conversation in conversations:
        desk.watch.advance()
        party = (
            conversation.subject in parties
            or conversation.subject in accounts.parties
            or _is_party(accounts, conversation.subject, parties)
        )
        if party and not conversation.flags.party_account:
            conversation = replace(conversation, flags=replace(conversation.flags, party_account=True))
        yield conversation


def _is_party(accounts: Accounts, subject: str, parties: frozenset[str]) -> bool:
    account = accounts.get(subject) if parties else None
    return account is not None and any(value in parties for value in (*account.emails, *account.handles))


class _ByName(Mapping[str, Account]):
    """Accounts as the mapping the vault asks for; exports teach new ones while they are read."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def __getitem__(self, subject: str) -> Account:
        account = self._accounts.get(subject)
        if account is None:
            raise KeyError(subject)
        return account

    def __iter__(self) -> Iterator[str]:
        return (account.subject for account in self._accounts)

    def __len__(self) -> int:
        return len(self._accounts)


def _by_code(rows: Sequence[dict[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["code"]] = counts.get(row["code"], 0) + 1
    return counts
