"""From what was found to why it was replaced: the closed vocabulary of reason codes in logs and slips."""

from __future__ import annotations

from incamera.core.errors import Malformed
from incamera.core.records import Surrogate
from incamera_verify.logs import REASONS

_BY_LABEL = {
    "PII-NAME": ("PERSON", "KIN"),
    "PII-CONTACT": ("EMAIL", "PHONE", "FAX", "URL"),
    "PII-ID": ("NATIONAL-ID", "CODE", "CASE", "PLATE", "IP", "MAC", "PASSPORT", "TAX-ID", "NUMBER"),
    "PII-LOC": ("LOC", "ADDRESS", "GEO"),
    "PII-HANDLE": ("HANDLE",),
    "CRED": ("SECRET",),
    "FIN": ("CARD", "IBAN", "BIC", "WALLET", "ACCOUNT"),
    "PHI": ("HEALTH", "MRN"),
    "QUASI": ("ORG", "DATE", "TIME", "AGE", "DEM", "OCC", "QUANTITY", "OTHER"),
}
_REASONS = {label: reason for reason, labels in _BY_LABEL.items() for label in labels}
_BY_KIND = {"direct": "PII-ID", "quasi": "QUASI", "sensitive": "QUASI"}


def reason(surrogate: Surrogate) -> str:
    """The reason code of a replacement; a label unknown here falls back on the kind of the finding."""
    return _REASONS.get(surrogate.label, _BY_KIND[surrogate.kind])


def method(surrogate: Surrogate) -> str:
    """Whether a rule, a trained model or a human found it, from the detector's name."""
    family = surrogate.detector.partition(".")[0].partition(":")[0]
    if family in ("reviewer", "human"):
        return "human"
    return "model" if family in ("names", "model", "adapter") else "rule"


def replacement_type(surrogate: Surrogate) -> str:
    """`mask` for a tag, `surrogate` for a realistic value, `generalise` for a coarser one."""
    if surrogate.method in ("generalised", "generalise", "generalize", "coarsen"):
        return "generalise"
    return "surrogate" if surrogate.method == "realistic" else "mask"


def known(code: str) -> str:
    """*code* if it belongs to the vocabulary.

    Raises:
        Malformed: `production.unknown-reason`.
    """
    if code not in REASONS:
        raise Malformed("production.unknown-reason", "a reason code is none of the closed vocabulary", where="LOGS/withheld.csv")
    return code
