"""Readers in a matter: who reads what is drawn, packed, signed, compared and judged before anything is decided.

The draw follows from the matter's public randomness and from the very bytes that would leave; each step is an act before its
effect. What readers found is withheld; a missed rate has the consequence that the order names. Nothing here is text but the
packets, and these are sealed to their reader.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from incamera.clerk import sample
from incamera.clerk.clear import Row, Sorted
from incamera.clerk.desk import Desk
from incamera.clerk.examination import FRAGMENT_ROWS, Results
from incamera.clerk.home import write_atomically
from incamera.core.batch import EXAMINED
from incamera.core.canon import canonical, unpack
from incamera.core.errors import Awaiting, Malformed, Refused, Unverified
from incamera.core.ids import Digest, Ref, digest
from incamera.core.records import Conversation, Silent
from incamera.deid.evidence import readers
from incamera.engine.local import LocalRunner
from incamera.governance.terms import Order
from incamera.production import Withheld, age
from incamera.sampling import seed
from incamera_verify import evidence as measured
from incamera_verify import reading
from incamera_verify.draw import draw_key
from incamera_verify.errors import VerificationError
from incamera_verify.reading import Plan, Verdict
from incamera_verify.rows import clearance_leaf

ANNOTATION_VERSION = "incamera/reading-annotation/1"
PACKETS = "readings"
#: Which reason code stands in the log for a leak of each kind, the gravest first.
_REASONS = {"structured": "PII-ID", "names": "PII-NAME", "other": "QUASI"}
_ANNOTATION_BYTES_MAX = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reader of the order's trust list, and the age key to which their packet is sealed."""

    name: str
    key: str
    age: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the readers established: figures and files for the volume, rows to withhold, and whether only the room gets it."""

    plan: Plan
    verdict: Verdict
    figures: Mapping[str, int | str]
    agreement: reading.Agreement
    withheld: Sequence[Withheld] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    redrawn: int = 0

    @property
    def room_only(self) -> bool:
        return not self.verdict.met and self.plan.on_miss == "room-only"


# --- before anything is collected -----------------------------------------------------------------------------------------


def readers_of(order: Order) -> tuple[Reader, ...]:
    """The order's readers, in the order of their keys, each with the age key of the same name.

    Raises:
        Refused: `answer.bound-not-established`, the order sets a rate and names nobody to measure it; `answer.one-reader`;
            `answer.reader-not-apart`, a reader is also an approver, a party or a recipient; `answer.reader-without-key`;
            `answer.no-room`, the consequence is the room, and no recipient is the room's.
    """
    terms = order.deidentification
    if terms.max_leak_rate is None:
        return ()
    named = sorted((s for s in order.signers if s.role == "reader"), key=lambda s: s.key)
    where = "deidentification.max_leak_rate"
    if not named:
        hint = "only readers can bound what leaks, and the order names none in [trust]: nothing may leave"
        raise Refused("answer.bound-not-established", hint, where=where)
    if terms.twice > 0 and len(named) < 2:
        raise Refused("answer.one-reader", "reading twice needs two readers; or say twice = 0", where="deidentification.twice")
    others = {_name(s.name) for s in order.signers if s.role != "reader"}
    others |= {_name(r.name) for r in order.recipients if r.role != "reader"}
    parties = {c.key for c in order.sample.commitments}
    keys = {_name(r.name): r.age for r in order.recipients if r.role == "reader"}
    for one in named:
        if _name(one.name) in others or one.key in parties or sum(_name(s.name) == _name(one.name) for s in named) > 1:
            hint = "who measures may not approve, receive, or give a seed, and reads under one name and one key"
            raise Refused("answer.reader-not-apart", hint, where="trust.signers")
        if _name(one.name) not in keys:
            hint = "a reader's packet is sealed to them: give an age key of role reader under the same name"
            raise Refused("answer.reader-without-key", hint, where="recipients.keys")
    if terms.on_miss == "room-only" and not any(r.role == "room" for r in order.recipients):
        raise Refused("answer.no-room", "on_miss is room-only, and no recipient has the role room", where="recipients.keys")
    return tuple(Reader(name=one.name, key=one.key, age=keys[_name(one.name)]) for one in named)


def _name(name: str) -> str:
    return " ".join(name.split()).casefold()


# --- the stage ----------------------------------------------------------------------------------------------------------


def measure(desk: Desk, results: Results, made: Sorted, given: Sequence[Path], out: Path) -> Evidence | None:
    """The readers' evidence over what would leave; None where the order asks for none, or nothing would leave.

    Raises:
        Awaiting: `answer.awaiting-reading`, naming the packets and whose readings are missing.
        Refused: `answer.bound-missed`, the rate is missed and the order refuses then, or no stratum holds it.
        Unverified: `reading.*`, an annotation is of another draw, another reader's, unsigned or incomplete.
        Malformed: `reading.malformed`, `answer.bad-annotation`.
    """
    who = readers_of(desk.order)
    if not who or not made.produce:
        return None
    desk.watch.stage("readers' evidence")
    leaves = {row.drawn.row: clearance_leaf(row.drawn.row, row.sha256) for row in made.produce}
    plan = _plan(desk, made.produce, leaves, who)
    who = who[: len(plan.readers)]
    rows = {row.drawn.row: row for row in made.produce}
    _pack(desk, results, plan, who, rows, out / PACKETS)
    tallies = _accept(desk, plan, who, given, out / PACKETS)
    parsed = {n: reading.parse_tally(data, f"tally {n + 1}") for n, (data, _) in tallies.items()}
    marks = [marked for _, marked in tallies.values()]
    leaks = reading.marked(parsed.values()) if plan.text == "redacted" else _compared(results, rows, marks)
    verdict = reading.judge(plan, leaks)
    owed = _owed(made.produce, leaves, leaks, verdict)
    result = reading.result_json(plan, leaks, owed, verdict)
    _judged(desk, plan, verdict, leaks, digest(result), len(owed))
    files = {measured.PLAN: plan.to_json(), measured.RESULT: result}
    files |= {measured.tally_path(n): data for n, (data, _) in tallies.items()}
    return Evidence(
        plan=plan,
        verdict=verdict,
        figures=reading.figures(plan, parsed, leaks, verdict),
        agreement=reading.agreement(plan, parsed),
        withheld=[_withheld(one, leaks) for one in owed],
        files=files,
        redrawn=sum(past.entry.act == "reading.drawn" for past in desk.home.ledger.entries(desk.matter)) - 1,
    )


def _plan(desk: Desk, produce: Sequence[Row], leaves: Mapping[str, bytes], who: Sequence[Reader]) -> Plan:
    """The draw for the readers, recorded before anybody gets a packet."""
    terms = desk.order.deidentification
    confidence, rate = readers.decimal(terms.confidence), readers.decimal(terms.max_leak_rate or 0.0)
    strata = {row.drawn.row: row.drawn.stratum for row in produce}
    sizes: dict[str, int] = {}
    for stratum in strata.values():
        sizes[stratum] = sizes.get(stratum, 0) + 1
    places = readers.places(
        sizes,
        rate=Fraction(rate),
        alpha=1 - Fraction(confidence),
        by_stratum=terms.on_miss == "withhold-stratum",
        readings=terms.readings,
        twice=terms.twice,
    )
    frame = desk.done("frame")
    assert frame is not None
    population = reading.root(leaves)
    assigned = reading.assign(strata, places, len(who), reading.key(_draw_key(desk, frame["root"]), population))
    used = max((n for a in assigned for n in a.readers), default=-1) + 1  # where there is less to read than readers
    plan = Plan(
        matter=desk.matter,
        order=desk.order.digest,
        frame=frame["root"],
        root=population,
        population=len(leaves),
        text=terms.reading,
        confidence=confidence,
        max_leak_rate=rate,
        on_miss=terms.on_miss,
        readers=tuple(reader.key for reader in who[:used]),
        places=places,
        rows=assigned,
    )
    latest = desk.recorded("reading.drawn")
    if latest is None or latest.entry.fields["plan"] != plan.digest:
        desk.act(
            "reading.drawn",
            plan=plan.digest,
            root=plan.root,
            population=plan.population,
            read=len(plan.rows),
            readers=[digest(key.encode()) for key in plan.readers],
            text=plan.text,
        )
        if latest is not None:
            desk.watch.note(
                "what would leave has changed since the readers' draw: readers draw and read anew, and the ledger says so"
            )
    write_atomically(desk.path / "reading" / "plan.json", plan.to_json())
    return plan


def _draw_key(desk: Desk, root: str) -> bytes:
    """The key of the matter's own draw: from the frame's root and the seeds that were revealed."""
    terms = desk.order.sample
    revealed = [
        seed.accept(
            data,
            commitments=terms.commitments,
            matter=desk.matter,
            order=desk.order.digest,
            frame=Digest(root),
            where=f"{party}.json",
        )
        for party, data in sample.revealed(desk).items()
    ]
    return draw_key(bytes.fromhex(root), {one.party: one.seed for one in revealed})


# --- packets ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HandOver(Silent):
    """Step over `OPENED`: the conversation as it is, for a reader whom the order lets see it; the vault seals it again."""

    @property
    def version(self) -> str:
        return "hand-over/1"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [
                {"cref": row["cref"], "digest": bytes(32), "result": row["conversation"]}
                for row in batch.select(["cref", "conversation"]).to_pylist()
            ]
            yield pa.RecordBatch.from_pylist(rows, schema=EXAMINED)


def _pack(desk: Desk, results: Results, plan: Plan, who: Sequence[Reader], rows: Mapping[str, Row], out: Path) -> None:
    """A packet for each reader, sealed to them; one that lies there and is recorded is kept."""
    missing = [n for n in range(len(who)) if plan.of(n) and not _packed(desk, plan, n, out)]
    if not missing:
        return
    text = dict(_raw(desk, results, plan, rows) if plan.text == "raw" else _redacted(results, plan, rows))
    for n in missing:
        lines = [readers.packet_header(plan, n), *(readers.packet_row(row, text[row]) for row in plan.of(n))]
        target = io.BytesIO()
        with age.sealed(target, [who[n].age]) as sink:
            for line in lines:
                sink.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        sealed = target.getvalue()
        desk.act(
            "reading.packed",
            plan=plan.digest,
            reader=digest(who[n].key.encode()),
            packet=digest(sealed),
            rows=len(plan.of(n)),
            text=plan.text,
        )
        write_atomically(out / packet_name(plan, n), sealed, mode=0o600)


def packet_name(plan: Plan, reader: int) -> str:
    """Of one draw and one reader: a packet of an earlier draw is not taken for this one's."""
    return f"reader-{reader + 1}-{plan.digest[:8]}.jsonl.age"


def _packed(desk: Desk, plan: Plan, reader: int, out: Path) -> bool:
    path = out / packet_name(plan, reader)
    return path.exists() and desk.recorded("reading.packed", plan=plan.digest, packet=digest(path.read_bytes())) is not None


def _redacted(results: Results, plan: Plan, rows: Mapping[str, Row]) -> Iterator[tuple[str, list[readers.Piece]]]:
    wanted = sorted({a.row for a in plan.rows})
    by_cref = {rows[row].cref: row for row in wanted}
    for cref, outcome in results.open([rows[row].cref for row in wanted]):
        assert outcome.examined is not None
        yield by_cref[cref], readers.pieces(outcome.examined.redacted)


def _raw(desk: Desk, results: Results, plan: Plan, rows: Mapping[str, Row]) -> Iterator[tuple[str, list[readers.Piece]]]:
    """People's own text, opened once more under the same grant, for the eyes of readers whom the order names."""
    by_cref = {rows[a.row].cref: a.row for a in plan.rows}
    fragments = desk.home.vault.fragments(list(by_cref), rows=FRAGMENT_ROWS)
    with LocalRunner(0) as runner:
        sealed = list(runner.map(desk.home.vault.within(results.grant, HandOver()), fragments, schema=EXAMINED))
    for batch in desk.home.vault.unseal(results.grant, sealed):
        for row in batch.to_pylist():
            yield by_cref[Ref(row["cref"].hex())], readers.pieces(unpack(row["result"], Conversation))


# --- annotations --------------------------------------------------------------------------------------------------------

_Given = tuple[bytes, Mapping[str, Any]]


def read_annotation(path: Path) -> _Given:
    """(tally as signed bytes, marks by row) of an annotation file.

    Raises:
        Malformed: `answer.bad-annotation`. VerificationError: `reading.malformed`.
    """
    flaw = Malformed(
        "answer.bad-annotation", f"expected an {ANNOTATION_VERSION} file, as `incamera reading sign` writes it", where=path.name
    )
    try:
        if path.stat().st_size > _ANNOTATION_BYTES_MAX:
            raise flaw
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise flaw from None
    if not isinstance(value, dict) or set(value) != {"version", "tally", "marks"} or value["version"] != ANNOTATION_VERSION:
        raise flaw
    tally, marks = value["tally"], value["marks"]
    if not isinstance(tally, dict) or not isinstance(marks, dict) or tally.get("marks") != digest(canonical(marks)):
        raise Malformed("answer.bad-annotation", "the marks are not those that were signed", where=path.name)
    return canonical(tally) + b"\n", marks


def _accept(desk: Desk, plan: Plan, who: Sequence[Reader], given: Sequence[Path], out: Path) -> dict[int, _Given]:
    """Every reader's annotation, those of this run and of earlier ones; each an act when it comes in."""
    kept = desk.path / "reading" / plan.digest[:16]
    for path in given:
        data, _ = read_annotation(path)
        try:
            number = reading.check_tally(reading.parse_tally(data, path.name), plan, path.name)
        except VerificationError as flaw:
            raise Unverified(flaw.code, flaw.hint, where=flaw.where) from None
        place = kept / f"{number + 1}.json"
        if place.exists() and read_annotation(place)[0] != data:
            raise Refused(
                "answer.second-reading", "this reader has signed another tally of the same rows already", where=path.name
            )
        desk.once(
            "reading.received",
            key=("plan", "reader", "tally"),
            plan=plan.digest,
            reader=digest(who[number].key.encode()),
            tally=digest(data),
            rows=len(plan.of(number)),
        )
        write_atomically(place, path.read_bytes(), mode=0o600)
    missing = [n for n in range(len(who)) if not (kept / f"{n + 1}.json").exists()]
    if missing:
        packets = ", ".join(f"{who[n].name} ({out / packet_name(plan, n)})" for n in missing)
        hint = f"readings are missing of {packets}; hand the packets over, and give what comes back with --reading"
        raise Awaiting("answer.awaiting-reading", hint, where=desk.matter)
    return {n: read_annotation(kept / f"{n + 1}.json") for n in range(len(who))}


def _compared(results: Results, rows: Mapping[str, Row], marks: Sequence[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Marks on raw text against what was replaced, withheld, or left for a recorded waiver."""
    by_row: dict[str, list[readers.Mark]] = {}
    for one in marks:
        for row, found in one.items():
            by_row.setdefault(row, []).extend(_mark(*mark) for mark in found)
    wanted = sorted(row for row, found in by_row.items() if found)
    by_cref = {rows[row].cref: row for row in wanted}
    leaks: dict[str, frozenset[str]] = {}
    for cref, outcome in results.open([rows[row].cref for row in wanted]):
        assert outcome.examined is not None
        redacted = outcome.examined.redacted
        spans = [s.span for s in redacted.surrogates] + [s for s, _ in redacted.withheld] + [w.span for w in redacted.waivers]
        row = by_cref[cref]
        if kinds := readers.leaked(by_row[row], [(s.turn, s.part, s.start, s.end) for s in spans]):
            leaks[row] = kinds
    return leaks


def _mark(kind: str, turn: int, part: int, words: Sequence[Sequence[int]]) -> readers.Mark:
    return readers.Mark(kind=kind, turn=turn, part=part, words=tuple((start, end) for start, end in words))


# --- the verdict --------------------------------------------------------------------------------------------------------


def _owed(produce: Sequence[Row], leaves: Mapping[str, bytes], leaks: reading.Leaks, verdict: Verdict) -> list[dict[str, str]]:
    """Rows that do not leave on account of the readings, each with its stratum and leaf."""
    owed = []
    for row in produce:
        name, stratum = row.drawn.row, row.drawn.stratum
        why = "stratum" if stratum in verdict.missed else "leak" if name in leaks else ""
        if why:
            owed.append({"row": name, "stratum": stratum, "leaf": leaves[name].hex(), "why": why})
    return owed


def _withheld(one: Mapping[str, str], leaks: reading.Leaks) -> Withheld:
    kinds = leaks.get(one["row"], frozenset())
    reason = "BOUND-MISSED" if one["why"] == "stratum" else next(_REASONS[kind] for kind in _REASONS if kind in kinds)
    return Withheld(conversation=one["row"], reason=reason, basis=measured.BASIS)


def _judged(desk: Desk, plan: Plan, verdict: Verdict, leaks: reading.Leaks, result: Digest, withheld: int) -> None:
    whole = next(b for b in verdict.bounds if b.kind == reading.ANY and not b.stratum)
    desk.once(
        "reading.judged",
        key=("plan", "result"),
        plan=plan.digest,
        result=result,
        leaks=len(leaks),
        read=whole.read,
        at_most=whole.at_most,
        population=whole.rows,
        outcome="met" if verdict.met else "missed",
        on_miss=None if verdict.met else plan.on_miss,
        withheld=withheld,
    )
    if verdict.met:
        return
    said = (
        f"readers found {whole.leaks} leaks in {whole.read} conversations: {reading.sentence(whole, plan.confidence)}, "
        f"and the order allows a share of {plan.max_leak_rate}"
    )
    kept = set(plan.places) - set(verdict.missed)
    if plan.on_miss == "refuse" or (plan.on_miss == "withhold-stratum" and not kept):
        raise Refused("answer.bound-missed", f"{said}; nothing leaves", where="deidentification.max_leak_rate")
    desk.watch.note(said)


# --- on a reader's own machine --------------------------------------------------------------------------------------------


def open_packet(packet: Path, identity: Path, out: Path) -> dict[str, Any]:
    """Decrypt a packet on the reader's own machine, readable to them alone.

    Raises:
        Unverified: `production.not-unsealed`. Malformed: `production.bad-identity`.
    """
    lines = [line.strip() for line in identity.read_text("utf-8").splitlines()]
    secret = next((line for line in lines if line.startswith("AGE-SECRET-KEY-")), "")
    data = age.unsealed_bytes(packet.read_bytes(), secret)
    write_atomically(out, data, mode=0o600)
    return {"packet": str(out), "rows": data.count(b"\n") - 1}


def sign(packet: Path, key: Path, out: Path, passphrase: bytes | None) -> dict[str, Any]:
    """Turn a packet that was read into a signed annotation: counts and places, no text.

    Raises:
        Malformed: `deid.not-a-packet`, `deid.reading-incomplete`, `deid.bad-mark`.
        Refused: `answer.other-reader`, the packet is another reader's.
    """
    from incamera.clerk import jsonl
    from incamera.clerk.clock import SystemClock
    from incamera.core import crypto
    from incamera.core.canon import instant
    from incamera.governance import keys

    private = keys.load_private(key, passphrase)
    done = readers.filled(jsonl.read(packet), packet.name)
    if done.header.get("reader") != crypto.public_text(private):
        raise Refused("answer.other-reader", "the packet was given to another reader's key", where=packet.name)
    tally: dict[str, Any] = {
        "version": reading.TALLY_VERSION,
        **{name: done.header.get(name) for name in ("matter", "order", "plan", "reader", "text")},
        "rows": done.counts(),
        "marks": done.marks_digest(),
        "at": instant(SystemClock().now()),
    }
    tally["signature"] = crypto.sign(private, reading.TALLY_VERSION, canonical(tally))
    value = {"version": ANNOTATION_VERSION, "tally": tally, "marks": done.marks_rows()}
    write_atomically(out, json.dumps(value).encode() + b"\n", mode=0o600)
    counts = {kind: sum(bool(row[kind]) for row in tally["rows"]) for kind in reading.KINDS}
    return {"rows": len(tally["rows"]), **{f"rows_with_{kind}": n for kind, n in counts.items()}, "file": str(out)}
