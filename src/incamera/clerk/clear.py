"""From examined to cleared: the order's rule decides, a fragment at a time, and each decision is a leaf before it counts."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incamera.clerk import carried
from incamera.clerk.desk import Desk
from incamera.clerk.examination import Results
from incamera.clerk.examine import Examined, Outcome
from incamera.clerk.probe import Probe
from incamera.core.canon import canonical
from incamera.core.errors import Refused
from incamera.core.facts import known_tier
from incamera.core.ids import Digest, Ref, digest
from incamera.core.records import Cleared, Decision, Receipt
from incamera.deid.utility import Comparison, Contract
from incamera.governance.responsive import responsive
from incamera.production import Failure, Withheld, count_thresholds, longest_output_run
from incamera.vault.facts import Facts
from incamera_verify.draw import Drawn
from incamera_verify.merkle import Tree
from incamera_verify.rows import clearance_leaf

#: Rows under one decision leaf.
FRAGMENT_ROWS = 4096
RULE = "STIPULATED-RULE"
#: Why a conversation that its subject sealed is withheld: what is owed of it is ciphertext.
ENCRYPTED = "CLIENT-ENCRYPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of one drawn conversation without its text."""

    drawn: Drawn
    cref: Ref
    sha256: Digest
    responsive: bool
    longest: int
    language: str | None
    outputs_missing: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class Sums:
    """Counts over the whole draw, responsive or not: the statistics on the non-matches are owed as well."""

    conversations: int = 0
    bytes: int = 0
    chars: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    unread_conversations: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    outputs: int = 0
    outputs_missing: Counter[str] = field(default_factory=Counter)
    waivers: int = 0
    matches: int = 0
    elicitation: Counter[str] = field(default_factory=Counter)
    probes: list[Probe] = field(default_factory=list)
    utility: Comparison = field(default_factory=lambda: Comparison(Contract()))

    def add(self, examined: Examined) -> None:
        tally = examined.tally
        self.conversations += 1
        self.bytes += tally.bytes
        self.chars.update(tally.chars)
        self.replaced.update(tally.replaced)
        self.labels.update(tally.labels)
        self.unread.update(tally.unread)
        self.unread_conversations.update(tally.unread.keys())
        self.languages[examined.language or "unknown"] += 1
        self.outputs += tally.outputs
        self.outputs_missing.update(tally.outputs_missing)
        self.waivers += tally.waivers
        if tally.raw:
            self.utility.add(tally.raw, tally.redacted)
        self.matches += len(examined.matches)
        self.elicitation.update(label for match in examined.matches for label in match.elicitation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The draw, decided: rows to produce with their fragments, the rest with their reasons; `gone` were shredded meanwhile."""

    rows: Sequence[Row]
    produced: Sequence[Fragment]
    withheld: Sequence[Withheld]
    gone: Sequence[Failure]
    sums: Sums
    hits: Mapping[int, int]

    @property
    def responsive(self) -> int:
        return sum(row.responsive for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Fragment:
    """Rows under one decision, in rank order, with the tree whose root was decided."""

    rows: tuple[Row, ...]
    tree: Tree
    decision: Decision
    receipt: Receipt

    def __repr__(self) -> str:
        return f"<Fragment {len(self.rows)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The draw by the order's rules, before anything is decided: what would leave, what is not asked for, what is withheld."""

    rows: Sequence[Row]
    produce: Sequence[Row]
    passed: Sequence[Row]
    withheld: Sequence[Withheld]
    gone: Sequence[Failure]
    sums: Sums


def sort(desk: Desk, results: Results, drawn: Mapping[Ref, Ref], rows: Sequence[Drawn]) -> Sorted:
    """Apply the order's rules to every examined conversation."""
    sums, found = Sums(), list[Row]()
    failed: dict[str, str] = {}
    for one, outcome in _outcomes(results, drawn, rows):
        if outcome.probe is not None:
            sums.probes.append(outcome.probe)
        if outcome.examined is None:
            failed[one.row] = outcome.failed
            continue
        sums.add(outcome.examined)
        found.append(_row(desk, one, drawn[Ref(one.row)], outcome.examined))
    _check_canaries(desk, sums.probes, found)
    here = {row.drawn.row for row in found}
    unopened = {drawn[Ref(row.row)]: row.row for row in rows if row.row not in here and row.row not in failed}
    why = failed | (unopened_codes(desk.home.vault.facts(), unopened) if unopened else {})
    absent = [(row.row, why[row.row]) for row in rows if row.row in why]
    gone = [Failure(id=row, stage="examine", code=code) for row, code in absent if code != ENCRYPTED]
    withheld = [Withheld(conversation=row, reason=code, basis="custody:user") for row, code in absent if code == ENCRYPTED]
    if gone:
        desk.watch.note(f"{len(gone)} drawn conversations could not be examined, or were shredded since; they are listed by code")
    if withheld:
        desk.watch.note(f"{len(withheld)} drawn conversations are sealed by their subjects; they are withheld as {ENCRYPTED}")
    allowed = desk.order.deidentification.languages
    produce: list[Row] = []
    passed: list[Row] = []
    for row in found:
        if allowed and row.language not in allowed:
            withheld.append(Withheld(conversation=row.drawn.row, reason="LANG-NOT-COVERED", basis="deidentification.languages"))
        elif desk.order.production.scope == "sample" or row.responsive:
            produce.append(row)
        else:
            passed.append(row)
    return Sorted(rows=found, produce=produce, passed=passed, withheld=withheld, gone=gone, sums=sums)


def unopened_codes(facts: Iterable[Facts], unopened: Mapping[Ref, str]) -> dict[str, str]:
    """Why rows, given by their references, were not opened.

    What its subject sealed is withheld, for nobody here has a key of it; what trustees did not unseal could have been
    opened, and is an exception; what is not there any more was shredded.
    """
    codes = {"escrowed": "vault.escrow-sealed", "user": ENCRYPTED}
    there = {known.cref: codes.get(known.custody, "vault.shredded") for known in facts if known.cref in unopened}
    return {row: there.get(cref, "vault.shredded") for cref, row in unopened.items()}


def _check_canaries(desk: Desk, probes: Sequence[Probe], found: Sequence[Row]) -> None:
    """No row is a canary, by its bytes; how many there were and what they showed goes into the ledger.

    Raises:
        Refused: `canaries.left-in`.
    """
    planted = {probe.digest for probe in probes}
    for row in found:
        if row.sha256 in planted:
            raise Refused("canaries.left-in", "a synthetic conversation stands among the real ones", where=f"row {row.drawn.row}")
    secrets = [secret for probe in probes for secret in probe.planted]
    if probes:
        counts = {"canaries": len(probes), "secrets": len(secrets), "missed": sum(secret.missed for secret in secrets)}
        desk.once("canaries.removed", key=tuple(counts), **counts)


def decide(desk: Desk, made: Sorted, withheld: Sequence[Withheld] = ()) -> Decided:
    """Record the calls: what would leave and is not among *withheld* is produced.

    A fragment whose decision stands in the ledger already (a run that was resumed) keeps that receipt: its rows are the
    same bytes.
    """
    kept_back = {one.conversation for one in withheld}
    produce = [row for row in made.produce if row.drawn.row not in kept_back]
    fragments = [_record(desk, chunk, "produce", number) for number, chunk in enumerate(_chunks(produce))]
    for number, chunk in enumerate(_chunks([row for row in made.produce if row.drawn.row in kept_back])):
        _record(desk, chunk, "withhold", number)
    for number, chunk in enumerate(_chunks(made.passed)):
        _record(desk, chunk, "not_responsive", number)
    return Decided(
        rows=made.rows,
        produced=fragments,
        withheld=[*made.withheld, *withheld],
        gone=made.gone,
        sums=made.sums,
        hits=count_thresholds(row.longest for row in made.rows),
    )


def _outcomes(results: Results, drawn: Mapping[Ref, Ref], rows: Sequence[Drawn]) -> Iterator[tuple[Drawn, Outcome]]:
    by_cref = {drawn[Ref(row.row)]: row for row in rows}
    for cref, outcome in results.open([drawn[Ref(row.row)] for row in rows]):
        yield by_cref[cref], outcome


def _row(desk: Desk, drawn: Drawn, cref: Ref, examined: Examined) -> Row:
    return Row(
        drawn=drawn,
        cref=cref,
        sha256=examined.digest,
        responsive=responsive(desk.order.responsive, examined.reuse),
        longest=longest_output_run(examined.redacted, examined.matches),
        language=examined.language,
        outputs_missing=examined.tally.outputs_missing,
    )


def _chunks(rows: Sequence[Row]) -> Iterator[tuple[Row, ...]]:
    for first in range(0, len(rows), FRAGMENT_ROWS):
        yield tuple(rows[first : first + FRAGMENT_ROWS])


def _record(desk: Desk, rows: tuple[Row, ...], call: Any, number: int) -> Fragment:
    tree = Tree(clearance_leaf(row.drawn.row, row.sha256) for row in rows)
    target = Digest(tree.root().hex())
    rule = digest(canonical(desk.order.terms["responsive"]))
    before = desk.recorded("decision.recorded", target=target, call=call)
    if before is not None:
        receipt, at = desk.home.ledger.inclusion(before.index), before.at
    else:
        at = desk.home.clock.now()
        receipt = desk.act(
            "decision.recorded",
            target=target,
            call=call,
            reason=RULE,
            rows=len(rows),
            rule=rule,
            fragment=f"{call}/{number}",
            basis="rule",
        )
    decision = Decision(matter=desk.matter, target=target, call=call, reason=RULE, actor=desk.actor, at=at)
    return Fragment(rows=rows, tree=tree, decision=decision, receipt=receipt)


def cleared(desk: Desk, results: Results, decided: Decided, facts: Mapping[Ref, Facts]) -> Iterator[Cleared]:
    """The rows to produce as `Cleared`, in rank order, each with the proof that its fragment's decision covers it."""
    key, tiers = desk.home.matter_key(desk.matter, "subjects"), carried.tiers(desk)
    for fragment in decided.produced:
        opened = results.open([row.cref for row in fragment.rows])
        for place, (row, (_, outcome)) in enumerate(zip(fragment.rows, opened, strict=True)):
            examined = outcome.examined
            assert examined is not None
            yield Cleared(
                conversation=Ref(row.drawn.row),
                redacted=examined.redacted,
                matches=examined.matches,
                facts=_facts(desk, key, tiers, row, facts[row.cref]),
                decision=fragment.decision,
                receipt=fragment.receipt,
                row=place,
                proof=tuple(step.hex() for step in fragment.tree.inclusion_path(place)),
                rows=len(fragment.rows),
            )


def _facts(desk: Desk, key: bytes, tiers: frozenset[str], row: Row, known: Facts) -> dict[str, Any]:
    linked = known.subject if desk.order.deidentification.linkage == "subject" else row.drawn.row
    return {
        "stratum": row.drawn.stratum,
        "probability": row.drawn.probability,
        "rank": row.drawn.rank,
        "position": row.drawn.position,
        "month": known.month,
        "region": known.region,
        "tier": known_tier(known.tier, tiers),
        "language": row.language,
        "platform": known.source,
        "subject": hmac.new(key, linked.encode(), hashlib.sha256).hexdigest()[:32],
        "temporary": known.temporary,
        "deletion_requested": known.deletion_requested,
        "party_account": known.party_account,
        "responsive": row.responsive,
        "outputs_missing": dict(row.outputs_missing),
    }
