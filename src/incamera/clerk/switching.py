"""A subject's conversations sealed anew in another class of custody, under a request of its own that two people approved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from incamera.clerk import standing, trustees
from incamera.clerk.home import Home
from incamera.core.errors import Malformed, Refused
from incamera.governance import standing_terms
from incamera.governance.identity import Identity


def switch(home: Home, officer: Identity, paper: Path, approvals: Sequence[Path], *, carry_out: bool) -> dict[str, Any]:
    """Seal everything of the request's subject anew. What came in since the request is in no list: then nothing is switched.

    Raises:
        Refused: `access.other-purpose`, `access.used`; as `issue_standing`; as `Vault.switch_class`: under a hold, or beyond
            what the grant opens.
        Awaiting: `access.awaiting-approval`, `access.awaiting-trustees`. Malformed: `access.bad-request`.
    """
    terms = standing_terms.load(paper)
    if terms.purpose != "class_switch" or terms.subject is None or terms.to is None:
        raise Refused("access.other-purpose", "this asks for no switch of class: `incamera access use`", where=terms.matter)
    if not carry_out:
        theirs = [facts for facts in home.vault.facts() if facts.subject == terms.subject]
        return {
            "carried_out": False,
            "reference": terms.subject,
            "from": ", ".join(sorted({facts.custody for facts in theirs})),
            "to": terms.to,
            "conversations": len(theirs),
            "holds": home.vault.holds.over(bytes.fromhex(terms.subject)),
        }
    recipient = public_of(terms.recipient) if terms.recipient else None
    work = standing.work(home, terms)
    work.unused()
    with work.running("switch"):
        grant = work.authorize(officer, approvals)
        trustees.wait(work, grant, home.vault.listed(terms.listed), paper=paper, handed=standing.unsealing(paper))
        count = home.vault.switch_class(terms.subject, terms.to, grant=grant, recipient=recipient)
        work.end(grant)
    return {"carried_out": True, "reference": terms.subject, "to": terms.to, "conversations": count}


def public_of(text: str) -> X25519PublicKey:
    """A person's public key, as `incamera client keygen` prints it. Raises `Malformed` (`custody.bad-key`)."""
    try:
        return X25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError:
        hint = "expected 32 bytes in hex, as `incamera client keygen` prints them"
        raise Malformed("custody.bad-key", hint, where="--recipient") from None
