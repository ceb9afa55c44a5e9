"""A home moves from one key service to another: epoch keys are wrapped anew, not a byte of data is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from incamera.clerk.home import Home, write_atomically
from incamera.clerk.homefile import read_facts
from incamera.clerk.keyservice import Address, Local, Passphrase, open_service, parse
from incamera.core.errors import Error, Refused
from incamera.core.ids import digest
from incamera.core.ports import Clock
from incamera.core.records import Entry
from incamera.vault import files, kms_move
from incamera.vault.database import Database
from incamera.vault.kms_move import Left


def rekey(
    path: Path,
    kms: str,
    *,
    passphrase: Passphrase,
    new_passphrase: Passphrase,
    actor: str,
    carry_out: bool,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Wrap the epoch keys under the service at *kms*, name it in home.toml, record it, and destroy the roots in the old service.

    Killed at any point, or refused by the old service at the end, the same command finishes it. A broker is stopped first.

    Raises:
        Refused: `rekey.same`, the keys are there already; `rekey.unfinished`, a move to another place was begun before;
            `broker.keys-open`.
        Malformed: `vault.kms-address`. Unavailable: `vault.kms-*`; unless the old roots alone are left, nothing was moved.
    """
    after = parse(kms)
    with closing(Database.at(path / "keys.db", "keys", create=False)) as keys:
        left = kms_move.unfinished(keys)
    if left is None:
        left = _begin(path, after, passphrase, new_passphrase, carry_out=carry_out, clock=clock)
    elif left.after != after.text:
        raise Refused("rekey.unfinished", "a move to another place was begun: finish that one first", where="--kms")
    told = {"epochs": len(left.roots), "before": left.service, "kms": after.service, "kms_address": after.text}
    if not carry_out:
        return {"carried_out": False, **told}
    write_atomically(path / "home.toml", replace(read_facts(path), kms=after.text).to_toml())
    with Home.open(path, passphrase=new_passphrase, clock=clock) as home:
        _record(home, left, actor)
        _destroy(home, left, passphrase, actor)
    return {"carried_out": True, **told}


def _begin(
    path: Path, after: Address, passphrase: Passphrase, new_passphrase: Passphrase, *, carry_out: bool, clock: Clock | None
) -> Left:
    before = parse(read_facts(path).kms, where="home.toml")
    if before.text == after.text:
        raise Refused("rekey.same", "the keys of this home are there already", where="--kms")
    # Opened as a whole: whoever cannot read the home does not move it, and one of an early version is brought up to date.
    with Home.open(path, passphrase=passphrase, clock=clock) as home, home._keyring() as keyring:
        if not carry_out:
            living = tuple(str(epoch.number) for epoch in keyring.epochs() if epoch.destroyed_at is None)
            return Left(before=before.text, after=after.text, service=before.service, roots=living)
        file = path / "secrets" / "kms.json"
        fresh = isinstance(after, Local) and not file.exists()
        service = open_service(after, path, new_passphrase, new=fresh)
        try:
            with files.locked(path / "vault" / ".lock"):
                keyring.refresh()
                return kms_move.move(keyring, service, before=before.text, after=after.text)
        except Error:
            if fresh:
                file.unlink()
            raise


def _record(home: Home, left: Left, actor: str) -> None:
    fields = {
        "epochs": len(left.roots),
        "before": left.service,
        "kms": home.kms.name,
        "address": digest(left.after.encode()),
        "left": len(left.roots),
    }
    moves = [past.entry.fields for past in home.ledger.entries("") if past.entry.act == "epoch.moved"]
    # A second run of one move finds it recorded; a later move to the same place has another one in between.
    if not moves or any(moves[-1].get(name) != value for name, value in fields.items()):
        home.ledger.append(Entry(act="epoch.moved", matter="", actor=actor, fields=fields))


def _destroy(home: Home, left: Left, passphrase: Passphrase, actor: str) -> None:
    """The old roots, in the old service. What it refuses is an act, and is done by the next run."""
    before = parse(left.before, where="keys.db")
    with home._keyring() as keyring:
        try:
            kms_move.finish(keyring.database, left, open_service(before, home.path, passphrase))
        except Error as flaw:
            fields = {"epoch": str(keyring.epoch), "kms": before.service, "code": flaw.code}
            home.ledger.append(Entry(act="epoch.refused", matter="", actor=actor, fields=fields))
            raise
    if isinstance(before, Local):
        (home.path / "secrets" / "kms.json").unlink(missing_ok=True)
