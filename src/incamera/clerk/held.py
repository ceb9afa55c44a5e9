"""Conversations that their subjects hold, at the holder: sealed uploads come in, ciphertext and a signed statement go out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.clerk import sample
from incamera.clerk.derived import enter_ciphertext
from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.core.crypto import public_text
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ids import Ref
from incamera.core.records import Entry
from incamera.governance import files
from incamera.governance import order as orders
from incamera.vault import held
from incamera.vault.held import Envelope, Facts


def put(home: Home, upload: Path, *, actor: str) -> dict[str, Any]:
    """Store what subjects sealed. The same upload again changes nothing.

    Raises:
        Malformed: `vault.envelope`; `custody.no-facts`, an envelope of an answer or export, which says not whose it is.
        Refused: `vault.class-differs`, `vault.reference-taken`. Unavailable: `governance.unreadable`.
    """
    source = files.digest_of(upload)
    report = home.vault.put_held(_uploads(upload))
    fields: dict[str, Any] = {
        "conversations": report.stored + report.duplicates,
        "subjects": report.subjects,
        "exceptions": report.conflicting,
        "sources": [source],
    }
    home.ledger.append(Entry(act="collect.finished", matter="", actor=actor, fields=fields))
    return {
        "stored": report.stored,
        "already": report.duplicates,
        "conflicting": report.conflicting,
        "shredded": report.shredded,
        "subjects": report.subjects,
    }


def reseal(home: Home, rotated: Path, *, actor: str, carry_out: bool) -> dict[str, Any]:
    """Exchange sealed keys that a subject rotated on their own machine. Nobody here can tell a good key from a bad one: what
    comes in has to come from the subject, and their older key file is what brings an older copy back.

    Raises:
        Malformed: `vault.envelope`, `vault.unknown-conversation`, `custody.nothing-rotated`.
        Refused: `vault.held`, `vault.class-differs`. Unverified: `vault.envelope-differs`, more than the key is another.
        Unavailable: `governance.unreadable`.
    """
    source = files.digest_of(rotated)
    envelopes = [one for one, _ in _lines(rotated)]
    if not envelopes:
        raise Malformed("custody.nothing-rotated", "the file holds no envelope", where=rotated.name)
    if not carry_out:
        stored = home.vault.held_envelopes(Ref(one.cref.hex()) for one in envelopes)
        sealed = {one.cref: one.key for one in stored}
        other = sum(sealed[one.cref] != one.key for one in envelopes)
        return {"carried_out": False, "conversations": len(sealed), "exchanged": other}
    count = home.vault.reseal_held(envelopes)
    fields = {"conversations": count, "recipients": len({one.recipient for one in envelopes}), "source": source}
    home.ledger.append(Entry(act="held.resealed", matter="", actor=actor, fields=fields))
    return {"carried_out": True, "conversations": count}


def _uploads(path: Path) -> Iterator[tuple[Envelope, Facts]]:
    for number, (one, facts) in enumerate(_lines(path), 1):
        if facts is None:
            raise Malformed("custody.no-facts", "an upload says whose it is", where=f"{path.name}:{number}")
        yield one, facts


def _lines(path: Path) -> Iterator[tuple[Envelope, Facts | None]]:
    try:
        with path.open("rb") as lines:
            yield from held.read_lines(lines, where=path.name)
    except OSError:
        raise Unavailable("governance.unreadable", "the file cannot be read", where=path.name) from None


def answer(home: Home, order: Path, *, out: Path, statement: Path, actor: str, carry_out: bool) -> dict[str, Any]:
    """What a matter's order gets of drawn conversations that their subjects hold: ciphertext, and the word that no key is held.

    The statement is signed with the home's production key; `held.check_statement` checks it against the envelopes.

    Raises:
        Refused: `sample.no-draw`; `custody.nothing-held`, none of the draw is held by its subject.
        Unverified: `vault.key-held`, there is a key after all, and nothing is stated. Unavailable: `governance.exists`.
    """
    desk = Desk(home=home, order=orders.load(order))
    drawn = set(sample.drawn_of(desk).values())
    crefs = [facts.cref for facts in home.vault.facts() if facts.custody == "user" and facts.cref in drawn]
    if not crefs:
        raise Refused("custody.nothing-held", "none of the drawn conversations is held by its subject", where=desk.matter)
    for path in (out, statement):
        if path.exists():
            raise Unavailable("governance.exists", "the file is there already and is not overwritten", where=path.name)
    key = Ed25519PrivateKey.from_private_bytes(home.manifest_signer.seed)
    told = {"matter": desk.matter, "conversations": len(crefs), "key": public_text(key)}
    if not carry_out:
        return {"carried_out": False, **told}
    enter_ciphertext(desk)
    envelopes, stated = home.vault.answer_held(crefs, matter=desk.matter, actor=actor, key=key)
    files.write_new(out, b"".join(held.write_line(one) for one in envelopes), private=True)
    files.write_new(statement, stated)
    return {"carried_out": True, **told, "file": str(out), "statement": str(statement)}
