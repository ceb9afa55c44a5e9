"""Collection: logs are read, sealed and counted; what is damaged is written down by id and code, never silently left out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from incamera.clerk.desk import Desk
from incamera.clerk.home import Home, write_atomically
from incamera.clerk.matter import place_hold
from incamera.clerk.watch import Watcher
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ids import Digest, digest
from incamera.core.records import Account, Conversation, Entry
from incamera.ingest import files
from incamera.ingest.accounts import Accounts
from incamera.ingest.report import Report

EXCEPTIONS = "exceptions.jsonl"
DRIFT = "drift.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the logs are and how to read them."""

    conversations: tuple[Path, ...]
    mapping: Path | None = None
    accounts: Path | None = None


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
    companions = [path for path in (sources.mapping, sources.accounts) if path]
    digests = inputs([*sources.conversations, *companions])
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
    report = Report()
    mapping = files.load_mapping(sources.mapping) if sources.mapping else None
    accounts = files.load_accounts(sources.accounts) if sources.accounts else Accounts()
    parties = frozenset(desk.order.parties.accounts)
    conflicting: list[dict[str, str]] = []
    stream = _marked(
        files.read(sources.conversations, report=report, mapping=mapping, accounts=accounts), accounts, parties, desk
    )
    put = desk.home.vault.put(
        stream,
        _ByName(accounts),
        on_conflict=lambda c: conflicting.append(
            {"id": c.id, "stage": "collect", "code": "vault.conflicting-duplicate", "where": c.source}
        ),
    )
    held = place_hold(desk, accounts)
    exceptions = [*files.exception_rows(report), *conflicting]
    lines = b"".join(canonical(row) + b"\n" for row in exceptions)
    drift = canonical(report.summary())
    write_atomically(desk.path / EXCEPTIONS, lines, mode=0o600)
    write_atomically(desk.path / DRIFT, drift, mode=0o600)
    desk.act(
        "collect.finished",
        conversations=put.stored,
        duplicates=put.duplicates + report.duplicates.total(),
        exceptions=len(exceptions),
        sources=digests[:256],
        exceptions_file=digest(lines),
        drift=digest(drift),
    )
    lacking = {name: list(report.lacks(name)) for name in ("started_at", "tier", "region", "temporary", "deletion_requested_at")}
    return desk.finish(
        "collect",
        {
            "inputs": digests,
            "stored": put.stored,
            "held": held,
            "duplicates": put.duplicates + report.duplicates.total(),
            "exceptions": _by_code(exceptions),
            "lacks": {name: found for name, found in lacking.items() if found},
        },
    )


def ingest(home: Home, sources: Sources, *, exceptions: Path | None, watch: Watcher) -> dict[str, Any]:
    """Seal logs outside of any matter: collection may precede it."""
    watch.stage("ingest")
    report = Report()
    mapping = files.load_mapping(sources.mapping) if sources.mapping else None
    accounts = files.load_accounts(sources.accounts) if sources.accounts else Accounts()
    digests = inputs(sources.conversations)
    read = files.read(sources.conversations, report=report, mapping=mapping, accounts=accounts)
    put = home.vault.put(_counted(read, watch), _ByName(accounts))
    lines = b"".join(canonical(row) + b"\n" for row in files.exception_rows(report))
    if exceptions is not None:
        write_atomically(exceptions, lines, mode=0o600)
    home.ledger.append(
        Entry(
            act="collect.finished",
            matter="",
            actor="holder",
            fields={
                "conversations": put.stored,
                "duplicates": put.duplicates + report.duplicates.total(),
                "exceptions": len(report.exceptions),
                "sources": digests[:256],
                "exceptions_file": digest(lines),
                "drift": digest(canonical(report.summary())),
            },
        )
    )
    return {"stored": put.stored, "duplicates": put.duplicates, "conflicting": put.conflicting, **report.summary()}


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
