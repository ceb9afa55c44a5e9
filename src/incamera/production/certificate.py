"""Composes the certificate: every statement a computed figure with its class, and a plain list of what it does not show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from incamera.core.errors import Malformed
from incamera.production.figures import SECTIONS, Figure
from incamera.production.package import Package
from incamera_verify.certificate import VERSION, check_form
from incamera_verify.errors import VerificationError

SINGLE_OPERATOR, DEMONSTRATION = "SINGLE-OPERATOR RUN", "DEMONSTRATION"

#: True of every production of this program, whatever its figures.
NOT_SHOWN = (
    "That anybody is anonymous. Text was de-identified with keyed surrogates, which is pseudonymisation: "
    "who knows a person may know them again by what they wrote about.",
    "That every identifier was found. What could be measured is stated above with its kind of evidence; "
    "what is not stated was not established.",
    "That no work was reproduced in other words. Matching finds exact runs after the declared fold, in text that could be "
    "read; paraphrase, translation and images are outside.",
    "That the source records were complete or true before they were collected. The ledger begins with the matter.",
    "Anything about events rarer than the sample can show: an interval that reaches from zero is not a proof of absence.",
    "That the law was obeyed. The method is evidence for a court to judge, not a judgment.",
)


def compose(
    package: Package,
    *,
    figures: Iterable[Figure] = (),
    labels: Sequence[str] = (),
    order: Sequence[tuple[str, str]] = (),
    statements: Sequence[str] = (),
    defaults: Sequence[tuple[str, str]] = (),
    deviations: Sequence[str] = (),
    not_shown: Sequence[str] = (),
    keys: str,
    software: Mapping[str, str],
    issued_at: datetime,
) -> dict[str, Any]:
    """The certificate of *package*, as `seal` writes it.

    Args:
        figures: The clerk's own figures, of class `neutral` or `attested`; those of the package come by themselves.
        labels: `SINGLE-OPERATOR RUN` and `DEMONSTRATION` where they apply: the page's first lines.
        order: Facts of the order to print, as (label, value): its digest, dates, paragraphs.
        statements: Sentences under "What was produced", after the standard one.
        defaults: What the order left open and the value used, as (key, value).
        keys: Who kept the keys: the KMS, with its warning.
        software: Name to version or digest.

    Raises:
        Malformed: `production.bad-certificate`, naming the flaw.
    """
    terms = package.terms
    own = [*package.figures, *figures]
    sections = [name for name in SECTIONS if any(f.section == name for f in own)]
    sections += [name for name in dict.fromkeys(f.section for f in own) if name not in sections]
    certificate = {
        "version": VERSION,
        "labels": list(labels),
        "volume": terms.volume,
        "matter": terms.matter,
        "caption": terms.caption,
        "number": terms.number,
        "court": terms.court,
        "order": [{"label": label, "value": value} for label, value in (("Order (SHA-256)", terms.order), *order)],
        "designation": terms.designation,
        "scope": terms.scope,
        "statements": [_statement(package), *statements],
        "sections": sections,
        "figures": [figure.public() for figure in own],
        "defaults": [{"key": key, "value": value} for key, value in defaults],
        "deviations": list(deviations),
        "not_shown": [*not_shown, *NOT_SHOWN],
        "keys": keys,
        "software": [{"name": name, "version": text} for name, text in sorted(software.items())],
        "issued_at": issued_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    try:
        check_form(certificate)
    except VerificationError as flaw:
        raise Malformed("production.bad-certificate", flaw.hint, where=flaw.where) from None
    return certificate


def _statement(package: Package) -> str:
    facts, items = package.facts, package.items
    what = "the responsive conversations of the draw" if facts.scope == "responsive" else "the whole de-identified draw"
    lane = ", its bulk lane sealed to its recipients" if facts.bulk == "sealed" else ""
    noun = "conversation" if items == 1 else "conversations"
    return f"Volume {facts.volume} holds {what}: {items} {noun}, {facts.documents} of them as numbered documents{lane}."
