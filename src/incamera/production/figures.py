"""Figures of a certificate: a value, a label, who can check it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from incamera_verify.numbers import TEXT_FIGURES, THRESHOLDS, Value

Class = Literal["recomputable", "neutral", "attested"]

FRAME, DRAW, MATCHES, DEID, COMPLETE, PACKAGE = (
    "Frame", "Sample", "Shared passages", "De-identification", "Completeness and withholding", "The package",
)  # fmt: skip
#: Order of the certificate's sections; the clerk may add its own.
SECTIONS = (FRAME, DRAW, MATCHES, DEID, COMPLETE, PACKAGE)

_LABELS: Mapping[str, tuple[str, str, str]] = {
    "frame.rows": (FRAME, "Conversations in the frame", "rows of SAMPLE/frame.jsonl.gz"),
    "frame.root": (FRAME, "Merkle root of the frame", "recomputed from its rows; committed to in the ledger before any seed"),
    "draw.rows": (DRAW, "Conversations drawn", "drawn again from frame and seeds"),
    "draw.parties": (DRAW, "Seeds revealed by", "SAMPLE/seeds, against their commitments"),
    "rows.total": (DRAW, "Conversations in this production", "rows of the bulk lane, each under a recorded decision"),
    "rows.responsive": (MATCHES, "Responsive conversations in this production", "rows marked responsive by the order's rule"),
    "rows.turns": (MATCHES, "Turns in this production", "rows of the bulk lane"),
    "rows.matches": (MATCHES, "Shared runs listed", "matches of the bulk lane, prompts included"),
    "characters.user": (DEID, "Characters of user text produced", "rows of the bulk lane"),
    "characters.assistant": (DEID, "Characters of assistant text produced", "rows of the bulk lane"),
    "replaced.user": (DEID, "Replaced characters in user text", "LOGS/redaction.csv"),
    "replaced.assistant": (DEID, "Replaced characters in assistant text", "LOGS/redaction.csv"),
    "redactions.total": (DEID, "Replacements", "lines of LOGS/redaction.csv"),
    "waivers.total": (DEID, "Findings left in place inside a protected run", "lines of LOGS/waiver.csv"),
    "deid.bound": (DEID, "Conversations that still leak", "EVIDENCE: readers' draw, signed tallies, exact bound"),
    "reading.text": (DEID, "Text the readers saw", "EVIDENCE/plan.json; redacted: as it leaves; raw: blind to the output"),
    "reading.population": (
        DEID,
        "Conversations the bound is about",
        "produced and withheld rows, under the root drawn from",
    ),
    "reading.read": (DEID, "Conversations read", "drawn again from the matter's seeds and the bytes that would leave"),
    "reading.readers": (DEID, "Readers", "keys of the order's trust list; none of them approved"),
    "reading.twice": (DEID, "Conversations read by two readers", "EVIDENCE/plan.json"),
    "reading.agreed": (DEID, "Of these, both readers alike", "EVIDENCE/tally-*.json"),
    "reading.leaks": (DEID, "Conversations in which a reader found a leak; they are withheld", "EVIDENCE, LOGS/withheld.csv"),
    "reading.bound.structured": (DEID, "Of them by numbers and codes", "EVIDENCE"),
    "reading.bound.names": (DEID, "Of them by names", "EVIDENCE"),
    "reading.bound.other": (DEID, "Of them by anything else", "EVIDENCE"),
    "reading.rate": (DEID, "Share of leaking conversations the order allows", "EVIDENCE/plan.json; the order"),
    "reading.outcome": (DEID, "The order's rate", "the bound over the conversations it is about"),
    "reading.strata_withheld": (DEID, "Strata withheld because their own bound missed the rate", "EVIDENCE, LOGS/withheld.csv"),
    "withheld.total": (COMPLETE, "Parts and conversations withheld", "lines of LOGS/withheld.csv"),
    "exceptions.total": (COMPLETE, "Records that could not be processed", "lines of LOGS/exceptions.csv"),
    "exceptions.escrow-sealed": (COMPLETE, "Drawn conversations that trustees did not unseal", "lines of LOGS/exceptions.csv"),
    "outputs_missing.total": (COMPLETE, "Prompts whose output the source lacks", "rows of the bulk lane"),
    "documents.total": (PACKAGE, "Documents in the document lane", "records of the load file, natives and texts"),
    "dat.substitutions": (PACKAGE, "Characters substituted in the load file", "escapes counted again"),
    "bates.first": (PACKAGE, "First Bates number", "load file"),
    "bates.last": (PACKAGE, "Last Bates number", "load file"),
    "content.root": (PACKAGE, "Merkle root over all files but certificate, manifest and ledger", "recomputed from the files"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number (or short text) of the certificate."""

    id: str
    label: str
    value: Value
    kind: Class
    how: str
    section: str

    def public(self) -> dict[str, Any]:
        """Its form in `certificate.json`."""
        return {
            "id": self.id,
            "label": self.label,
            "value": self.value,
            "class": self.kind,
            "how": self.how,
            "section": self.section,
        }


def recomputable(values: Mapping[str, Value], *, sealed: bool, whole_draw: bool) -> list[Figure]:
    """The figures that the verifier compares with the volume, labelled, in the order of the page.

    What is said of the whole draw follows from the rows only if all of it is among them; else the neutral can check it.
    """
    order = list(_LABELS)
    figures = []
    for name in sorted(values, key=lambda n: (order.index(n) if n in order else len(order), n)):
        section, label, how = _describe(name)
        if sealed and name in TEXT_FIGURES:
            how += "; by the recipient of the sealed rows (--rows)"
        kind: Class = "recomputable" if whole_draw or not name.startswith("unrelated.") else "neutral"
        figures.append(Figure(id=name, label=label, value=values[name], kind=kind, how=how, section=section))
    return sorted(figures, key=_place)


def _place(figure: Figure) -> tuple[int, int, str]:
    family, _, rest = figure.id.partition(".")
    if family in ("unrelated", "hits"):
        return SECTIONS.index(figure.section), THRESHOLDS.index(int(rest)) + 10 * (family == "hits"), figure.id
    known = list(_LABELS)
    return SECTIONS.index(figure.section), 100 + (known.index(figure.id) if figure.id in known else len(known)), figure.id


def _describe(name: str) -> tuple[str, str, str]:
    if name in _LABELS:
        return _LABELS[name]
    family, _, rest = name.partition(".")
    if family == "hits":
        return MATCHES, f"Conversations produced with an output run of {rest} words or more", "matches of the bulk lane"
    if family == "unrelated":
        return (
            MATCHES,
            f"Share without an output run of {rest} words or more, exact 95 % interval from the draw",
            ("TABLES/hits_by_threshold.csv; the bounds are checked from the counts"),
        )
    if family == "redactions":
        return DEID, f"Replacements for {rest}", "lines of LOGS/redaction.csv"
    return COMPLETE, f"Withheld for {rest}", "lines of LOGS/withheld.csv"
