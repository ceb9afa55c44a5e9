"""Erasure on request: what is asked is recorded, the access policies are asked, and only then does a key die, or wait."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from incamera.clerk.home import Home
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Ref
from incamera.core.records import Entry
from incamera.governance import policy
from incamera.governance.files import digest_of
from incamera.governance.policy import Question, ShardFacts

#: A reason is a code of the holder's own list, never a sentence: sentences name people.
_REASON: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
ROLE: Final = "erasure"


def shred(
    home: Home,
    *,
    subject: str | None = None,
    conversation: str | None = None,
    source: str | None = None,
    reason: str,
    letter: Path | None = None,
    actor: str,
    carry_out: bool,
) -> dict[str, Any]:
    """Destroy a subject's keys, or one conversation's; under a hold the request is kept, unseen, until the hold ends.

    Args:
        letter: What was asked, in writing: its digest stands in the ledger, the letter stays where it is.
    Raises:
        Malformed: `erasure.one-target`, `erasure.bad-reason`, `erasure.unknown`.
        Refused: `erasure.denied-by-policy`, recorded as `shred.refused`.
    """
    if (subject is None) == (conversation is None):
        raise Malformed("erasure.one-target", "name a subject or a conversation, and not both")
    if not _REASON.match(reason):
        raise Malformed("erasure.bad-reason", "a reason is a short code such as data-subject-request", where="--reason")
    ref, crefs, owner = _found(home, subject, conversation, source)
    holds = home.vault.holds.over(bytes.fromhex(ref))
    told = {"reference": ref, "conversations": len(crefs), "holds": holds, "register": len(home.vault.register.all())}
    if not carry_out:
        return {"carried_out": False, "outcome": "pending" if holds else "shredded", **told}
    request = digest_of(letter) if letter else None
    named: dict[str, Any] = {"subject": owner} | ({"conversation": ref} if conversation is not None else {})
    asked = home.ledger.append(
        Entry(
            act="shred.requested",
            matter="",
            actor=actor,
            fields={**named, "reason": reason, **({"request": request} if request else {})},
        )
    )
    verdict = policy.shipped().decide(
        Question(
            actor=actor,
            roles=(ROLE,),
            action="shred",
            shard=ShardFacts(id="shred", holds=tuple(holds)),
            now=home.clock.now(),
            ledger_index=asked.index,
            mfa=True,  # the operator at the machine opened the key store
        )
    )
    # A hold postpones erasure and does not refuse it; whatever else denies does.
    if not verdict.allowed and (verdict.errors or verdict.policies != ("forbid-hold",)):
        code = "erasure.denied-by-policy"
        home.ledger.append(Entry(act="shred.refused", matter="", actor=actor, fields={**named, "code": code, "holds": holds}))
        raise Refused(code, f"denied by {', '.join(verdict.policies) or 'default'}", where=ref)
    vault = home.vault
    carry = vault.shred_conversation if conversation is not None else vault.shred_subject
    report = carry(Ref(ref), actor=actor, reason=reason, request=request)
    return {"carried_out": True, "reference": ref, **asdict(report)}


def _found(home: Home, subject: str | None, conversation: str | None, source: str | None) -> tuple[Ref, list[Ref], Ref]:
    """The reference of what is named, the conversations it covers, and whose they are. Names stay out of the message."""
    if subject is not None:
        ref = home.vault.subjects([subject])[subject]
    else:
        assert conversation is not None
        ref = home.vault.lookup([conversation], source=source)[conversation]
    if ref is None:
        raise Malformed("erasure.unknown", "the vault has nothing under this name", where="--subject or --conversation")
    covered = [facts for facts in home.vault.facts() if ref in (facts.cref, facts.subject)]
    owner = covered[0].subject if covered else ref
    return ref, [facts.cref for facts in covered], owner
