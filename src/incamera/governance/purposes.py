"""What each purpose is for that no court ordered: who may ask, about whom, how much, for how long, and in which form it leaves.

The access policies hold the same bounds, and decide; this table is what a request is made from and what its approvers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

#: In which form something leaves: counts, text with everything identifying replaced, text as it was received, or not at all.
Form = Literal["counts", "deidentified", "raw", "nothing"]
#: What a request names: one person, one conversation of theirs, or so many conversations of nobody in particular.
About = Literal["subject", "conversation", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """One purpose. `role` asks for it; `consent` tells whether it rests on the subject's consent to exactly this purpose."""

    role: str
    about: About
    form: Form
    consent: bool
    records_max: int
    hours_max: int


STANDING: Final[Mapping[str, Purpose]] = {
    "support": Purpose(role="service", about="subject", form="deidentified", consent=True, records_max=100, hours_max=24),
    "training": Purpose(role="service", about="sample", form="deidentified", consent=True, records_max=100_000, hours_max=168),
    "analytics": Purpose(role="service", about="sample", form="counts", consent=True, records_max=1_000_000, hours_max=168),
    "safety_escalation": Purpose(role="safety", about="conversation", form="raw", consent=False, records_max=1, hours_max=24),
    "data_subject_request": Purpose(
        role="rights", about="subject", form="raw", consent=False, records_max=1_000_000, hours_max=168
    ),
    "class_switch": Purpose(
        role="custodian", about="subject", form="nothing", consent=False, records_max=1_000_000, hours_max=168
    ),
}
#: Purposes whose grant opens the conversations of one person only, whatever list it carries.
PERSONAL: Final = frozenset(name for name, purpose in STANDING.items() if purpose.about == "subject")
#: The role in which a grant of each purpose is used; who may be in it was decided when the grant was issued.
ROLE_OF: Final[Mapping[str, str]] = {"court_order": "examiner"} | {name: purpose.role for name, purpose in STANDING.items()}
