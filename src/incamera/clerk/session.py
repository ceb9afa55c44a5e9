"""A sign-in that lasts: a file of the person's own, without any token of the provider, which counts only as the ledger has it.

The ledger holds the digest of the file, when it ends, and whether it was ended before. Who copies the file has what its person
has until then, and still none of the keys that approvals and emergencies need besides.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from incamera.clerk import provider
from incamera.clerk.home import Home, write_atomically
from incamera.core.canon import canonical, instant
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, digest
from incamera.core.records import Entry
from incamera.governance import files
from incamera.governance.oidc import Proof
from incamera.governance.request import parse_instant

VERSION: Final = "incamera/session/1"
#: Names the file of the session, where several people share an account of the machine.
VARIABLE: Final = "INCAMERA_SESSION"
_BYTES_MAX: Final = 64 << 10
_KEYS: Final = {"v", "log", "person", "roles", "mfa", "provider", "expires_at", "secret"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, in which roles, with how many factors, until when. `mark` is how the ledger names it."""

    person: str
    roles: tuple[str, ...]
    mfa: bool
    provider: Digest
    expires_at: datetime
    mark: Digest


def place(home: Home) -> Path:
    """Where this account of the machine keeps its session with *home*: `INCAMERA_SESSION`, else the directory for state."""
    stated = os.environ.get(VARIABLE)
    if stated:
        return Path(stated)
    import platformdirs

    name = hashlib.sha256(home.log_key.encode()).hexdigest()[:32]
    return platformdirs.user_state_path("incamera") / "sessions" / f"{name}.json"


def begin(home: Home, proof: Proof, settings: provider.Settings) -> Session:
    """Record a sign-in, and keep it; one that was there before is ended.

    Raises:
        Refused: `oidc.replayed`, the ID token served for a sign-in before.
    """
    person = proof.identity
    for past in home.ledger.entries(""):
        if past.entry.act == "person.signed_in" and past.entry.fields["token"] == proof.token:
            raise Refused("oidc.replayed", "this ID token served for a sign-in before", where=f"entry {past.index}")
    expires = (home.clock.now() + settings.lifetime).replace(microsecond=0)
    document = {
        "v": VERSION,
        "log": home.log_key,
        "person": person.name,
        "roles": list(person.roles),
        "mfa": person.mfa,
        "provider": settings.digest,
        "expires_at": instant(expires),
        "secret": secrets.token_hex(32),  # so that the digest in the ledger says nothing about how to write the file
    }
    data = canonical(document)
    made = _parse(data, home.log_key)
    assert made is not None
    fields = {name: document[name] for name in ("person", "provider", "roles", "mfa", "expires_at")}
    fields |= {"session": digest(data), "token": proof.token}
    home.ledger.append(Entry(act="person.signed_in", matter="", actor=person.name, fields=fields))
    write_atomically(_directory(place(home)), data, mode=0o600)
    return made


def end(home: Home) -> Session:
    """Sign out: the ledger ends the session, so that a copy of the file is of no use, and the file goes.

    Raises:
        Refused: `signin.none`.
    """
    found = _read(home)
    if found is None:
        raise _none()
    fields = {"person": found.person, "session": found.mark}
    home.ledger.append(Entry(act="person.signed_out", matter="", actor=found.person, fields=fields))
    place(home).unlink()
    return found


def current(home: Home) -> Session | None:
    """The live session of this account of the machine, or None where nobody signed in.

    Raises:
        Refused: `signin.ended`, its time is over, or somebody signed it out, or the provider changed; `signin.not-recorded`;
            `signin.exposed-session`, others can read the file. Malformed: `signin.bad-session`.
    """
    found = _read(home)
    if found is None:
        return None
    settings = provider.required(home)
    begun = ended = False
    for past in home.ledger.entries(""):
        if past.entry.act in ("person.signed_in", "person.signed_out") and past.entry.fields["session"] == found.mark:
            begun, ended = True, past.entry.act == "person.signed_out"
    if not begun:
        raise Refused("signin.not-recorded", "the ledger knows no such sign-in: sign in again", where=place(home).name)
    if ended or home.clock.now() >= found.expires_at or found.provider != settings.digest:
        raise Refused("signin.ended", "this sign-in is over: `incamera access sign-in`", where=found.person)
    return found


def signed_in_at(home: Home, person: str, moment: datetime) -> bool:
    """Whether the ledger has a sign-in of *person* that covers *moment*."""
    open_: dict[str, tuple[datetime, datetime]] = {}
    for past in home.ledger.entries(""):
        fields = past.entry.fields
        if past.entry.act == "person.signed_in" and fields["person"] == person:
            open_[fields["session"]] = (past.at, parse_instant(fields["expires_at"]))
        elif past.entry.act == "person.signed_out" and fields["session"] in open_:
            open_[fields["session"]] = (open_[fields["session"]][0], past.at)
    # An approval states its time to the second.
    return any(begun.replace(microsecond=0) <= moment <= ended for begun, ended in open_.values())


def _read(home: Home) -> Session | None:
    file = place(home)
    if not file.exists():
        return None
    if not files.is_private(file):
        raise Refused("signin.exposed-session", "others can read the session: sign in again", where=file.name)
    found = _parse(files.read(file, limit=_BYTES_MAX), home.log_key)
    if found is None:
        hint = f"the file is not an {VERSION} file of this home: sign in again"
        raise Malformed("signin.bad-session", hint, where=file.name)
    return found


def _parse(data: bytes, log: str) -> Session | None:
    """The session that these bytes are, if they are one with this home."""
    try:
        value = json.loads(data)
        if set(value) != _KEYS or (value["v"], value["log"]) != (VERSION, log) or canonical(value) != data:
            return None
        return Session(
            person=value["person"],
            roles=tuple(value["roles"]),
            mfa=value["mfa"] is True,
            provider=Digest(value["provider"]),
            expires_at=parse_instant(value["expires_at"]),
            mark=digest(data),
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _directory(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return file


def _none() -> Refused:
    return Refused("signin.none", "nobody is signed in here: `incamera access sign-in`")
