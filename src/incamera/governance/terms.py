"""What an order says, section by section: frozen, typed, and without any rule of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any, Literal

from incamera.core.canon import canonical
from incamera.core.facts import Rule, Selection
from incamera.core.ids import Digest, digest

#: Who may stand in an order's `[trust]`.
ROLES = ("counsel", "privacy", "neutral", "holder", "requester", "court", "reader")
#: Who may approve an opening. The requesting party signs seeds and receives; it does not permit access to other people's data.
#: Readers measure what leaks; who measures does not permit.
APPROVING_ROLES = ("counsel", "privacy", "neutral", "court", "holder")
#: Labels by which a passage counts as elicited or not, as matching records them.
ELICITATION = ("COPIED-FROM-PROMPT", "CONTINUED", "NAMED", "STEPWISE", "TOOL", "PARTY", "PROMPT", "SPONTANEOUS")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterTerms:
    """`[matter]`: what the order is. `id` is the docket number as a slug: the matter's name in the ledger."""

    caption: str
    number: str
    court: str
    order_date: date
    order_document: str
    order_document_sha256: Digest
    protective_order: str | None
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldTerms:
    """`[hold]`: what must be kept. `scope` is `all`, `frame`, `listed`, or rules by name; accounts and domains come on top."""

    scope: Literal["all", "frame", "listed"] | tuple[Rule, ...]
    until: date | None
    accounts: tuple[str, ...]
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """One party's commitment to its seed, and the key that will sign the reveal."""

    party: str
    commitment: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTerms:
    """`[sample]`: how many, in which strata, and whose seeds decide. `size` None is the whole frame."""

    size: int | None
    strata: tuple[str, ...]
    commitments: tuple[Committed, ...]
    fallback: Literal["refuse", "without-party"]
    extends: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartiesTerms:
    """`[parties]`: accounts of the parties and their investigators, as the sources name them."""

    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorksTerms:
    """`[works]`: the schedule of claimed works, if the order has one, by digest; and whether it is itself confidential."""

    schedule: str | None
    schedule_sha256: Digest | None
    confidential: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingTerms:
    """`[matching]`: words a shared run needs to count, and to be protected from de-identification."""

    min_words: int
    protect_words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsiveTerms:
    """`[responsive]`: which conversations answer the demand. No default: this is the court's, or the parties', decision.

    `max_commonness` None and `elicitation` None put no limit.
    """

    min_run: int
    min_coverage: float
    max_commonness: int | None
    roles: tuple[str, ...]
    elicitation: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidentificationTerms:
    """`[deidentification]`: the recipe, and what happens if its measured recall is too low. `languages` empty is all covered.

    `detectors` are further detectors that must be asked as well (docs/guides/detectors.md).
    `utility` is the text of the utility contract that the order names (docs/formats/utility.md), with its SHA-256.
    `reading` is the text that readers see, `readings` how many conversations of each stratum they read (None: enough for the
    rate if nothing is found), `twice` the share of these that two readers read.
    """

    recipe: Literal["conservative", "utility"]
    k: int
    surrogates: Literal["tag", "realistic"]
    linkage: Literal["conversation", "subject"]
    languages: tuple[str, ...]
    max_leak_rate: float | None
    confidence: float
    on_miss: Literal["refuse", "withhold-stratum", "room-only"]
    reading: Literal["redacted", "raw"]
    readings: int | None
    twice: float
    utility: str | None = None
    utility_sha256: Digest | None = None
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionTerms:
    """`[production]`: what leaves, under which stamp and numbers. Scope and designation have no default."""

    scope: Literal["responsive", "sample"]
    designation: str
    prefix: str
    volume: str
    lanes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyTerms:
    """`[privacy]`: the budget of noisy counts (zero-concentrated differential privacy). rho 0 releases none."""

    rho: float
    delta: float
    unit: Literal["subject", "conversation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTerms:
    """`[notice]`: days to object, from which template, or the paragraph that exempts."""

    days: int
    template: str | None
    exemption_paragraph: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody the package is sealed to: a name and an age recipient.

    The rows of a whole sample are readable to the roles `neutral` and `room` only, unless a paragraph allows bulk export.
    A `reader` gets a packet to read and nothing of the volume.
    """

    name: str
    age: str
    role: Literal["requester", "neutral", "room", "reader"] = "requester"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Somebody whose signature counts in this matter, in one role, by one key."""

    name: str
    role: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order, read whole. `defaults` lists what it left open and what stands there; `paragraphs` cites section by section.

    `digest` names the file byte for byte; `protocol` names what it means, defaults filled in.
    """

    digest: Digest
    matter: MatterTerms
    hold: HoldTerms
    frame: Selection
    sample: SampleTerms
    parties: PartiesTerms
    works: WorksTerms
    matching: MatchingTerms
    responsive: ResponsiveTerms
    deidentification: DeidentificationTerms
    production: ProductionTerms
    privacy: PrivacyTerms
    notice: NoticeTerms
    recipients: tuple[Recipient, ...]
    signers: tuple[Signer, ...]
    defaults: tuple[tuple[str, str], ...]
    paragraphs: Mapping[str, str]

    @property
    def terms(self) -> dict[str, Any]:
        """Every section as plain JSON values, defaults filled in: what the certificate prints."""
        skipped = ("digest", "defaults", "paragraphs")
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in skipped}

    @property
    def protocol(self) -> Digest:
        """SHA-256 of the canonical terms: two orders that differ in spelling only have one protocol."""
        return digest(canonical(self.terms))

    @property
    def scope(self) -> Digest:
        """SHA-256 of frame, sample and works: whose conversations may be opened, and to look for what."""
        terms = self.terms
        return digest(canonical({name: terms[name] for name in ("frame", "sample", "works", "parties")}))

    @property
    def roles(self) -> dict[str, str]:
        """Public key -> role, as `Matter.roles` carries it."""
        return {signer.key: signer.role for signer in self.signers}


def _plain(value: Any) -> Any:
    if isinstance(value, Rule):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
