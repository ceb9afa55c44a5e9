"""`answer --plan`: counts, gaps and cost before anything is stored. Reads the logs once, opens no sealed text, writes nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incamera.clerk.collect import Sources
from incamera.clerk.watch import Watcher
from incamera.clerk.works import read_works
from incamera.core.ids import Ref, new_ref
from incamera.core.records import Conversation
from incamera.governance import order as orders
from incamera.governance.terms import Order
from incamera.ingest import files
from incamera.ingest.accounts import Accounts
from incamera.ingest.report import Report
from incamera.sampling import frame
from incamera.vault.facts import Facts

#: Text the cost is measured on: our own, so that an estimate never needs a subject's.
_PROBE = (
    "Please rewrite this note: on 12 May Dana Example of Port Harmony asked the workshop at 14 Mill Lane to call 555-0100 "
    "before noon, since the parts for the pump had not arrived and the garden would dry out by the weekend.\n"
)
_PROBE_SECONDS = 1.0


@dataclass(slots=True)
class _Seen:
    """What one pass over the logs counts; text goes by and is not kept."""

    facts: list[Facts] = field(default_factory=list)
    characters: int = 0
    uncovered: Counter[str] = field(default_factory=Counter)


def plan(order_path: Path, sources: Sources, works: tuple[Path, ...], *, processes: int, watch: Watcher) -> dict[str, Any]:
    """What an answer would take, and what stands in its way.

    Raises:
        Malformed, Refused: as `answer` would, for the order and the logs.
    Privacy: text passes through memory to be counted by script; none is stored, none is shown.
    """
    order = orders.load(order_path)
    watch.stage("count")
    report = Report()
    mapping = files.load_mapping(sources.mapping) if sources.mapping else None
    accounts = files.load_accounts(sources.accounts) if sources.accounts else Accounts()
    seen = _Seen()
    tiers = mapping.named_tiers if mapping else frozenset()
    for conversation in files.read(sources.conversations, report=report, mapping=mapping, accounts=accounts):
        _look(conversation, seen)
        watch.advance()
    lacking = {name: list(report.lacks(name)) for name in order.frame.fields if report.lacks(name)}
    built = None if lacking else frame.build(seen.facts, order.frame, stratified_by=order.sample.strata, tiers=tiers)[0]
    size = None if built is None else len(built.rows) if order.sample.size is None else order.sample.size
    share = min(1.0, size / max(1, len(seen.facts))) if size else 0.0
    return {
        "matter": order.matter.id,
        "order": order.digest,
        "conversations": len(seen.facts),
        "subjects": len({facts.subject for facts in seen.facts}),
        "frame": None if built is None else len(built.rows),
        "strata": None if built is None else len(built.strata),
        "excluded": None if built is None else dict(built.excluded),
        "sample": size,
        "works": sum(1 for _ in read_works(works)),
        "uncovered_scripts": dict(seen.uncovered),
        "exceptions": dict(Counter(flaw.code for flaw in report.exceptions)),
        "missing_outputs": dict(report.outputs_missing),
        "gaps": _gaps(order, lacking, built, works),
        "defaults": dict(order.defaults),
        "cost": _cost(seen.characters * share, processes),
    }


def _look(conversation: Conversation, seen: _Seen) -> None:
    from incamera.deid.language import uncovered
    from incamera.deid.lexicons.characters import points

    text = "\n".join(part.text for _, _, part in conversation.parts())
    seen.characters += len(text)
    if uncovered(points(text))[1]:
        seen.uncovered["LANG-NOT-COVERED"] += 1
    at = conversation.started_at
    seen.facts.append(
        Facts(
            cref=new_ref(),
            subject=Ref(conversation.subject),
            day=at.date().isoformat() if at else None,
            month=at.date().isoformat()[:7] if at else None,
            region=conversation.region,
            tier=conversation.tier,
            source=conversation.source,
            temporary=conversation.flags.temporary,
            deletion_requested=conversation.flags.deletion_requested_at is not None,
            party_account=conversation.flags.party_account,
            turns=len(conversation.turns),
            outputs_missing=sum(conversation.outputs_missing.values()),
            custody="operator",  # as `ingest` takes it in
        )
    )


def _gaps(order: Order, lacking: dict[str, list[str]], built: frame.Frame | None, works: tuple[Path, ...]) -> list[str]:
    """What would stop the answer, or is still to come."""
    return list(_each_gap(order, lacking, built, works))


def _each_gap(order: Order, lacking: dict[str, list[str]], built: frame.Frame | None, works: tuple[Path, ...]) -> Iterator[str]:
    for name, found in sorted(lacking.items()):
        yield f"a frame rule needs {name}, which these sources lack: {', '.join(found)}"
    if built is not None and order.sample.size is not None and order.sample.size > len(built.rows):
        yield f"the order asks for {order.sample.size} of {len(built.rows)} conversations"
    if order.sample.size is not None:
        yield f"seeds to be revealed by {', '.join(c.party for c in order.sample.commitments)}"
    if not works:
        yield "no claimed works given"
    if not order.recipients:
        yield "no recipients: the volume would not be sealed to anybody"
    if order.deidentification.max_leak_rate is not None:
        who = [signer.name for signer in order.signers if signer.role == "reader"]
        yield f"readings by {', '.join(who)}" if who else "no readers: nothing may leave under max_leak_rate"
    yield "two approvals by two people in two roles"


def _cost(characters: float, processes: int) -> dict[str, Any]:
    """Estimated from this machine's own speed on a text of ours, measured now, without the engine's start."""
    from incamera.deid.apply import redact_text

    redact_text(_PROBE)
    started, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - started) < _PROBE_SECONDS:
        redact_text(_PROBE * 20)
        done += len(_PROBE) * 20
    rate = done / spent
    return {
        "characters": round(characters),
        "mb_per_s_per_core": f"{rate / 1e6:.3f}",
        "core_hours": f"{characters / rate / 3600:.4f}",
        "wall_minutes": f"{characters / rate / max(1, processes) / 60:.2f}",
    }
