"""The one place of this room that opens paths: paths in, conversations out.

A reading goes over the input twice. First every file is recognised by its shape, and account files inside exports are taken
in; then conversations are read in the order of names, as a stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from incamera.core.errors import Malformed, Unavailable
from incamera.core.facts import TIERS
from incamera.core.records import Conversation
from incamera.ingest import accounts as account_files
from incamera.ingest import mapped, shape, streams
from incamera.ingest.accounts import Accounts
from incamera.ingest.mapping import Mapping
from incamera.ingest.mapping import parse as parse_mapping
from incamera.ingest.members import BROKEN, Limits, Member, members
from incamera.ingest.reading import Reading
from incamera.ingest.report import Report
from incamera.ingest.source import Source

_JSON: Final = frozenset({"array", "lines", "values"})
_SMALL_FILE: Final = 64 << 20


def read(
    paths: Sequence[Path | str],
    *,
    report: Report,
    mapping: Mapping | None = None,
    accounts: Accounts | None = None,
    source: str | None = None,
    tiers: Iterable[str] = (),
    limits: Limits | None = None,
) -> Iterator[Conversation]:
    """Every conversation under *paths*, in a fixed order, one at a time.

    Args:
        paths: Files, directories, ZIP archives; JSON, JSON Lines, gzip of these, Parquet. Recognised by shape, never by name.
        report: Filled on the way; complete when the iterator ends.
        mapping: Reads tables by their columns instead of by shape.
        accounts: Facts joined to conversations that lack them. Account files inside exports are added to it.
        source: Accept this format only.
        tiers: Tiers that an order names, beside the common ones (`core.facts.TIERS`) and those of the mapping.
        limits: Bounds on archives.

    Raises:
        Malformed: `ingest.not-found`, `ingest.archive-too-large`, `ingest.unknown-source`, `ingest.map-missing-column`; and, when
            the input ends without a single conversation, `ingest.empty`, `ingest.unknown-format`, or the first flaw met.
        Unavailable: `ingest.unreadable`.

    Privacy: yields raw text and writes none; the report names files, lines and ids.
    Cost: one pass of decoding, about a hundred bytes of memory a conversation (duplicates), one record at a time.
    """
    chosen = None if source is None else shape.named(source)
    if source is not None and chosen is None:
        names = ", ".join(s.name for s in shape.SOURCES)
        raise Malformed("ingest.unknown-source", f"known sources are {names}", where=source)
    known = accounts if accounts is not None else Accounts()
    found = [m for path in paths for m in members(Path(path), report, limits or Limits())]
    plan = _Plan()
    for member in found:
        plan.look(member, known, report, mapping, chosen)
    report.bytes_read = 0  # the first look does not count
    only = mapped.source(mapping) if mapping else chosen
    reading = Reading(report, known, only, plan.owners, TIERS.union(tiers, mapping.named_tiers if mapping else ()))
    for member in plan.logs:
        if (member.bundle, member.base) in plan.attachments:
            # An upload that has the shape of a log is still an upload: its bytes are not read.
            report.companions["attachment"] += 1
            continue
        yield from _member(member, reading, report, limits or Limits())
    if not report.conversations:
        _nothing(report, found, plan, paths)


def _nothing(report: Report, found: list[Member], plan: _Plan, paths: Sequence[Path | str]) -> None:
    """Nothing was read: say why, by the first flaw that is no mere mismatch."""
    first = next((f for f in report.exceptions if f.code != "ingest.unmatched-file"), None)
    where = first.where if first else next((m.name for m in found), ", ".join(map(str, paths)))
    if first:
        raise Malformed(first.code, "no conversation could be read; see the exceptions", where=where)
    if plan.logs and any(f.code == "ingest.unmatched-file" for f in report.exceptions):
        looked = "; ".join(s.shape for s in shape.SOURCES)
        raise Malformed("ingest.unknown-format", f"looked for {looked}. For other tables give a map.toml", where=where)
    raise Malformed("ingest.empty", "the input holds no conversation", where=where)


@dataclass(slots=True)
class _Plan:
    """What the first look found: the files that may hold conversations, and whose exports they are."""

    logs: list[Member] = field(default_factory=list)
    owners: dict[str, list[str]] = field(default_factory=dict)
    attachments: set[tuple[str, str]] = field(default_factory=set)

    def look(self, member: Member, accounts: Accounts, report: Report, mapping: Mapping | None, chosen: Source | None) -> None:
        """Sort *member* into logs and companions."""
        if member.kind == "encoding":
            report.flaw("ingest.encoding", where=f"{member.name}, byte 0")
        elif member.kind == "empty":
            report.companions["empty"] += 1
        elif member.kind == "other" and not member.named:
            report.companions["not-json"] += 1
        elif mapping is not None or member.kind not in _JSON or not self._companion(member, accounts, report, chosen):
            self.logs.append(member)

    def _companion(self, member: Member, accounts: Accounts, report: Report, chosen: Source | None) -> bool:
        first = _first(member)
        if chosen is not None or shape.recognise(first) is not None:
            return False
        kind = _companion_kind(first)
        if kind == "accounts":
            take_accounts(member.open, member.name, accounts)
        elif kind == "account":
            for value in _all(member):
                for account in account_files.of_export(value) or ():
                    accounts.learn(account)
                    self.owners.setdefault(member.bundle, []).append(account.subject)
        elif kind == "attachment-names":
            self.attachments.update((member.bundle, name) for name in first)
        elif kind is None:
            return False
        report.companions[kind] += 1
        return True


def _companion_kind(first: Any) -> str | None:
    """What a file of an export that holds no conversations is, by its first record."""
    if not isinstance(first, dict):
        return None
    keys = first.keys()
    if account_files.of_export(first) is not None:
        return "account"
    if account_files.is_account(first):
        return "accounts"
    if first and all(name.endswith(".dat") and isinstance(first[name], str) for name in first):
        return "attachment-names"
    if {"work_id", "text"} <= keys:
        return "works"
    if {"conversation_id", "rating"} <= keys:
        return "feedback"
    if {"conversation_id", "title", "is_anonymous"} <= keys:
        return "shared-links"
    if {"user_id", "settings"} <= keys:
        return "settings"
    if {"uuid", "prompt_template", "docs"} <= keys:
        return "projects"
    return None


def _first(member: Member) -> Any:
    """The first record that can be read, or None."""
    try:
        with member.open() as stream:
            for item in _values(stream, member):
                if isinstance(item, streams.Value):
                    return next(iter(shape.unwrap(item.data)), None)
    except BROKEN:
        return None
    return None


def _all(member: Member) -> Iterator[Any]:
    with member.open() as stream:
        for item in _values(stream, member):
            if isinstance(item, streams.Value):
                yield from shape.unwrap(item.data)


def _values(stream: BinaryIO, member: Member, only: Source | None = None) -> Iterator[streams.Value | streams.Flawed]:
    if member.kind == "lines":
        return streams.lines(stream)
    accept = only.recognises if only else (lambda value: shape.recognise(value) is not None)
    return streams.values(stream, array=member.kind == "array", accept=lambda v: isinstance(v, dict) and accept(v))


def _member(member: Member, reading: Reading, report: Report, limits: Limits) -> Iterator[Conversation]:
    reading.begin(member.name, member.bundle)
    try:
        if member.kind == "parquet":
            yield from _parquet(member, reading, limits)
        elif member.kind in _JSON:
            with member.open() as stream:
                for item in _values(stream, member, reading.only):
                    yield from reading.take(item)
        else:
            report.flaw("ingest.unmatched-file", where=member.name)
            return
    except BROKEN:
        report.flaw_once("ingest.archive-damaged", where=member.name)
    yield from reading.end()


def _parquet(member: Member, reading: Reading, limits: Limits) -> Iterator[Conversation]:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    if member.path is not None:
        opened: Any = str(member.path)
    else:
        with member.open() as stream:
            data = stream.read(limits.in_memory_bytes + 1)
        if len(data) > limits.in_memory_bytes:
            reading.report.flaw("ingest.archive-nested", where=member.name)
            return
        opened = io.BytesIO(data)
    row = 0
    try:
        with pq.ParquetFile(opened) as table:
            for batch in table.iter_batches(batch_size=256):
                for record in batch.to_pylist():
                    row += 1
                    yield from reading.take(streams.Value(f"row {row}", record))
    except (pa.ArrowInvalid, pa.ArrowException, OSError):
        # The message of the library may quote values: the place must do.
        reading.report.flaw("ingest.parquet-damaged", where=f"{member.name}: row {row + 1}")


def load_mapping(path: Path | str) -> Mapping:
    """The mapping in the file *path*.

    Raises:
        Malformed: `ingest.not-a-file`, `ingest.encoding`, and those of `mapping.parse`.
    """
    try:
        text = _small(Path(path)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("ingest.encoding", "UTF-8 is expected", where=f"{path}, byte {error.start}") from None
    return parse_mapping(text, where=str(path))


def load_accounts(path: Path | str) -> Accounts:
    """The accounts in the JSON Lines file *path* (gzip accepted). Strict: one bad line refuses the file.

    Raises:
        Malformed: `ingest.not-a-file`, `ingest.not-json`, `ingest.encoding`, and those of `accounts.parse`.
    """
    path = Path(path)
    if not path.is_file():
        raise _not_a_file(path)
    accounts = Accounts()
    report = Report()
    for member in members(path, report, Limits()):
        if member.kind not in ("lines", "values", "empty"):
            raise Malformed("ingest.accounts-not-a-record", "JSON Lines are expected", where=member.name)
        take_accounts(member.open, member.name, accounts)
    if report.exceptions:
        raise Malformed(report.exceptions[0].code, "the file cannot be read", where=report.exceptions[0].where)
    return accounts


def take_accounts(reopen: Any, name: str, accounts: Accounts) -> None:
    """Add every account of one JSON Lines stream to *accounts*."""
    with reopen() as stream:
        for item in streams.lines(stream):
            if isinstance(item, streams.Flawed):
                raise Malformed(item.code, "an account is one JSON object a line", where=f"{name}: {item.where}")
            account, party = account_files.parse(item.data, where=f"{name}: {item.where}")
            accounts.learn(account)
            if party:
                accounts.parties.add(account.subject)


def _small(path: Path) -> bytes:
    if not path.is_file():
        raise _not_a_file(path)
    try:
        with path.open("rb") as stream:
            return stream.read(_SMALL_FILE)
    except OSError:
        raise Unavailable("ingest.unreadable", "the file cannot be opened: check that it may be read", where=str(path)) from None


def _not_a_file(path: Path) -> Malformed:
    return Malformed("ingest.not-a-file", "a file is expected here", where=str(path))


def exception_rows(report: Report) -> Iterable[dict[str, str]]:
    """The lines of `exceptions.jsonl`."""
    return (flaw.row() for flaw in report.exceptions)
