"""The closed vocabulary of acts, and the leaf an act becomes.

Every act has named fields of narrow types: digests, commitments, random references, counts, times, and short codes.
None of them can carry a sentence, and nobody downstream ever parses a string to learn what happened.
A leaf also carries `seq`, its number among the acts of its matter (so that a bundle cannot leave one out unseen), and
`salt`, 128 random bits (so that the hash of a leaf says nothing to whoever holds the tiles of the whole log only).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from incamera.core.errors import Malformed, Unverified
from incamera.core.records import Entry
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.tiles import ENTRY_BYTES_MAX

LEAF_VERSION = 1
SALT_BYTES = 16


# --- field types ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of field: its name in the documents, and whether a value is of it."""

    name: str
    admits: Callable[[Any], bool]


def _pattern(name: str, pattern: str) -> Kind:
    compiled = re.compile(pattern)
    return Kind(name, lambda value: type(value) is str and compiled.fullmatch(value) is not None)


def _one_of(*choices: str) -> Kind:
    return Kind(" | ".join(choices), lambda value: type(value) is str and value in choices)


def _list_of(kind: Kind) -> Kind:
    return Kind(f"list of {kind.name}", lambda value: type(value) in (list, tuple) and all(kind.admits(item) for item in value))


#: SHA-256 of something public, or a Merkle root: 64 hex digits.
DIGEST = _pattern("digest", r"[0-9a-f]{64}")
#: A subject or conversation: its random reference (32 hex digits) or a commitment under its key (64).
PSEUDONYM = _pattern("pseudonym", r"[0-9a-f]{32}(?:[0-9a-f]{32})?")
#: A random reference: 32 hex digits.
REF = _pattern("ref", r"[0-9a-f]{32}")
#: A short lower-case name from somebody's closed list: a purpose, a party, a stage, an error code.
SLUG = _pattern("slug", r"[a-z0-9._:/+-][a-z0-9._:/+_-]{0,79}")
#: A Bates number, a volume or a reason code: upper case and digits.
LABEL = _pattern("label", r"[A-Z0-9][A-Z0-9._-]{0,39}")
#: A code in either case.
CODE = Kind("slug or label", lambda value: SLUG.admits(value) or LABEL.admits(value))
#: A whole number from 0 below 2^53.
COUNT = Kind("count", lambda value: type(value) is int and 0 <= value < 2**53)
FLAG = Kind("true or false", lambda value: type(value) is bool)
#: RFC 3339 in UTC: `2026-01-02T03:04:05Z`, fractions to six digits allowed.
TIME = Kind("time", lambda value: type(value) is str and _is_time(value))

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)


def _is_time(value: str) -> bool:
    if _TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def timestamp(at: datetime) -> str:
    """*at*, which must carry a zone, as a field of kind TIME, to the microsecond."""
    if at.tzinfo is None:
        raise Malformed("ledger.bad-time", "a time in the ledger needs a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# --- the vocabulary --------------------------------------------------------------------------------------------------------

#: Any act may say in which run it happened.
COMMON: Mapping[str, Kind] = {"run?": REF}

#: How many of what an act counts are of each class of custody.
_BY_CUSTODY: Mapping[str, Kind] = {"operator?": COUNT, "escrowed?": COUNT, "user?": COUNT}

#: act -> field -> kind. A name that ends in `?` may be left out. Fields may be added, never removed or renamed.
ACTS: Mapping[str, Mapping[str, Kind]] = {
    # the log and its runs
    "log.created": {"origin": SLUG, "keys": _list_of(DIGEST), "software": SLUG},
    "run.started": {"run": REF, "stage": SLUG, "software?": SLUG, "build?": DIGEST, "order?": DIGEST, "mode?": SLUG},
    "run.resumed": {"run": REF, "stage": SLUG, "after?": COUNT, "software?": SLUG, "build?": DIGEST, "order?": DIGEST},
    "run.finished": {
        "run": REF,
        "stage": SLUG,
        "outcome": _one_of("complete", "refused", "awaiting", "failed"),
        "code?": SLUG,
        "records?": COUNT,
        "report?": DIGEST,
    },
    "ledger.repaired": {"size": COUNT, "dropped_bytes": COUNT, "dropped": DIGEST},
    "witness.cosigned": {"witness": SLUG, "size": COUNT, "root": DIGEST, "cosignature": DIGEST, "stated_at": TIME},
    "timestamp.received": {"authority": SLUG, "size": COUNT, "root": DIGEST, "token": DIGEST, "stated_at": TIME},
    # the matter
    "matter.opened": {
        "order": DIGEST,
        "protocol": DIGEST,
        "order_document?": DIGEST,
        "holds?": _list_of(CODE),
        "roles?": _list_of(SLUG),
        "keys?": _list_of(DIGEST),
        "policy?": DIGEST,
        "kms?": SLUG,
        "demonstration?": FLAG,
        "single_operator?": FLAG,
    },
    "hold.placed": {
        "hold": CODE,
        "scope": DIGEST,
        "authority?": DIGEST,
        "subjects?": COUNT,
        "conversations?": COUNT,
        "held?": DIGEST,
        "until?": TIME,
    },
    "hold.released": {"hold": CODE, "authority?": DIGEST, "subjects?": COUNT, "conversations?": COUNT},
    "notice.sent": {
        "template": DIGEST,
        "subject?": PSEUDONYM,
        "subjects?": COUNT,
        "recipients?": DIGEST,
        "paragraph?": SLUG,
        "days?": COUNT,
    },
    # collection and sample
    "collect.finished": {
        "conversations": COUNT,
        "subjects?": COUNT,
        "exceptions?": COUNT,
        "duplicates?": COUNT,
        "bytes?": COUNT,
        "sources?": _list_of(DIGEST),
        "exceptions_file?": DIGEST,
        "drift?": DIGEST,
        "root?": DIGEST,
    },
    "frame.committed": {
        "root": DIGEST,
        "size": COUNT,
        "population?": COUNT,
        "excluded?": COUNT,
        "exclusions?": DIGEST,
        "strata?": COUNT,
        "file?": DIGEST,
        "protocol?": DIGEST,
        "commitments?": _list_of(DIGEST),
        "extends?": DIGEST,
        **_BY_CUSTODY,
    },
    "seed.revealed": {"party": SLUG, "commitment": DIGEST, "seed?": DIGEST, "reveal?": DIGEST, "frame?": DIGEST},
    "seed.fallback": {"party": SLUG, "commitment": DIGEST, "rule": SLUG, "source?": DIGEST, "frame?": DIGEST},
    "draw.made": {
        "frame": DIGEST,
        "size": COUNT,
        "root": DIGEST,
        "seed?": DIGEST,
        "seeds?": _list_of(DIGEST),
        "strata?": COUNT,
        "file?": DIGEST,
        "extends?": DIGEST,
        **_BY_CUSTODY,
    },
    # access
    "access.requested": {
        "request": DIGEST,
        "purpose": SLUG,
        "scope": DIGEST,
        "max_records": COUNT,
        "expires_at": TIME,
        "not_before?": TIME,
    },
    "access.approved": {"request": DIGEST, "role": SLUG, "key": DIGEST, "approval?": DIGEST, "expires_at?": TIME},
    "access.granted": {
        "request": DIGEST,
        "purpose": SLUG,
        "scope": DIGEST,
        "max_records": COUNT,
        "not_before": TIME,
        "expires_at": TIME,
        "approvals": _list_of(DIGEST),
        "policy?": DIGEST,
        "policies?": _list_of(SLUG),
        "build?": DIGEST,
        "single_operator?": FLAG,
        "listed?": DIGEST,
    },
    "access.refused": {
        "code": SLUG,
        "request?": DIGEST,
        "purpose?": SLUG,
        "scope?": DIGEST,
        "policies?": _list_of(SLUG),
        "approvals?": COUNT,
        "grant?": COUNT,
    },
    "access.revoked": {"request": DIGEST, "reason": CODE, "grant?": COUNT},
    "access.break_glass": {
        "request": DIGEST,
        "purpose": SLUG,
        "scope": DIGEST,
        "minutes": COUNT,
        "paged?": COUNT,
        "reason?": CODE,
        "listed?": DIGEST,
    },
    "access.reviewed": {"entry": COUNT, "finding": _one_of("justified", "unjustified"), "report?": DIGEST},
    # people, as the holder's identity provider knows them
    "provider.changed": {"provider": DIGEST, "state": _one_of("named", "removed"), "roles?": _list_of(SLUG)},
    "person.signed_in": {
        "person": SLUG,
        "provider": DIGEST,
        "session": DIGEST,
        "token": DIGEST,
        "roles": _list_of(SLUG),
        "mfa": FLAG,
        "expires_at": TIME,
    },
    "person.signed_out": {"person": SLUG, "session": DIGEST},
    "person.refused": {"code": SLUG, "provider?": DIGEST},
    "account.changed": {"account": SLUG, "entry": DIGEST, "roles": _list_of(SLUG), "state": _one_of("added", "removed")},
    # keys
    "key.released": {
        "conversations": COUNT,
        "root": DIGEST,
        "request?": DIGEST,
        "grant?": COUNT,
        "shard?": SLUG,
        "used?": COUNT,
        "denied?": COUNT,
    },
    "key.unsealed": {
        "conversations": COUNT,
        "root": DIGEST,
        "grant": COUNT,
        "request": DIGEST,
        "trustees": _list_of(SLUG),
        "until": TIME,
    },
    "unsealing.asked": {"request": DIGEST, "conversations": COUNT, "grant": COUNT, "until": TIME},
    "unsealing.ended": {"grant": COUNT, "conversations": COUNT},
    "key.rotated": {"level": SLUG, "version": COUNT, "previous?": COUNT, "keys?": COUNT, "kms?": SLUG, "fingerprint?": DIGEST},
    "epoch.rolled": {"epoch": CODE, "rewrapped": COUNT, "retired?": CODE, "kms?": SLUG, "destroyed_at?": TIME},
    "epoch.refused": {"epoch": CODE, "kms": SLUG, "code": SLUG},
    "epoch.moved": {"epochs": COUNT, "before": SLUG, "kms": SLUG, "address": DIGEST, "left?": COUNT},
    # the vault's upkeep
    "vault.compacted": {"files": COUNT, "purged": COUNT, "bytes_freed": COUNT},
    "vault.recovered": {"conversations": COUNT, "holds": COUNT, "lost?": COUNT, "trustees?": _list_of(SLUG), "previous?": DIGEST},
    # examination and decision
    "vocabulary.built": {"vocabulary": DIGEST, "k": COUNT, "subjects": COUNT, "tokens": COUNT, "grant?": COUNT},
    "fragment.examined": {
        "fragment": CODE,
        "conversations": COUNT,
        "root": DIGEST,
        "recipe": DIGEST,
        "index?": DIGEST,
        "vocabulary?": DIGEST,
        "grant?": COUNT,
        "findings?": COUNT,
        "surrogates?": COUNT,
        "waivers?": COUNT,
        "withheld?": COUNT,
        "matches?": COUNT,
        "failed?": COUNT,
    },
    "canaries.planted": {"canaries": COUNT, "conversations": COUNT, "recipe": DIGEST},
    "canaries.removed": {"canaries": COUNT, "secrets": COUNT, "missed": COUNT},
    # what readers found
    "reading.drawn": {
        "plan": DIGEST,
        "root": DIGEST,
        "population": COUNT,
        "read": COUNT,
        "readers": _list_of(DIGEST),
        "text": _one_of("redacted", "raw"),
    },
    "reading.packed": {"plan": DIGEST, "reader": DIGEST, "packet": DIGEST, "rows": COUNT, "text": _one_of("redacted", "raw")},
    "reading.received": {"plan": DIGEST, "reader": DIGEST, "tally": DIGEST, "rows": COUNT},
    "reading.judged": {
        "plan": DIGEST,
        "result": DIGEST,
        "leaks": COUNT,
        "read": COUNT,
        "at_most": COUNT,
        "population": COUNT,
        "outcome": _one_of("met", "missed"),
        "on_miss?": SLUG,
        "withheld?": COUNT,
    },
    "decision.recorded": {
        "target": DIGEST,
        "call": _one_of("produce", "withhold", "not_responsive"),
        "reason": CODE,
        "rows?": COUNT,
        "rule?": DIGEST,
        "fragment?": CODE,
        "basis?": _one_of("rule", "reviewer"),
    },
    # what leaves
    "production.built": {
        "volume": LABEL,
        "items": COUNT,
        "first_bates?": LABEL,
        "last_bates?": LABEL,
        "root?": DIGEST,
        "manifest?": DIGEST,
        "scope?": SLUG,
        "withheld?": COUNT,
    },
    "production.sealed": {
        "volume": LABEL,
        "manifest": DIGEST,
        "items": COUNT,
        "recipients": COUNT,
        "certificate?": DIGEST,
        "package?": DIGEST,
        "replaces?": LABEL,
    },
    "production.verified": {
        "volume": LABEL,
        "manifest": DIGEST,
        "outcome": _one_of("verified", "not_established", "refused"),
        "code?": SLUG,
    },
    "export.made": {"what": SLUG, "digest": DIGEST, "files?": COUNT, "subject?": PSEUDONYM, "records?": COUNT},
    # the rights of the people concerned
    "subject.shredded": {
        "subject": PSEUDONYM,
        "conversations": COUNT,
        "derived?": COUNT,
        "unreachable?": COUNT,
        "request?": DIGEST,
        "register?": DIGEST,
        "effective_by?": TIME,
    },
    "conversation.shredded": {
        "conversation": PSEUDONYM,
        "subject?": PSEUDONYM,
        "derived?": COUNT,
        "unreachable?": COUNT,
        "request?": DIGEST,
        "effective_by?": TIME,
    },
    "shred.requested": {"subject": PSEUDONYM, "reason": CODE, "conversation?": PSEUDONYM, "request?": DIGEST},
    "shred.refused": {"subject": PSEUDONYM, "code": SLUG, "conversation?": PSEUDONYM, "holds?": _list_of(CODE)},
    "shred.pending": {"subject": PSEUDONYM, "conversation?": PSEUDONYM, "holds?": _list_of(CODE), "request?": DIGEST},
    "class.switched": {
        "subject": PSEUDONYM,
        "from": _one_of("operator", "escrowed", "user"),
        "to": _one_of("operator", "escrowed", "user"),
        "conversations?": COUNT,
    },
    "held.resealed": {"conversations": COUNT, "recipients": COUNT, "source": DIGEST},
    "consent.changed": {"subject": PSEUDONYM, "purpose": SLUG, "state": _one_of("given", "withdrawn"), "request?": DIGEST},
    "policy.changed": {"policy": DIGEST, "previous?": DIGEST, "schema?": DIGEST},
}


#: act -> (kind of every field it may have, names of those it must have), ready for `check`.
_RULES: Mapping[str, tuple[Mapping[str, Kind], tuple[str, ...]]] = {
    act: (
        {name.removesuffix("?"): kind for name, kind in {**COMMON, **kinds}.items()},
        tuple(name for name in kinds if not name.endswith("?")),
    )
    for act, kinds in ACTS.items()
}


# --- leaves ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An act as the ledger holds it: its index, its number in its matter, its time, and the leaf's exact bytes."""

    index: int
    seq: int
    at: datetime
    entry: Entry
    leaf: bytes


def check(entry: Entry) -> None:
    """Accept only an act of the vocabulary with exactly its fields.

    Raises:
        Malformed: `ledger.unknown-act`, `ledger.bad-name` (matter or actor), `ledger.unknown-field`,
            `ledger.missing-field`, `ledger.bad-field`. The message names act and field, never the value.
    """
    if entry.act not in _RULES:
        known = entry.act if SLUG.admits(entry.act) else "the act"
        raise Malformed("ledger.unknown-act", "the ledger's vocabulary has no such act", where=known)
    if entry.matter != "" and not SLUG.admits(entry.matter):
        raise Malformed(
            "ledger.bad-name", "a matter is named by a slug, or by nothing for acts of the whole log", where=entry.act
        )
    if not SLUG.admits(entry.actor):
        raise Malformed("ledger.bad-name", "an actor is named by a pseudonym in slug form", where=entry.act)
    allowed, required = _RULES[entry.act]
    for name, value in entry.fields.items():
        kind = allowed.get(name)
        if kind is None:
            raise Malformed("ledger.unknown-field", "the act has a field that its vocabulary does not list", where=entry.act)
        if not kind.admits(value):
            raise Malformed("ledger.bad-field", f"expected a {kind.name}", where=f"{entry.act}.{name}")
    for name in required:
        if name not in entry.fields:
            raise Malformed("ledger.missing-field", "the act lacks a field", where=f"{entry.act}.{name}")


def encode(entry: Entry, *, at: str, seq: int, salt: str) -> bytes:
    """The leaf of a *checked* entry: RFC 8785 bytes, at most 65,535 of them.

    A checked act holds no character that JSON escapes and no key outside ASCII, so the canonical form is spelled out here,
    keys in order; a test holds it equal to `canonical`. Writing leaves is what limits the rate of durable acts.

    Args:
        at: As `timestamp` gives it.
        salt: 128 fresh random bits, hex.

    Raises:
        Malformed: `ledger.too-long`, lists too long for one leaf: put their Merkle root in.
    """
    leaf = (
        f'{{"act":"{entry.act}","actor":"{entry.actor}","at":"{at}","fields":{_FIELDS.encode(entry.fields)},'
        f'"matter":"{entry.matter}","salt":"{salt}","seq":{seq},"v":{LEAF_VERSION}}}'
    ).encode("ascii")
    if len(leaf) > ENTRY_BYTES_MAX:
        raise Malformed(
            "ledger.too-long", f"a leaf has at most {ENTRY_BYTES_MAX} bytes; commit to a list by its root", where=entry.act
        )
    return leaf


_FIELDS = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=dict)


def decode(leaf: bytes, index: int) -> Recorded:
    """The act in *leaf*, checked as strictly as on the way in.

    Raises:
        Unverified: `ledger.bad-leaf`, the bytes are not a leaf that this vocabulary writes.
    """
    try:
        value = json.loads(leaf)
        if canonical(value) != leaf or value.pop("v") != LEAF_VERSION or not REF.admits(value.pop("salt")):
            raise ValueError
        seq, at = value.pop("seq"), value.pop("at")
        if not COUNT.admits(seq) or not TIME.admits(at):
            raise ValueError
        entry = Entry(**value)
        check(entry)
        return Recorded(index=index, seq=seq, at=datetime.fromisoformat(at), entry=entry, leaf=leaf)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, VerificationError, Malformed):
        raise Unverified("ledger.bad-leaf", "the leaf is not an act of the ledger's vocabulary", where=f"leaf {index}") from None
