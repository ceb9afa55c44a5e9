"""From values to conversations: recognise, gather, convert, name, join account facts, drop duplicates, count."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from incamera.core.errors import Malformed
from incamera.core.facts import TIERS, UNKNOWN, known_tier
from incamera.core.records import Conversation
from incamera.ingest import shape, streams
from incamera.ingest.accounts import Accounts
from incamera.ingest.draft import Draft
from incamera.ingest.report import DERIVED, Report
from incamera.ingest.source import Gatherer, Source

#: What a converter may stumble on in a hostile record. All of it is the record's flaw, none of it stops the reading.
_STUMBLES: Final = (TypeError, AttributeError, KeyError, IndexError, ValueError, RecursionError)
_SHOWN: Final = 1000


@dataclass(slots=True)
class Reading:
    """One reading of all files. `only` accepts one source; `owners` says whose export a bundle is, where it says so itself.

    `tiers` are the names of tiers that will be read as such; any other is counted.
    """

    report: Report
    accounts: Accounts
    only: Source | None
    owners: dict[str, list[str]]
    tiers: Container[str] = TIERS
    _seen: dict[bytes, bytes] = field(default_factory=dict)
    _others: dict[bytes, set[bytes]] = field(default_factory=dict)
    _copies: Counter[str] = field(default_factory=Counter)
    _exports: dict[str, str] = field(default_factory=dict)
    # of the file being read
    _name: str = ""
    _bundle: str = ""
    _hint: Source | None = None
    _gatherers: dict[str, tuple[Source, Gatherer]] = field(default_factory=dict)
    _strangers: list[str] = field(default_factory=list)
    _more_strangers: int = 0

    def begin(self, name: str, bundle: str) -> None:
        """Start a file."""
        self._name, self._bundle = name, bundle
        self._hint, self._gatherers, self._strangers, self._more_strangers = None, {}, [], 0

    def take(self, item: streams.Value | streams.Flawed) -> Iterator[Conversation]:
        """The conversations that *item* completes."""
        if isinstance(item, streams.Flawed):
            self.report.flaw(item.code, where=f"{self._name}: {item.where}")
            return
        for record in [item.data] if self.only else shape.unwrap(item.data):
            yield from self._record(record, item.where)

    def end(self) -> Iterator[Conversation]:
        """The conversations still open at the end of the file; strangers among its records become exceptions."""
        for source, gatherer in self._gatherers.values():
            for records in gatherer.end():
                yield from self._convert(source, records, "end of file")
        if self._hint is None and (self._strangers or self._more_strangers):
            self.report.flaw("ingest.unmatched-file", where=self._name)
            return
        for where in self._strangers:
            self.report.flaw("ingest.unmatched-record", where=f"{self._name}: {where}")
        if self._more_strangers:
            self.report.flaw("ingest.unmatched-record", where=f"{self._name}: {self._more_strangers} more records")

    def _record(self, record: Any, where: str) -> Iterator[Conversation]:
        source = self._source(record)
        if source is None:
            if len(self._strangers) < _SHOWN:
                self._strangers.append(where)
            else:
                self._more_strangers += 1
            return
        if self._hint is None and source.requires is not None:
            # What the very first record lacks is a wrong mapping, not a flaw of one record.
            source.requires(record, self._name)
        self._hint = source
        if source.gather is None:
            yield from self._convert(source, [record], where)
            return
        _, gatherer = self._gatherers.setdefault(source.name, (source, source.gather()))
        try:
            groups = list(gatherer.feed(record))
        except Malformed as flaw:
            self.report.flaw(flaw.code, where=f"{self._name}: {where}: {flaw.where}")
            return
        for records in groups:
            yield from self._convert(source, records, where)

    def _source(self, record: Any) -> Source | None:
        if self.only is not None:
            return self.only if isinstance(record, dict) and self.only.recognises(record) else None
        return shape.recognise(record, self._hint)

    def _convert(self, source: Source, records: list[dict[str, Any]], where: str) -> Iterator[Conversation]:
        drafts = source.convert(records, self.report)
        while True:
            try:
                draft = next(drafts)
                found = self._finish(draft, where)
            except StopIteration:
                return
            except Malformed as flaw:
                self.report.flaw(flaw.code, where=f"{self._name}: {where}: {flaw.where}")
                return
            except _STUMBLES:
                self.report.flaw("ingest.damaged-record", where=f"{self._name}: {where}")
                return
            if found is not None:
                yield found

    def _finish(self, draft: Draft, where: str) -> Conversation | None:
        content = _content(draft)
        if draft.id is None:
            base = DERIVED + content.hex()
            self._copies[base] += 1
            # Two equal calls without ids are two events: the second gets a name of its own.
            draft.id = base if self._copies[base] == 1 else f"{base}#{self._copies[base]}"
        elif self._again(draft, draft.id, content[:8]):
            return None
        if draft.subject is None:
            self._stand_in(draft)
        self._join(draft)
        conversation = draft.freeze()
        self._count(conversation, draft)
        return conversation

    def _again(self, draft: Draft, given: str, content: bytes) -> bool:
        """Whether this very record was there before; one that reuses an id for other content gets a name of its own."""
        key = _mark(draft.source, given)
        before = self._seen.setdefault(key, content)
        if before is not content:
            others = self._others.setdefault(key, set())
            if before == content or content in others:
                self.report.duplicates[draft.source] += 1
                return True
            others.add(content)
            draft.id = self._another(draft.source, given, content)
            self.report.reused_ids[draft.source] += 1
        return False

    def _another(self, source: str, given: str, content: bytes) -> str:
        """`given#2`, or the next number that no record has: the same input read again gives the same names."""
        base = f"{source}\0{given}"
        while True:
            self._copies[base] += 1
            name = f"{given}#{self._copies[base] + 1}"
            if self._seen.setdefault(_mark(source, name), content) is content:
                return name

    def _stand_in(self, draft: Draft) -> None:
        """Somebody said it: the owner of the export, else one subject per export or per conversation, and it is counted."""
        owners = self.owners.get(self._bundle, [])
        if draft.source in ("chatgpt", "claude"):
            if len(owners) == 1:
                draft.subject = owners[0]
                return
            draft.subject = self._exports.setdefault(self._bundle, f"export:{draft.id}")
            self.report.subjects_inferred[draft.source, "export"] += 1
        else:
            draft.subject = f"conversation:{draft.id}"
            self.report.subjects_inferred[draft.source, "conversation"] += 1

    def _join(self, draft: Draft) -> None:
        assert draft.subject is not None
        account = self.accounts.get(draft.subject)
        if account is not None:
            draft.region = draft.region or account.region
            draft.tier = draft.tier or account.tier
        draft.party_account = draft.party_account or draft.subject in self.accounts.parties

    def _count(self, conversation: Conversation, draft: Draft) -> None:
        report, source = self.report, conversation.source
        report.conversations[source] += 1
        report.turns[source] += len(conversation.turns)
        for _, _, part in conversation.parts():
            report.parts[source] += 1
            report.characters[source] += len(part.text)
        report.outputs_missing.update(conversation.outputs_missing)
        if known_tier(conversation.tier, self.tiers) == UNKNOWN:
            report.drifted(source, "unread-tier", None)
        carried = set(draft.gives)
        carried.update(name for name in ("started_at", "region", "tier") if getattr(conversation, name) is not None)
        if draft.temporary is not None:
            carried.add("temporary")
        if conversation.flags.deletion_requested_at is not None:
            carried.add("deletion_requested_at")
        if not conversation.subject.startswith(("export:", "conversation:")):
            carried.add("subject")
        if any(t.llm for t in conversation.turns):
            carried.add("llm")
        report.carries(source, tuple(carried))


def _mark(source: str, id_: str) -> bytes:
    """8 bytes for an id: a false alarm in 2^64 gives a conversation a second name, and loses nothing."""
    return hashlib.blake2b(f"{source}\0{id_}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _content(draft: Draft) -> bytes:
    """A digest of what was said, by whom: 16 bytes, never written anywhere but into a derived id."""
    state = hashlib.blake2b(digest_size=16)
    for turn in draft.turns:
        state.update(f"\0{turn.role}\0{turn.at}".encode())
        for part in turn.parts:
            state.update(f"\1{part.kind}\1".encode())
            state.update(part.text.encode("utf-8", "surrogatepass"))
    for part in draft.header:
        state.update(b"\2")
        state.update(part.text.encode("utf-8", "surrogatepass"))
    return state.digest()
