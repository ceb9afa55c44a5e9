"""Asking for access that no court ordered: what is named becomes references and a list, and the request is a paper to sign.

Who is asked to approve sees references, numbers and digests. Names and text stay in the house.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from incamera.clerk import standing, switching
from incamera.clerk.home import Home
from incamera.core.canon import instant
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, Ref, new_ref
from incamera.core.records import Custody, Entry
from incamera.governance import files, policy, standing_terms
from incamera.governance.columns import COLUMNS
from incamera.governance.consent import Consents
from incamera.governance.identity import Identity
from incamera.governance.policy import GrantFacts, Question, ShardFacts
from incamera.governance.purposes import STANDING
from incamera.governance.standing_terms import StandingTerms
from incamera.vault.facts import Facts

#: Fewer people than this are not counted by themselves, nor learned from.
PEOPLE_MIN: Final = 10
_COLUMN_ROWS: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asks for. `hours` None takes what the purpose allows at most; `days` is how long the paper may wait."""

    purpose: str
    document: Path
    subject: str | None = None
    conversations: tuple[str, ...] = ()
    source: str | None = None
    sample: int | None = None
    to: Custody | None = None
    recipient: str | None = None
    hours: int | None = None
    days: int = 7


def ask(home: Home, officer: Identity, wanted: Wanted, *, out: Path) -> dict[str, Any]:
    """Write the request's paper, and that it was made into the ledger. It opens nothing yet.

    Raises:
        Malformed: `access.bad-purpose`, `access.nothing-named`, `access.named-otherwise`, `access.too-many`, `access.bad-hours`,
            `access.bad-request`, `custody.bad-key`.
        Refused: `access.not-in-role`, `access.no-consent`, `access.too-few`. Unavailable: `governance.exists`.
    Privacy: the paper names no one; conversations that no grant of this purpose would open are not listed.
    """
    purpose = STANDING.get(wanted.purpose)
    if purpose is None:
        raise Malformed("access.bad-purpose", f"standing purposes are {', '.join(STANDING)}", where="--purpose")
    if purpose.role not in officer.roles or officer.key is None:
        hint = f"{wanted.purpose} is asked for by an account in the role {purpose.role}"
        raise Refused("access.not-in-role", hint, where=officer.name)
    _check_key(wanted)
    subject, crefs = _listed(home, officer, wanted)
    now = home.clock.now()
    terms = StandingTerms(
        id=new_ref(),
        purpose=wanted.purpose,
        actor=officer.name,
        key=officer.key,
        subject=subject,
        listed=home.vault.list_for_grant(crefs),
        conversations=len(crefs),
        hours=purpose.hours_max if wanted.hours is None else wanted.hours,
        asked_at=instant(now),
        not_after=instant(now + timedelta(days=wanted.days)),
        document=files.digest_of(wanted.document),
        recipe=recipe_digest() if purpose.form == "deidentified" else None,
        recipient=wanted.recipient,
        to=wanted.to,
    )
    standing_terms.check(terms, where="--purpose")
    work = standing.work(home, terms)
    fields: dict[str, Any] = {
        "request": work.request.digest,
        "purpose": terms.purpose,
        "scope": terms.scope,
        "max_records": terms.conversations,
        "expires_at": terms.not_after,
    }
    files.write_new(out, terms.json())
    home.ledger.append(Entry(act="access.requested", matter=terms.matter, actor=officer.name, fields=fields))
    return {**fields, "matter": terms.matter, "form": terms.form, "file": str(out)}


def recipe_digest() -> Digest:
    """The de-identification that every standing purpose gets: the shipped default, and no milder one."""
    from incamera.deid import recipe

    return recipe.load().digest()


def _check_key(wanted: Wanted) -> None:
    if wanted.recipient is None:
        return
    if wanted.purpose == "class_switch":
        switching.public_of(wanted.recipient)
    else:
        from incamera.production import age

        age.recipients([wanted.recipient])


# --- which conversations ------------------------------------------------------------------------------------------------


def _listed(home: Home, officer: Identity, wanted: Wanted) -> tuple[Ref | None, list[Ref]]:
    """The one person concerned, if there is one, and the conversations; named in the one way that the purpose has."""
    about = STANDING[wanted.purpose].about
    named = {
        "subject": wanted.subject is not None and wanted.sample is None,
        "conversation": wanted.subject is None and wanted.sample is None and len(wanted.conversations) == 1,
        "sample": wanted.subject is None and not wanted.conversations and wanted.sample is not None,
    }
    if not named[about]:
        how = {"subject": "one --subject", "conversation": "one --conversation", "sample": "--sample N, and nobody by name"}
        raise Malformed("access.named-otherwise", f"{wanted.purpose} names {how[about]}", where="--purpose")
    if about == "sample":
        return None, _sample(home, officer, wanted)
    if about == "conversation":
        return None, _found(home, wanted)
    assert wanted.subject is not None
    subject = home.vault.subjects([wanted.subject])[wanted.subject]
    theirs = [facts for facts in home.vault.facts() if facts.subject == subject and facts.custody != "user"]
    if subject is None or not theirs:
        raise _nothing()
    if STANDING[wanted.purpose].consent and wanted.purpose not in _consents(home).purposes(subject):
        hint = f"this person has not consented to {wanted.purpose}: `incamera access consent`"
        raise Refused("access.no-consent", hint, where="--subject")
    crefs = [facts.cref for facts in theirs]
    if not wanted.conversations:
        return subject, crefs
    chosen = _found(home, wanted)
    if wanted.purpose != "support" or not set(chosen) <= set(crefs):
        raise _nothing()
    return subject, chosen


def _found(home: Home, wanted: Wanted) -> list[Ref]:
    found = home.vault.lookup(wanted.conversations, source=wanted.source)
    refs = [ref for ref in found.values() if ref is not None]
    if len(refs) < len(found):
        raise _nothing()
    return sorted(refs)


def _sample(home: Home, officer: Identity, wanted: Wanted) -> list[Ref]:
    """So many conversations, at random, of those that the policies would release now for the purpose.

    Random from the operating system, and nobody's evidence: it keeps whoever asks from choosing people.
    """
    count = wanted.sample or 0
    consents, held = _consents(home), home.vault.holds.held()
    # What trustees would have to unseal is asked of them for somebody's sake, not for a sample.
    own = (facts for facts in home.vault.facts() if facts.custody == "operator")
    question = _question(home, officer, wanted.purpose)
    eligible = [facts for some in _chunks(own) for facts in _released(some, question, consents, held)]
    chosen = eligible if count >= len(eligible) else secrets.SystemRandom().sample(eligible, max(count, 0))
    if len({facts.subject for facts in chosen}) < PEOPLE_MIN:
        hint = f"fewer than {PEOPLE_MIN} people who consented to {wanted.purpose} would be in it"
        raise Refused("access.too-few", hint, where="--sample")
    return sorted(facts.cref for facts in chosen)


def _question(home: Home, officer: Identity, purpose: str) -> Question:
    """What the policies would be asked of each conversation once two people have approved."""
    now = home.clock.now()
    grant = GrantFacts(
        purpose=purpose,
        matter=purpose,
        not_before=now,
        expires_at=now + timedelta(hours=1),
        max_records=1,
        approvals=2,
        approved_by=(),
        requested_by=officer.name,
    )
    shard = ShardFacts(id="sample")
    return Question(
        actor=officer.name,
        roles=officer.roles,
        action="decrypt",
        shard=shard,
        now=now,
        grant=grant,
        ledger_index=0,
        mfa=officer.mfa,
    )


def _released(some: Sequence[Facts], question: Question, consents: Consents, held: frozenset[bytes]) -> list[Facts]:
    """Those of *some* that the policies' column filter lets through, by consents and holds as they are now."""
    rows = [
        {
            "class": facts.custody,
            "consents": list(consents.purposes(facts.subject)),
            "holds": ["held"] if bytes.fromhex(facts.cref) in held else [],
            "matters": [],
            "pendingShred": False,
            "subject": facts.subject,
        }
        for facts in some
    ]
    mask = policy.shipped().filter(question).mask(pa.Table.from_pylist(rows, schema=COLUMNS))
    return [facts for facts, released in zip(some, mask.to_pylist(), strict=True) if released]


def _chunks(facts: Iterable[Facts]) -> Iterable[list[Facts]]:
    chunk: list[Facts] = []
    for one in facts:
        chunk.append(one)
        if len(chunk) == _COLUMN_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _consents(home: Home) -> Consents:
    return Consents.of(home.ledger.entries(""))


def _nothing() -> Malformed:
    hint = "the vault has nothing that can be opened under one of the names, or not of this person"
    return Malformed("access.nothing-named", hint, where="--subject, --conversation")
