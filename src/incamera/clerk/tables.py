"""What stands around the rows: tables over the whole draw, obligations, and the certificate's own figures."""

from __future__ import annotations

from typing import Any

from incamera.clerk.clear import Decided
from incamera.clerk.desk import Desk
from incamera.clerk.reading import Evidence
from incamera.deid.evidence.readers import NOT_ESTABLISHED
from incamera.production import Figure, Table, from_records, hits_by_threshold
from incamera.production.figures import COMPLETE, DEID, DRAW, FRAME, MATCHES
from incamera.sampling.draw import Draw
from incamera.sampling.frame import Frame

ACCESS = "Access"
#: The parts of an order, what carries each out, and where that can be seen.
_OBLIGATIONS = (
    ("matter", "the order is recorded by digest", "LEDGER/entries.jsonl: matter.opened"),
    ("hold", "what the hold rule names cannot be erased", "LEDGER/entries.jsonl: hold.placed"),
    ("frame", "exclusions counted by rule, root committed before any seed", "SAMPLE/frame.jsonl.gz"),
    ("sample", "seeds of the parties decide; anybody can draw again", "SAMPLE/draw.jsonl, SAMPLE/seeds"),
    ("works", "claimed works indexed; refused ones counted", "CERT/certificate.json: works.*"),
    ("matching", "every shared run of the declared length is found", "TABLES/hits_by_threshold.csv"),
    ("responsive", "the stipulated rule decides, a leaf a fragment", "LEDGER/entries.jsonl: decision.recorded"),
    (
        "deidentification",
        "recipe by digest, every replacement logged; what was missed, as measured",
        "LOGS/redaction.csv, EVIDENCE",
    ),
    ("production", "numbered, designated, sealed", "DATA, MANIFEST"),
    ("privacy", "no noisy count was released", "CERT/certificate.json"),
    ("notice", "notice is outside this run", ""),
    ("recipients", "sealed to the named recipients", "LEDGER/entries.jsonl: production.sealed"),
    ("trust", "two approvals by two keys in two roles", "LEDGER/entries.jsonl: access.approved"),
)


def tables(desk: Desk, frame: Frame, made: Draw, decided: Decided) -> dict[str, Table]:
    """Tables of the volume by name; counts only."""
    return {
        "hits_by_threshold": hits_by_threshold(decided.hits, max(len(decided.rows), 1)),
        "coverage": _coverage(decided),
        "missing_outputs": from_records(
            [{"reason": r, "outputs": n} for r, n in sorted(decided.sums.outputs_missing.items())], ("reason", "outputs")
        ),
        "strata": from_records(
            [{"stratum": stratum, "frame": of, "drawn": drawn} for stratum, (drawn, of) in sorted(made.places.items())],
            ("stratum", "frame", "drawn"),
        ),
        "exclusions": from_records(
            [
                {"rule": rule, "first": n, "by_itself": frame.excluded_each.get(rule, 0)}
                for rule, n in sorted(frame.excluded.items())
            ],
            ("rule", "first", "by_itself"),
        ),
        "elicitation": from_records(
            [{"label": label, "runs": n} for label, n in sorted(decided.sums.elicitation.items())], ("label", "runs")
        ),
        "replacements": from_records(
            [{"label": label, "replacements": n} for label, n in sorted(decided.sums.labels.items())],
            ("label", "replacements"),
        ),
        "languages": from_records(
            [{"language": name, "conversations": n} for name, n in sorted(decided.sums.languages.items())],
            ("language", "conversations"),
        ),
        "works_refused": from_records(
            [{"work_id": w["work_id"], "code": w["code"]} for w in (desk.done("works") or {}).get("refused", ())],
            ("work_id", "code"),
        ),
        "obligations": _obligations(desk),
        **_utility(decided),
    }


#: Counts of the raw text below this are not told: each could be an answer about somebody.
_LEAST = 10
_UTILITY = ("statistic", "raw", "redacted", "change", "fell", "rose")


def _utility(decided: Decided) -> dict[str, Table]:
    """What the order's utility contract counts, before and after; no table without a contract."""
    if not decided.sums.utility.conversations:
        return {}
    return {"utility": from_records(decided.sums.utility.report(least=_LEAST)["statistics"], _UTILITY)}


def _coverage(decided: Decided) -> Table:
    """What could be read and what could not, over the draw, in characters and conversations."""
    sums = decided.sums
    total = sum(sums.chars.values())
    unread = sum(sums.unread.values())
    rows = [{"what": "read", "reason": "", "conversations": sums.conversations, "characters": total - unread}]
    rows += [
        {"what": "not read", "reason": reason, "conversations": sums.unread_conversations[reason], "characters": count}
        for reason, count in sorted(sums.unread.items())
    ]
    return from_records(rows, ("what", "reason", "conversations", "characters"))


def _obligations(desk: Desk) -> Table:
    order = desk.order
    acts = {recorded.entry.act for recorded in desk.home.ledger.entries(desk.matter)}
    rows = []
    for section, rule, evidence in _OBLIGATIONS:
        act = evidence.partition("entries.jsonl: ")[2]
        status = "done" if not act or act in acts or act == "production.sealed" else "open"
        if section == "notice":
            status = "exempted" if order.notice.exemption_paragraph else "open" if order.notice.days else "not ordered"
        if section == "privacy" and not order.privacy.rho:
            status = "not ordered"
        if section == "recipients" and not order.recipients:
            status = "not ordered"
        rows.append(
            {
                "paragraph": order.paragraphs.get(section, ""),
                "section": section,
                "rule": rule,
                "evidence": evidence,
                "status": status,
            }
        )
    return from_records(rows, ("paragraph", "section", "rule", "evidence", "status"))


def figures(
    desk: Desk, frame: Frame, made: Draw, decided: Decided, works: dict[str, Any], read: Evidence | None = None
) -> list[Figure]:
    """The numbers only the neutral can check in the vault, or nobody but the holder: each says which."""
    sums, collected = decided.sums, desk.done("collect") or {}
    return [
        *_frame(frame, made, collected),
        *_by_custody(desk),
        _neutral(MATCHES, "works.indexed", "Claimed works searched for", works["works"], "the index, built again of the works"),
        _neutral(
            MATCHES, "works.refused", "Claimed works left out of the index", len(works["refused"]), "the works, by the same rules"
        ),
        _neutral(MATCHES, "draw.responsive", "Responsive conversations of the draw", decided.responsive, "the rule, run again"),
        _neutral(MATCHES, "draw.runs", "Shared runs in the draw, prompts included", sums.matches, "the search, run again"),
        _neutral(DEID, "deid.replacements", "Replacements in the draw", sum(sums.labels.values()), "the recipe, run again"),
        _neutral(DEID, "deid.unread", "Characters withheld unread", sum(sums.unread.values()), "the recipe, run again"),
        *_bound(read),
        _neutral(COMPLETE, "draw.outputs", "Outputs in the draw", sums.outputs, "the vault"),
        _neutral(
            COMPLETE,
            "draw.outputs_missing",
            "Prompts of the draw without an output",
            sum(sums.outputs_missing.values()),
            "the vault",
        ),
        _attested(ACCESS, "access.readers", "People who read raw text in this run", *_saw_raw(read)),
    ]


def _saw_raw(read: Evidence | None) -> tuple[int, str]:
    """How many people were shown text as received, and why so many."""
    if read is None or read.plan.text != "raw":
        return 0, "the examination ran in workers under one grant"
    return len(read.plan.readers), "readers of the order, whose packets were sealed to them: EVIDENCE/plan.json"


def _bound(read: Evidence | None) -> list[Figure]:
    """Without readers no bound; with them it follows from the volume, and stands among the figures anybody can recompute."""
    if read is not None:
        return []
    label, how = (
        "Upper bound on conversations that still leak",
        "no readers read a sample of this production; only readers can bound it",
    )
    return [_attested(DEID, "deid.bound", label, NOT_ESTABLISHED, how)]


def _frame(frame: Frame, made: Draw, collected: dict[str, Any]) -> list[Figure]:
    return [
        _neutral(FRAME, "frame.population", "Conversations in the vault", frame.population, "counted in the vault"),
        _neutral(
            FRAME,
            "frame.excluded",
            "Conversations excluded by the order's rules",
            sum(frame.excluded.values()),
            "the rules, run again",
        ),
        *(
            _neutral(FRAME, f"frame.excluded.{rule}", f"Excluded by {rule}", count, "the rule, run again")
            for rule, count in sorted(frame.excluded.items())
        ),
        _neutral(
            FRAME,
            "collect.exceptions",
            "Records that could not be read at collection",
            sum(collected.get("exceptions", {}).values()),
            "exceptions.jsonl of the matter, by id and code",
        ),
        *(
            _neutral(FRAME, f"collect.{name}", label, collected.get(name, 0), "the sources, read again")
            for name, label in (
                ("duplicates", "Records that came twice, alike"),
                ("reused_ids", "Records kept apart although their source gave them one id"),
                ("conflicting", "Records that differ from what an earlier collection stored under their id, not taken in"),
            )
        ),
        _neutral(DRAW, "draw.empty_strata", "Strata too small for a place", len(made.empty_strata), "TABLES/strata.csv"),
    ]


_WHO = {
    "operator": "opened by the operator under a grant",
    "escrowed": "escrowed with trustees",
    "user": "sealed by their subjects",
}


def _by_custody(desk: Desk) -> list[Figure]:
    """Frame and draw by who can open them, as their acts said it at the time: a class may change afterwards."""
    figures = []
    for section, scope, act, what in (
        (FRAME, "frame", "frame.committed", "Conversations in the frame"),
        (DRAW, "draw", "draw.made", "Conversations drawn"),
    ):
        recorded = desk.recorded(act)
        said = recorded.entry.fields if recorded else {}
        figures += [
            _neutral(section, f"{scope}.custody.{name}", f"{what}, {who}", said[name], f"the vault; LEDGER/entries.jsonl: {act}")
            for name, who in _WHO.items()
            if name in said
        ]
    return figures


def _neutral(section: str, name: str, label: str, value: int | str, how: str) -> Figure:
    return Figure(id=name, label=label, value=value, kind="neutral", how=how, section=section)


def _attested(section: str, name: str, label: str, value: int | str, how: str) -> Figure:
    return Figure(id=name, label=label, value=value, kind="attested", how=how, section=section)
