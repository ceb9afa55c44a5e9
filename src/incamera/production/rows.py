"""From a cleared item to its public row: facts of closed kinds, the record, matches on the produced text, and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incamera.core.errors import Malformed
from incamera.core.records import Cleared, Match
from incamera.production.rebase import Rebase
from incamera_verify.errors import VerificationError
from incamera_verify.rows import FACT_KEYS, ROWS_VERSION, check_form

_FLAGS = ("temporary", "deletion_requested", "party_account", "responsive")
_WORDS = ("stratum", "probability", "rank", "position", "month", "region", "tier", "language", "subject")


def row(item: Cleared, record: Mapping[str, Any], bates: str | None, rebase: Rebase) -> dict[str, Any]:
    """The line of the bulk lane for *item*.

    Facts the clerk gives beyond those of the format are left out; those of the format are held to their kinds, so that
    no fact can carry text.

    Raises:
        Malformed: `production.bad-facts`, naming the row.
    """
    facts = item.facts
    public = {
        **{name: facts.get(name) for name in _WORDS},
        **{name: bool(facts.get(name)) for name in _FLAGS},
        "platform": facts.get("platform") or facts.get("source"),
        "outputs_missing": _missing(facts.get("outputs_missing")),
        "bates": bates,
        "conversation": item.conversation,
        "record": record,
        "matches": [_match(match, rebase) for match in sorted(item.matches, key=lambda m: (m.span, m.work_id, m.work_start))],
        "decision": item.receipt.index,
        "row": item.row,
        "rows": item.rows,
        "proof": list(item.proof),
    }
    try:
        check_form(public, ROWS_VERSION, f"row {item.conversation}")
    except VerificationError as flaw:
        raise Malformed("production.bad-facts", flaw.hint, where=flaw.where) from None
    return public


def digest_row(public: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    """The same row without its text, for everybody to check where the lane is sealed."""
    return {**{name: public[name] for name in FACT_KEYS}, "sha256": sha256}


def _missing(value: Any) -> dict[str, int]:
    """Missing outputs by reason; a bare count is of reasons the source does not give."""
    if isinstance(value, Mapping):
        return {str(reason): int(count) for reason, count in value.items() if count}
    return {"unstated": int(value)} if value else {}


def _match(match: Match, rebase: Rebase) -> dict[str, Any]:
    span, common = rebase(match.span), match.commonness
    return {
        "turn": span.turn,
        "part": span.part,
        "start": span.start,
        "end": span.end,
        "work_id": match.work_id,
        "work_start": match.work_start,
        "work_end": match.work_end,
        "words": match.words,
        "fold": match.fold,
        "elicitation": list(match.elicitation),
        "commonness": None
        if common is None
        else {
            "works": common.works,
            "owners": common.owners,
            "background": common.background,
            "surprisal_millibits": None if common.surprisal is None else round(common.surprisal * 1000),
        },
    }
