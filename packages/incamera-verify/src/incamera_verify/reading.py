"""The readers' evidence: who read which rows, what they signed, and the bound that follows. No text, no offsets.

`plan.json` is fixed before anybody reads; each reader signs a tally of the rows given to them; `result.json` says which rows
were withheld for it. Rows and ledger give the draw again, the tallies give the bound again.

This is the only implementation: the product draws and counts with these functions too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from incamera_verify import bounds, merkle
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json

PLAN_VERSION = "incamera/reading/1"
TALLY_VERSION = "incamera/reading-tally/1"
RESULT_VERSION = "incamera/reading-result/1"
#: What a reader can find, and that it is anything at all.
KINDS = ("structured", "names", "other")
ANY = "any"
TEXTS = ("redacted", "raw")
ON_MISS = ("refuse", "withhold-stratum", "room-only")

_PLAN_KEYS = {
    "version", "matter", "order", "frame", "root", "population", "text", "confidence", "max_leak_rate", "on_miss", "readers",
    "places", "rows",
}  # fmt: skip
_TALLY_KEYS = {"version", "matter", "order", "plan", "reader", "text", "rows", "marks", "at", "signature"}
_RESULT_KEYS = {"version", "plan", "leaks", "withheld", "outcome"}
_ROW = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DECIMAL = re.compile(r"0\.[0-9]{1,17}|[01]|1\.0")

#: Row id to the kinds of leak that readers found there; rows without one are left out.
Leaks = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Assigned:
    """A row to read: its stratum, and the readers by their place in the plan's list."""

    row: str
    stratum: str
    readers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was to be read by whom, fixed and recorded before anybody read.

    `root` is the Merkle root over the clearance leaves of everything that would leave, in order of row id: readings of other
    bytes than the produced ones bound nothing. `places` has rows, read and read twice of each stratum.
    """

    matter: str
    order: str
    frame: str
    root: str
    population: int
    text: str
    confidence: str
    max_leak_rate: str
    on_miss: str
    readers: tuple[str, ...]
    places: Mapping[str, tuple[int, int, int]]
    rows: tuple[Assigned, ...]

    def to_json(self) -> bytes:
        """`plan.json`: canonical bytes and a line end."""
        value = {name: getattr(self, name) for name in _PLAN_KEYS - {"version", "readers", "places", "rows"}}
        value |= {
            "version": PLAN_VERSION,
            "readers": list(self.readers),
            "places": {s: {"rows": of, "read": n, "twice": two} for s, (of, n, two) in self.places.items()},
            "rows": [{"row": a.row, "stratum": a.stratum, "readers": list(a.readers)} for a in self.rows],
        }
        return canonical(value) + b"\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the file: what tallies and ledger name."""
        return hashlib.sha256(self.to_json()).hexdigest()

    @property
    def alpha(self) -> Fraction:
        return 1 - Fraction(self.confidence)

    @property
    def rate(self) -> Fraction:
        return Fraction(self.max_leak_rate)

    def of(self, reader: int) -> tuple[str, ...]:
        """Rows of one reader, in order of row id."""
        return tuple(sorted(a.row for a in self.rows if reader in a.readers))

    @classmethod
    def parse(cls, data: bytes, where: str) -> Plan:
        """Read a plan strictly. Raises `VerificationError`, `reading.malformed`."""
        value = _object(data, _PLAN_KEYS, PLAN_VERSION, where)
        try:
            places = {s: (p["rows"], p["read"], p["twice"]) for s, p in value["places"].items()}
            rows = tuple(Assigned(r["row"], r["stratum"], tuple(r["readers"])) for r in value["rows"])
            plan = cls(
                readers=tuple(value["readers"]),
                places=places,
                rows=rows,
                **{name: value[name] for name in _PLAN_KEYS - {"version", "readers", "places", "rows"}},
            )
            sound = (
                plan.to_json() == data
                and plan.text in TEXTS
                and plan.on_miss in ON_MISS
                and all(_DECIMAL.fullmatch(text) for text in (plan.confidence, plan.max_leak_rate))
                and 0 < plan.alpha < 1
                and all(type(n) is int and n >= 0 for place in places.values() for n in place)
                and all(two <= read <= of for of, read, two in places.values())
                and all(type(r) is int and 0 <= r < len(plan.readers) for a in rows for r in a.readers)
                and len(set(plan.readers)) == len(plan.readers)
            )
        except (KeyError, TypeError, AttributeError, ValueError, VerificationError):
            sound = False
        if not sound:
            raise VerificationError("reading.malformed", f"the file is not an {PLAN_VERSION} file", where)
        return plan


# --- the draw -----------------------------------------------------------------------------------------------------------


def root(leaves: Mapping[str, bytes]) -> str:
    """Merkle root over the clearance leaf hashes of the rows that would leave, in order of row id; hex."""
    return merkle.root(leaves[row] for row in sorted(leaves)).hex()


def key(draw_key: bytes, population_root: str) -> bytes:
    """The key that ranks rows for the readers: from the draw's public randomness and the very bytes that would leave.

    It follows from nothing that anybody could choose freely: the seeds were committed to before the frame, and other redacted
    bytes are another examination, recorded as one.
    """
    return hmac.new(draw_key, b"incamera/reading-key/1" + bytes.fromhex(population_root), hashlib.sha256).digest()


def assign(
    strata: Mapping[str, str], places: Mapping[str, tuple[int, int, int]], readers: int, reading_key: bytes
) -> tuple[Assigned, ...]:
    """The rows to read, stratum by stratum, lowest rank first; the first ones of each are read by two readers.

    Args:
        strata: Row id to stratum, of every row that would leave.
        places: Stratum to (rows, read, read twice).
    """
    by_stratum: dict[str, list[str]] = {}
    for row, stratum in strata.items():
        by_stratum.setdefault(stratum, []).append(row)
    assigned: list[Assigned] = []
    for stratum in sorted(by_stratum):
        _, count, twice = places[stratum]
        ranked = sorted(by_stratum[stratum], key=lambda row: (hmac.digest(reading_key, row.encode(), "sha256"), row))
        for row in ranked[:count]:
            place = len(assigned)
            second = ((place + 1) % readers,) if twice > 0 and readers > 1 else ()
            twice -= 1
            assigned.append(Assigned(row, stratum, (place % readers, *second)))
    return tuple(assigned)


# --- the tallies --------------------------------------------------------------------------------------------------------


def tally_message(tally: Mapping[str, Any]) -> bytes:
    """The bytes a reader signs: context, a zero byte, and the tally without its signature."""
    return TALLY_VERSION.encode() + b"\0" + canonical({name: value for name, value in tally.items() if name != "signature"})


def parse_tally(data: bytes, where: str) -> dict[str, Any]:
    """Read a tally strictly: its form, not yet its truth.

    Raises:
        VerificationError: `reading.malformed`.
    """
    value = _object(data, _TALLY_KEYS, TALLY_VERSION, where)
    texts = ("matter", "order", "plan", "reader", "text", "marks", "at", "signature")
    rows = value["rows"]
    sound = all(isinstance(value[name], str) for name in texts) and isinstance(rows, list)
    sound = sound and all(
        isinstance(row, dict)
        and set(row) == {"row", *KINDS}
        and isinstance(row["row"], str)
        and _ROW.fullmatch(row["row"]) is not None
        and all(type(row[kind]) is int and row[kind] >= 0 for kind in KINDS)
        for row in rows
    )
    if not sound:
        raise VerificationError("reading.malformed", f"the file is not an {TALLY_VERSION} file", where)
    return value


def check_tally(tally: Mapping[str, Any], plan: Plan, where: str) -> int:
    """The tally is of this plan, signed by the reader it names, over exactly the rows given to them; the reader's place.

    Raises:
        VerificationError: `reading.other-plan`, `reading.unknown-reader`, `reading.bad-signature`, `reading.incomplete`.
    """
    if (tally["matter"], tally["order"], tally["plan"], tally["text"]) != (plan.matter, plan.order, plan.digest, plan.text):
        raise VerificationError("reading.other-plan", "the readings are of another draw than the one recorded", where)
    if tally["reader"] not in plan.readers:
        raise VerificationError("reading.unknown-reader", "nobody gave this key a row to read", where)
    reader = plan.readers.index(tally["reader"])
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(tally["reader"].removeprefix("ed25519:"), validate=True))
        public.verify(base64.b64decode(tally["signature"], validate=True), tally_message(tally))
    except (InvalidSignature, ValueError, binascii.Error):
        raise VerificationError("reading.bad-signature", "the readings are not signed by their reader", where) from None
    if [row["row"] for row in tally["rows"]] != list(plan.of(reader)):
        raise VerificationError(
            "reading.incomplete", "a reader answers for every row given to them, each once, in order of row id", where
        )
    return reader


def marked(tallies: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Row id to the kinds that any reader marked there; rows without a mark are left out."""
    found: dict[str, frozenset[str]] = {}
    for tally in tallies:
        for row in tally["rows"]:
            kinds = frozenset(kind for kind in KINDS if row[kind])
            if kinds:
                found[row["row"]] = found.get(row["row"], frozenset()) | kinds
    return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """Rows read twice: marked by both, by one only, by neither."""

    both: int
    one: int
    neither: int

    @property
    def twice(self) -> int:
        return self.both + self.one + self.neither


def agreement(plan: Plan, tallies: Mapping[int, Mapping[str, Any]]) -> Agreement:
    """Whether two readers of one row said the same: that something is there to mark, or that nothing is."""
    said = {place: {row["row"]: any(row[kind] for kind in KINDS) for row in tally["rows"]} for place, tally in tallies.items()}
    pairs = [[said[r][a.row] for r in a.readers] for a in plan.rows if len(a.readers) == 2]
    return Agreement(sum(all(p) for p in pairs), sum(p[0] != p[1] for p in pairs), sum(not any(p) for p in pairs))


# --- the bound ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bound:
    """At most *at_most* of *rows* conversations of *stratum* ("" for the whole) leak something of *kind*."""

    stratum: str
    kind: str
    leaks: int
    read: int
    rows: int
    at_most: int


def found_bounds(plan: Plan, leaks: Leaks) -> list[Bound]:
    """Every bound: by kind, each stratum and then the whole. The strata's hold together at the plan's confidence."""
    names = sorted(plan.places)
    found: list[Bound] = []
    for kind in (*KINDS, ANY):
        counted = dict.fromkeys(names, 0)
        for a in plan.rows:
            counted[a.stratum] += a.row in leaks if kind == ANY else kind in leaks.get(a.row, ())
        strata = [bounds.Stratum(leaks=counted[s], read=plan.places[s][1], rows=plan.places[s][0]) for s in names]
        each = bounds.together(strata, plan.alpha)
        found += [Bound(name, kind, s.leaks, s.read, s.rows, high) for name, s, high in zip(names, strata, each, strict=True)]
        # Where single strata may be withheld for their own bound, theirs alone decide: no second chance for the whole.
        high = sum(each) if plan.on_miss == "withhold-stratum" else bounds.whole(strata, plan.alpha)
        found.append(Bound("", kind, sum(counted.values()), len(plan.rows), plan.population, high))
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the order's rate holds for the whole, and the strata that miss it by their own bound."""

    met: bool
    missed: tuple[str, ...]
    bounds: tuple[Bound, ...]

    def whole(self, kind: str = ANY) -> Bound:
        """The bound of the whole, strata withheld for theirs left out."""
        kept = [b for b in self.bounds if b.kind == kind and b.stratum and b.stratum not in self.missed]
        if self.missed:
            return Bound("", kind, *(sum(getattr(b, name) for b in kept) for name in ("leaks", "read", "rows", "at_most")))
        return next(b for b in self.bounds if b.kind == kind and not b.stratum)


def judge(plan: Plan, leaks: Leaks) -> Verdict:
    """Compare the bound on anything at all with the order's rate; where strata may be withheld, each stratum's too."""
    found = found_bounds(plan, leaks)
    met = next(b for b in found if b.kind == ANY and not b.stratum)
    holds = met.at_most <= plan.rate * met.rows
    missed: tuple[str, ...] = ()
    if not holds and plan.on_miss == "withhold-stratum":
        missed = tuple(b.stratum for b in found if b.kind == ANY and b.stratum and b.at_most > plan.rate * b.rows)
    return Verdict(holds, missed, tuple(found))


def sentence(bound: Bound, confidence: str) -> str:
    """How a bound is said: `at most 9 of 960 conversations at 95 %`."""
    share = Fraction(confidence) * 100
    percent = str(share) if share.denominator == 1 else str(float(share))
    return f"at most {bound.at_most} of {bound.rows} conversations at {percent} %"


# --- the result ---------------------------------------------------------------------------------------------------------


def result_json(plan: Plan, leaks: Leaks, withheld: Iterable[Mapping[str, str]], verdict: Verdict) -> bytes:
    """`result.json`: rows with a leak, and rows withheld on account of the readings (`row`, `stratum`, `leaf`, `why`)."""
    return (
        canonical(
            {
                "version": RESULT_VERSION,
                "plan": plan.digest,
                "leaks": [{"row": row, "kinds": sorted(leaks[row])} for row in sorted(leaks)],
                "withheld": sorted((dict(one) for one in withheld), key=lambda one: one["row"]),
                "outcome": "met" if verdict.met else "missed",
            }
        )
        + b"\n"
    )


def parse_result(data: bytes, where: str) -> dict[str, Any]:
    """Read a result strictly. Raises `VerificationError`, `reading.malformed`."""
    value = _object(data, _RESULT_KEYS, RESULT_VERSION, where)
    leaks, withheld = value["leaks"], value["withheld"]
    sound = isinstance(leaks, list) and isinstance(withheld, list) and value["outcome"] in ("met", "missed")
    sound = sound and all(
        isinstance(one, dict)
        and set(one) == {"row", "kinds"}
        and isinstance(one["kinds"], list)
        and set(one["kinds"]) <= set(KINDS)
        for one in leaks
    )
    sound = sound and all(
        isinstance(one, dict)
        and set(one) == {"row", "stratum", "leaf", "why"}
        and all(isinstance(text, str) for text in one.values())
        and _HASH.fullmatch(one["leaf"])
        and one["why"] in ("leak", "stratum")
        for one in withheld
    )
    if not sound:
        raise VerificationError("reading.malformed", f"the file is not an {RESULT_VERSION} file", where)
    return value


def figures(plan: Plan, tallies: Mapping[int, Mapping[str, Any]], leaks: Leaks, verdict: Verdict) -> dict[str, int | str]:
    """The figures of the certificate that follow from the readings."""
    agreed = agreement(plan, tallies)
    said: dict[str, int | str] = {
        "deid.bound": sentence(verdict.whole(), plan.confidence),
        "reading.text": plan.text,
        "reading.population": plan.population,
        "reading.read": len(plan.rows),
        "reading.readers": len(plan.readers),
        "reading.twice": agreed.twice,
        "reading.agreed": agreed.both + agreed.neither,
        "reading.leaks": len(leaks),
        "reading.rate": plan.max_leak_rate,
        "reading.outcome": "met" if verdict.met else f"missed: {plan.on_miss}",
    }
    for kind in KINDS:
        said[f"reading.bound.{kind}"] = sentence(verdict.whole(kind), plan.confidence)
    if verdict.missed:
        said["reading.strata_withheld"] = len(verdict.missed)
    return said


def _object(data: bytes, keys: Sequence[str] | set[str], version: str, where: str) -> dict[str, Any]:
    value = load_json(data, "reading.malformed", where)
    if not isinstance(value, dict) or set(value) != set(keys) or value["version"] != version:
        raise VerificationError("reading.malformed", f"expected an {version} file", where)
    return value
