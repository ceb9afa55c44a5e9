"""Breaking the glass at a terminal: an officer proves a key, two people are paged, few conversations open for minutes, and the
ledger keeps the entry open until somebody else has judged it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa

from incamera.clerk.derived import enter_export
from incamera.clerk.home import Home
from incamera.clerk.leaving import exists, leaving
from incamera.core.batch import EXAMINED
from incamera.core.canon import instant, unpack
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ids import Ref
from incamera.core.records import Conversation, Entry, Grant
from incamera.governance import breakglass, policy
from incamera.governance.breakglass import Reviews
from incamera.governance.files import digest_of
from incamera.governance.identity import Identity

#: Where the purpose's acts stand when no matter is named.
MATTER: Final = "safety"
#: An emergency concerns a few conversations; more is a search, and needs approvals.
RECORDS_MAX: Final = 100
_PAGE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A pager that is a program of the holder's: `PROGRAM PERSON`, the notice on its standard input, exit 0 once it was taken."""

    path: Path

    def page(self, person: str, notice: str) -> None:
        """Raises `Unavailable` (`access.page-failed`)."""
        try:
            subprocess.run(  # noqa: S603 - the holder's own program, named by the operator
                [str(self.path), person], input=notice.encode(), timeout=_PAGE_SECONDS, check=True, capture_output=True
            )
        except (OSError, subprocess.SubprocessError):
            raise Unavailable("access.page-failed", "the pager did not take the message", where=self.path.name) from None


def break_glass(
    home: Home,
    officer: Identity,
    *,
    conversations: Sequence[str],
    subjects: Sequence[str],
    minutes: int,
    reason: str,
    people: Sequence[str],
    pager: breakglass.Pager,
    out: Path,
    matter: str = MATTER,
) -> dict[str, Any]:
    """Open the named conversations for an emergency, and write them to *out* for the officer alone (mode 0600).

    Recorded before anything is read: the request, the pages, the broken glass, each release of keys, and the file by its digest.

    Raises:
        Malformed: `access.nothing-named`, `access.too-many`, `access.bad-minutes`.
        Refused: `access.page-two`, `access.denied-by-policy`, and what the broker refuses; `access.file-exists`.
    """
    if out.exists() or out.is_symlink():
        raise exists(out)
    crefs = _named(home, conversations, subjects)
    listed = home.vault.list_for_grant(crefs)
    grant = breakglass.break_glass(
        actor=officer,
        matter=matter,
        scope=listed,
        max_records=len(crefs),
        minutes=minutes,
        reason=reason,
        listed=listed,
        people=people,
        pager=pager,
        reviews=Reviews.of(home.ledger.entries()),
        policy=policy.shipped(),
        mac_key=home.grant_key,
        appender=home.ledger,
        clock=home.clock,
    )
    enter_export(home, f"break-glass/{grant.receipt.index}")
    records = 0
    with leaving(out) as target:
        for row in _opened(home, grant, crefs):
            target.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
            records += 1
        fields = {"what": "break-glass/raw", "digest": target.digest, "records": records, "files": 1}
        home.ledger.append(Entry(act="export.made", matter=matter, actor=officer.name, fields=fields))
        target.publish()
    return {
        "entry": grant.receipt.index,
        "conversations": records,
        "expires_at": instant(grant.expires_at),
        "review_within_hours": int(breakglass.REVIEW_WITHIN.total_seconds() // 3600),
        "file": str(out),
    }


def review(
    home: Home, reviewer: Identity, entry: int, finding: Literal["justified", "unjustified"], report: Path | None
) -> dict[str, Any]:
    """Judge a broken glass: somebody else, in the role of a reviewer.

    Raises:
        Refused: `access.not-a-reviewer`, `access.nothing-to-review`, `access.own-review`.
    """
    if "reviewer" not in reviewer.roles:
        raise Refused("access.not-a-reviewer", "this account may not review", where=reviewer.name)
    receipt = breakglass.review(
        entry,
        finding,
        matter=home.ledger.entry(entry).entry.matter,
        reviewer=reviewer,
        reviews=Reviews.of(home.ledger.entries()),
        appender=home.ledger,
        report=digest_of(report) if report else None,
    )
    return {"reviewed": entry, "finding": finding, "entry": receipt.index}


def open_reviews(home: Home) -> list[dict[str, Any]]:
    """Every broken glass that waits for its review, and whether it waits too long."""
    now = home.clock.now()
    return [
        {
            "entry": index,
            "at": instant(waiting.at),
            "actor": waiting.actor,
            "overdue": now - waiting.at > breakglass.REVIEW_WITHIN,
        }
        for index, waiting in Reviews.of(home.ledger.entries()).open.items()
    ]


def as_read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The step of a reading: each conversation is its own result, sealed again until it is read out."""
    for batch in batches:
        rows = [{"cref": row["cref"], "digest": bytes(32), "result": row["conversation"]} for row in batch.to_pylist()]
        yield pa.RecordBatch.from_pylist(rows, schema=EXAMINED)


def _opened(home: Home, grant: Grant, crefs: Sequence[Ref]) -> Iterator[dict[str, Any]]:
    step = home.vault.within(grant, as_read)
    sealed = [batch for fragment in home.vault.fragments(crefs) for batch in step(fragment.read())]
    for batch in home.vault.unseal(grant, sealed):
        for packed in batch["result"].to_pylist():
            yield _plain(unpack(packed, Conversation))


def _plain(conversation: Conversation) -> dict[str, Any]:
    """The interchange form, with every part of a turn in its place."""
    return {
        "id": conversation.id,
        "subject": conversation.subject,
        "source": conversation.source,
        "started_at": conversation.started_at.isoformat() if conversation.started_at else None,
        "turns": [
            {"role": turn.role, "text": "\n".join(part.text for part in turn.parts), "active": turn.active}
            for turn in conversation.turns
        ],
    }


def _named(home: Home, conversations: Sequence[str], subjects: Sequence[str]) -> list[Ref]:
    """References of everything named. An unknown name is refused as a whole; it is not repeated in the message."""
    found = list(home.vault.lookup(conversations).values()) if conversations else []
    owners = set(home.vault.subjects(subjects).values()) if subjects else set()
    if None in found or None in owners:
        raise Malformed("access.nothing-named", "the vault has nothing under one of the names", where="--conversation, --subject")
    refs = {ref for ref in found if ref}
    if owners:
        refs |= {facts.cref for facts in home.vault.facts() if facts.subject in owners}
    if not refs:
        raise Malformed(
            "access.nothing-named", "name the conversations or the person concerned", where="--conversation, --subject"
        )
    if len(refs) > RECORDS_MAX:
        raise Malformed("access.too-many", f"an emergency opens at most {RECORDS_MAX} conversations; more needs approvals")
    return sorted(refs)
