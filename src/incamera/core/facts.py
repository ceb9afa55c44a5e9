"""Facts about a conversation that carry no text, and the rules an order may state over them.

Hold and frame are two rule sets with their own counts, but they speak of the same facts in the same words; the words stand
here because governance reads them in an order and sampling applies them to a vault.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar, cast, get_args

from incamera.core.records import Custody

#: Agreement on the European Economic Area: 27 member states with Iceland, Liechtenstein and Norway.
EEA: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)
UNKNOWN: Final = "unknown"

#: Rules without a value, and the field of the source each of them reads; None where the holder always knows.
FLAGS: Final[dict[str, str | None]] = {
    "temporary": "temporary",
    "deletion_requested": "deletion_requested_at",
    "party_account": None,
    "undated": None,
    "output_missing": None,
}
#: Rules with a value, `field:value`, and the field of the source each of them reads.
VALUED: Final[dict[str, str | None]] = {"tier": "tier", "region": "region", "source": None, "custody": None}
#: Who can open a conversation; where facts do not say, the holder under a grant.
CUSTODY: Final[tuple[Custody, ...]] = get_args(Custody)

#: Names of tiers as products sell them; one of them says nothing about a person even where it is also a name.
TIERS: Final = frozenset({
    "academic", "api", "basic", "business", "developer", "edu", "education", "enterprise", "free", "go", "government", "guest",
    "individual", "max", "nonprofit", "plus", "premium", "pro", "standard", "student", "team", "teams", "trial", "ultra",
})  # fmt: skip


class FactsLike(Protocol):
    """What the vault tells about a conversation without opening it. None means that its source does not say.

    `month` is `YYYY-MM`; `region` is `EEA`, `UK`, `CH` or an ISO 3166 code; `cref` and `subject` are random references.
    """

    @property
    def cref(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def month(self) -> str | None: ...
    @property
    def region(self) -> str | None: ...
    @property
    def tier(self) -> str | None: ...
    @property
    def source(self) -> str: ...
    @property
    def temporary(self) -> bool: ...
    @property
    def deletion_requested(self) -> bool: ...
    @property
    def party_account(self) -> bool: ...
    @property
    def outputs_missing(self) -> int: ...


AnyFacts = TypeVar("AnyFacts", bound=FactsLike)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule by its name in an order: `temporary`, `tier:enterprise`, `region:EEA`, `source:chatgpt`, `custody:user`."""

    kind: str
    value: str = ""

    @classmethod
    def parse(cls, name: str) -> Rule | None:
        """The rule of that name, or None: the set is closed."""
        kind, colon, value = name.partition(":")
        if colon:
            known = kind in VALUED and value.strip() == value != "" and (kind != "region" or is_region(value))
            known = known and (kind != "custody" or value in CUSTODY)
            return cls(kind, value) if known else None
        return cls(kind) if kind in FLAGS else None

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind

    @property
    def field(self) -> str | None:
        """The field of the source without which this rule cannot be applied."""
        return VALUED[self.kind] if self.value else FLAGS[self.kind]

    def applies(self, facts: FactsLike) -> bool:
        """Whether the conversation is one the rule names."""
        match self.kind:
            case "tier":
                return _same(facts.tier, self.value)
            case "region":
                return in_region(facts.region, self.value)
            case "source":
                return _same(facts.source, self.value)
            case "custody":
                return getattr(facts, "custody", CUSTODY[0]) == self.value
            case "undated":
                return facts.month is None
            case "output_missing":
                return facts.outputs_missing > 0
            case _:
                return bool(getattr(facts, self.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which conversations a frame (or a hold that follows it) is made of: a period, lists to stay inside, rules to leave out.

    `first` and `last` are both months (`YYYY-MM`) or both days (`YYYY-MM-DD`), inclusive; None is open. A list of tiers or
    regions includes what it names and nothing else; `unknown` can be named. An undated conversation is inside every period:
    it is a stratum of its own, and the rule `undated` leaves it out.
    """

    first: str | None = None
    last: str | None = None
    tiers: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    exclusions: tuple[Rule, ...] = ()

    @property
    def by_day(self) -> bool:
        """Whether the period needs days, where the vault may know months only."""
        return len(self.first or self.last or "") == len("2024-01-31")

    @property
    def names(self) -> tuple[str, ...]:
        """The rules by name, in the order in which they are applied."""
        bounds = (("period", self.first or self.last), ("tiers", self.tiers), ("regions", self.regions))
        return (*(name for name, bound in bounds if bound is not None), *(rule.name for rule in self.exclusions))

    @property
    def named_tiers(self) -> frozenset[str]:
        """Tiers that the lists and the rules name, in lower case."""
        return frozenset(tier.casefold() for tier in self.tiers or ()) | named_tiers(self.exclusions)

    @property
    def fields(self) -> dict[str, str]:
        """Field of the source -> the first rule that cannot be applied without it."""
        needed: dict[str, str] = {}
        for name, field in (("period", "started_at"), ("tiers", "tier"), ("regions", "region")):
            if name in self.names:
                needed.setdefault(field, name)
        for rule in self.exclusions:
            if rule.field is not None:
                needed.setdefault(rule.field, rule.name)
        return needed

    def excluded_by(self, facts: FactsLike) -> list[str]:
        """Every rule that leaves this conversation out, in the order of `names`; empty if it belongs to the frame."""
        out = []
        if self.first is not None or self.last is not None:
            moment = getattr(facts, "day", None) if self.by_day else facts.month
            if moment is not None and not (self.first or "") <= moment <= (self.last or "9999-99-99"):
                out.append("period")
        if self.tiers is not None and not any(_same(facts.tier, tier) for tier in self.tiers):
            out.append("tiers")
        if self.regions is not None and not any(in_region(facts.region, region) for region in self.regions):
            out.append("regions")
        out += [rule.name for rule in self.exclusions if rule.applies(facts)]
        return out


def named_tiers(rules: Iterable[Rule]) -> frozenset[str]:
    """Tiers that *rules* name, in lower case."""
    return frozenset(rule.value.casefold() for rule in rules if rule.kind == "tier")


def known_tier(tier: str | None, allowed: Container[str] = TIERS) -> str | None:
    """The tier as it may leave: in lower case if it is one of *allowed* (lower case), else `unknown`; None if there is none.

    A tier is a string of the source, and somebody may have written a name there: only words that the product, the order or
    the holder's mapping names are shown, and two spellings of one tier are one.
    """
    if tier is None:
        return None
    folded = tier.casefold()
    return folded if folded in allowed else UNKNOWN


def closed(facts: AnyFacts, tiers: Container[str] = TIERS) -> AnyFacts:
    """*facts* (a dataclass) with the tier as `known_tier` has it, so that rules, strata and rows speak of the same."""
    tier = known_tier(facts.tier, tiers)
    return facts if tier == facts.tier else cast(AnyFacts, replace(cast(Any, facts), tier=tier))


def in_region(actual: str | None, named: str) -> bool:
    """Whether a conversation of region *actual* is one of region *named*; region unknown is treated as EEA."""
    named = named.upper()
    known = actual.upper() if actual else ""
    if named == UNKNOWN.upper():
        return not known
    if named == "EEA":
        return known == "EEA" or known in EEA or len(known) != 2  # a region nobody can place gets the stricter law
    return known == named


def is_region(name: str) -> bool:
    """Whether an order may name this region: `EEA`, `UK`, `CH`, `unknown`, or an ISO code outside them.

    The vault keeps the EEA as one region, so a member state by itself cannot be told apart and is not accepted.
    """
    name = name.upper()
    return name in ("EEA", UNKNOWN.upper()) or (len(name) == 2 and name.isascii() and name.isalpha() and name not in EEA | {"GB"})


def _same(actual: str | None, named: str) -> bool:
    return (actual or UNKNOWN).casefold() == named.casefold()
