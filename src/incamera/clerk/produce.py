"""The volume: built from cleared items, certified, sealed, and verified as its receiver will verify it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from incamera.clerk import reading, reuse_matter, risk, sample, tables
from incamera.clerk.clear import Decided, cleared
from incamera.clerk.desk import Desk
from incamera.clerk.examination import Results
from incamera.clerk.home import Home, write_atomically
from incamera.core.errors import Refused
from incamera.core.ids import Ref
from incamera.core.records import Approval
from incamera.governance import order as orders
from incamera.governance.single import single_operator
from incamera.governance.terms import Order
from incamera.ledger.bundle import export
from incamera.production import (
    DEMONSTRATION,
    SINGLE_OPERATOR,
    Clawback,
    Evidence,
    Failure,
    Figure,
    SampleFiles,
    Terms,
    build,
    clawback,
    compose,
    seal,
)
from incamera.sampling.draw import Draw
from incamera.sampling.frame import Frame
from incamera.vault.facts import Facts
from incamera_verify import volume
from incamera_verify.errors import VerificationError
from incamera_verify.evidence import ROOM_ONLY
from incamera_verify.note import Checkpoint, Note
from incamera_verify.report import Report
from incamera_verify.trust import Trust

VOLUME, TRUST = "production", "trust.toml"


def terms_of(order: Order, *, room_only: bool = False) -> Terms:
    """What the order says about the volume.

    The bulk lane of a whole sample is sealed to the neutral and the room unless a paragraph allows bulk export; to the room
    alone, whatever the order allows, where the readers' bound missed and *room_only* is the consequence.

    Raises:
        Refused: `production.bulk-not-allowed`.
    """
    production = order.production
    exported = "bulk-export" in production.lanes and not room_only
    sealed = ("room",) if room_only else () if exported or production.scope == "responsive" else ("neutral", "room")
    return Terms(
        matter=order.matter.id,
        order=order.digest,
        caption=order.matter.caption,
        number=order.matter.number,
        court=order.matter.court,
        volume=production.volume,
        prefix=production.prefix,
        designation=production.designation,
        scope=production.scope,
        bulk_recipients=keys_of(order, sealed),
        bulk_export_paragraph=order.paragraphs.get("production") if exported else None,
    )


def check_terms(order: Order) -> Terms:
    """Refuse, before anything is collected, an order that this version could not carry out as it says.

    Raises:
        Refused: `answer.lanes`, the order leaves out a lane that every volume has; what `reading.readers_of` refuses: an order
            that makes delivery depend on a measured leak rate must name readers apart from everybody else.
    """
    reading.readers_of(order)
    lanes = set(order.production.lanes)
    if "document" not in lanes or not lanes & {"bulk", "bulk-export"}:
        raise Refused("answer.lanes", "every volume has a document lane and a bulk lane: name both", where="production.lanes")
    return terms_of(order)


def keys_of(order: Order, roles: Sequence[str]) -> tuple[str, ...]:
    """age keys of the recipients in *roles*."""
    return tuple(recipient.age for recipient in order.recipients if recipient.role in roles)


def produce(
    desk: Desk,
    frame: Frame,
    made: Draw,
    results: Results,
    decided: Decided,
    *,
    approvals: Sequence[Approval],
    out: Path,
    read: reading.Evidence | None = None,
    labelled: Path | None = None,
    extra: Sequence[Figure] = (),
    stages: dict[str, Any],
) -> None:
    """Build, certify and seal the volume into *out*.

    Raises:
        Refused: `production.*`; `answer.nothing-to-produce`, no conversation of the draw is within the scope.
        Unavailable: `production.disk-full`; nothing stands under the volume's name.
    """
    home, order = desk.home, desk.order
    room_only = read is not None and read.room_only
    if not any(fragment.rows for fragment in decided.produced):
        desk.watch.note("no conversation of the draw is within the scope: the volume holds tables and proofs only")
    wanted = {row.cref for row in decided.rows}
    facts: dict[Ref, Facts] = {known.cref: known for known in home.vault.facts() if known.cref in wanted}
    reuse = reuse_matter.gather(desk, results, decided, facts)
    reuse.write(out.parent / reuse_matter.REUSE)
    report = risk.report(desk, results, decided, read, facts, labelled)
    desk.watch.stage("build volume", sum(len(fragment.rows) for fragment in decided.produced))
    package = build(
        cleared(desk, results, decided, facts),
        terms=terms_of(order, room_only=room_only),
        evidence=Evidence(leaves=lambda index: home.ledger.entry(index).leaf, log=home.ledger_keys),
        sampled=SampleFiles(frame=desk.path / sample.FRAME, draw=desk.path / sample.DRAW, reveals=sample.revealed(desk)),
        signer=home.manifest_signer.verifier,
        out=out,
        withheld=decided.withheld,
        exceptions=[*_failures(desk), *decided.gone],
        tables={**tables.tables(desk, frame, made, decided), **reuse.tables(), "risk": risk.table(report)},
        run={"stages": stages},
        measured=read.figures if read else None,
        files={**(read.files if read else {}), **risk.files(report)},
        progress=desk.watch.advance,
    )
    reasons = single_operator(order, approvals, list(sample.revealed(desk)), demo=home.demonstration)
    certificate = compose(
        package,
        figures=[*tables.figures(desk, frame, made, decided, desk.done("works") or {}, read), *risk.figures(decided), *extra],
        labels=_labels(reasons, home.demonstration, room_only),
        order=_order_facts(order),
        defaults=order.defaults,
        deviations=[*reasons, *_fallbacks(desk), *_misses(read)],
        keys=home.kms.warning or f"KMS: {home.kms.name}.",
        software={name: version(name) for name in ("incamera", "incamera-verify", "cryptography", "pyarrow", "numba")},
        issued_at=home.clock.now(),
    )
    desk.watch.stage("seal")
    seal(
        package,
        certificate=certificate,
        signer=home.manifest_signer,
        appender=home.ledger,
        export=lambda directory: export(home.ledger, desk.matter, directory),
        actor=desk.actor,
        clock=home.clock,
        recipients=keys_of(order, ("room",) if room_only else ("requester", "neutral", "room")),
    )


def _labels(reasons: Sequence[str], demonstration: bool, room_only: bool) -> tuple[str, ...]:
    stated = ((SINGLE_OPERATOR, bool(reasons)), (DEMONSTRATION, demonstration), (ROOM_ONLY, room_only))
    return tuple(label for label, holds in stated if holds)


def _misses(read: reading.Evidence | None) -> list[str]:
    """What the certificate says where the order's rate was missed, or rows had to be drawn for the readers again."""
    if read is None:
        return []
    said = []
    if read.verdict.missed:
        strata = ", ".join(read.verdict.missed)
        said.append(f"the readers' bound missed the order's rate; withheld, as the order says, are the strata {strata}")
    if read.room_only:
        said.append("the readers' bound missed the order's rate; the volume is for the review room only, as the order says")
    if read.redrawn:
        said.append(
            f"rows were drawn for the readers {read.redrawn + 1} times, as what would leave had changed; the ledger has each"
        )
    return said


def take_back(
    home: Home, order_path: Path, delivered: Path, out: Path, *, name: str, bates: Sequence[str], reason: str, basis: str
) -> Path:
    """Write a signed overlay that takes delivered documents back: slip sheets, a load file, an act in the ledger.

    Raises:
        Malformed: `production.overlay-*`, `production.unknown-reason`. Refused: `production.other-signer`.
    """
    desk = Desk(home=home, order=orders.load(order_path))
    return clawback(
        delivered,
        [Clawback(bates=number, reason=reason, basis=basis) for number in bates],
        name=name,
        signer=home.manifest_signer,
        appender=home.ledger,
        export=lambda directory: export(home.ledger, desk.matter, directory),
        actor=desk.actor,
        out=out,
    )


def verify(desk: Desk, out: Path) -> Report:
    """Verify the volume with the keys this home pins, and record the outcome.

    Raises:
        Refused: `answer.not-verified`, naming the step that failed; the volume stays where it is.
    """
    desk.watch.stage("verify")
    listed = desk.recorded("production.sealed")
    assert listed is not None
    named = {"volume": desk.order.production.volume, "manifest": listed.entry.fields["manifest"]}
    try:
        report = volume.verify(out, Trust.parse(trust_file(desk)))
    except VerificationError as flaw:
        desk.act("production.verified", **named, outcome="refused", code=flaw.code)
        raise Refused("answer.not-verified", f"{flaw.hint} ({flaw.code})", where=flaw.where) from None
    desk.once("production.verified", key=("manifest", "outcome"), **named, outcome="verified")
    return report


def trust_file(desk: Desk) -> bytes:
    """The keys and the frame's checkpoint that a receiver pins. Hand it over by another way than the volume."""
    home = desk.home
    trust = Trust(home.origin, home.ledger_keys, (home.manifest_signer.verifier,), (), desk.matter, desk.order.digest)
    return trust.to_toml(_first_checkpoint_of(desk, "frame.committed"))


def write_trust(desk: Desk, path: Path) -> None:
    write_atomically(path, trust_file(desk))


def _first_checkpoint_of(desk: Desk, act: str) -> list[bytes]:
    recorded = desk.recorded(act)
    if recorded is None:
        return []
    for note in desk.home.ledger.checkpoints():
        if Checkpoint.parse(Note.parse(note).text).size > recorded.index:
            return [note]
    return []


def _failures(desk: Desk) -> list[Failure]:
    """Damaged records by code. Their source ids stay with the holder: an id of a source can be a person's."""
    collected = desk.done("collect") or {}
    return [
        Failure(id=f"record-{number}", stage="collect", code=code)
        for number, code in enumerate(
            (code for code, count in sorted(collected.get("exceptions", {}).items()) for _ in range(count)), 1
        )
    ]


def _fallbacks(desk: Desk) -> list[str]:
    return [
        f"party {recorded.entry.fields['party']} did not reveal its seed; the draw went on without it, as the order allows"
        for recorded in desk.home.ledger.entries(desk.matter)
        if recorded.entry.act == "seed.fallback"
    ]


def _order_facts(order: Order) -> list[tuple[str, str]]:
    facts = [
        ("Order of", order.matter.order_date.isoformat()),
        ("Order document (SHA-256)", order.matter.order_document_sha256),
        ("Protocol (SHA-256)", order.protocol),
    ]
    if order.matter.protective_order:
        facts.append(("Protective order", order.matter.protective_order))
    return facts + [(f"Paragraph on {section}", cited) for section, cited in sorted(order.paragraphs.items())]
