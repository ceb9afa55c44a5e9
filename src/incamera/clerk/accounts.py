"""Accounts of officers and programs: a name for the ledger, a public key, and the roles the holder gave it.

They lie in a file that anybody may read. Each stands in the ledger by its digest, and counts only as it stands there: whoever
edits the file gives nobody a role.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from incamera.clerk import provider, session
from incamera.clerk.home import Home, write_atomically
from incamera.core.canon import canonical
from incamera.core.crypto import parse_public, public_text
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, digest
from incamera.core.records import Entry
from incamera.governance import keys
from incamera.governance.identity import ACTOR, Identity
from incamera.governance.request import SignedApproval
from incamera.governance.service import ServiceAccount, Services, assertion
from incamera.governance.terms import APPROVING_ROLES, Signer

VERSION: Final = "incamera/accounts/2"
#: Version 1 knew no persons behind accounts; an account without one still has that version's digest.
_WITHOUT_PERSONS: Final = "incamera/accounts/1"
#: A person, as a sign-in names them: see `governance.oidc`.
_PERSON: Final = re.compile(r"oidc:[0-9a-f]{32}\Z")
FILE: Final = "accounts.toml"
#: Roles that the access policies know, `reviewer`, who judges a broken glass, and those that approve what others ask.
ROLES: Final = ("examiner", "safety", "service", "rights", "custodian", "erasure", "reviewer", *APPROVING_ROLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An account of the file, and whether the ledger agrees with it."""

    account: ServiceAccount
    recorded: bool


def add(home: Home, name: str, key: str, roles: list[str], *, actor: str, person: str | None = None) -> dict[str, Any]:
    """Enter an account, or change it: first in the ledger, then in the file.

    Args:
        person: Who has to be signed in for it to act, as `access who` shows them.
    Raises:
        Malformed: `accounts.bad-name`, `accounts.unknown-role`, `accounts.bad-person`, `crypto.bad-key`.
        Refused: `accounts.role-apart`, who approves does so in one role, and asks for nothing.
    """
    if not ACTOR.match(name) or "/" in name:
        raise Malformed("accounts.bad-name", "an account has a short pseudonym: lower-case letters, digits, . _ : -")
    if not roles or not set(roles) <= set(ROLES):
        raise Malformed("accounts.unknown-role", f"roles are {', '.join(ROLES)}", where="--role")
    if (approving := set(roles) & set(APPROVING_ROLES)) and (len(approving) > 1 or set(roles) - approving - {"reviewer"}):
        raise Refused("accounts.role-apart", "who approves does so in one role, and asks for nothing", where="--role")
    if person is not None and not _PERSON.match(person):
        raise Malformed(
            "accounts.bad-person", "a person is named as `incamera access who` shows them: oidc:...", where="--person"
        )
    public = public_text(parse_public(key, where="--key"))
    account = ServiceAccount(name=name, key=public, roles=tuple(sorted(set(roles))), person=person)
    known = {one.name: one for one in _read(home.path)} | {name: account}
    _record(home, account, "added", actor)
    _write(home.path, list(known.values()))
    return {"account": name, "roles": list(account.roles), "key": account.key, "person": person}


def remove(home: Home, name: str, *, actor: str) -> dict[str, Any]:
    """Take an account away. Raises `Refused` (`accounts.unknown`)."""
    known = {one.name: one for one in _read(home.path)}
    if name not in known:
        raise Refused("accounts.unknown", "there is no account of this name", where=name)
    account = known.pop(name)
    _record(home, account, "removed", actor)
    _write(home.path, list(known.values()))
    return {"account": name, "removed": True}


def listed(home: Home) -> list[Listed]:
    """Every account of the file, and whether the ledger has it in just these words."""
    told: dict[str, tuple[str, str]] = {}
    for past in home.ledger.entries(""):
        if past.entry.act == "account.changed":
            fields = past.entry.fields
            told[fields["account"]] = (fields["state"], fields["entry"])
    return [Listed(account=one, recorded=told.get(one.name) == ("added", _digest(one))) for one in _read(home.path)]


def approvers(home: Home) -> tuple[Signer, ...]:
    """Who may approve in the holder's own house: accounts of an approving role, as far as the ledger has them."""
    known = [one.account for one in listed(home) if one.recorded]
    return tuple(Signer(name=one.name, role=role, key=one.key) for one in known for role in one.roles if role in APPROVING_ROLES)


def require_signed_in(home: Home, approvals: Iterable[SignedApproval], *, matter: str, actor: str) -> None:
    """Each approval by the key of an account that a person is behind was given while that person was signed in.

    Raises:
        Refused: `signin.approver-not-signed-in`, recorded.
    """
    persons = {one.account.key: one.account.person for one in listed(home) if one.recorded and one.account.person}
    for approval in approvals:
        person = persons.get(approval.key)
        if person is not None and not session.signed_in_at(home, person, approval.at):
            fields = {"code": "signin.approver-not-signed-in", "request": approval.request}
            home.ledger.append(Entry(act="access.refused", matter=matter, actor=actor, fields=fields))
            hint = "this approver was not signed in when approving: sign in, and approve anew"
            raise Refused("signin.approver-not-signed-in", hint, where=approval.role)


def of_person(home: Home, person: str) -> list[str]:
    """The accounts behind which this person is, as far as the ledger has them."""
    return [one.account.name for one in listed(home) if one.recorded and one.account.person == person]


def acting(home: Home) -> str:
    """Who acts, for the ledger, where no account is named: the account of whoever is signed in here, or the person; else the
    holder. Raises as `session.current`, where a sign-in is over."""
    found = session.current(home)
    return "holder" if found is None else next(iter(of_person(home, found.person)), found.person)


def sign_in(home: Home, name: str, key: Path, passphrase: bytes | None) -> Identity:
    """Prove that one holds the account's key: a statement for this home's log, signed and checked. Where there is a person behind
    the account, that person is signed in, besides, and has the roles that sign-in and account both give.

    Raises:
        Refused: `service.unknown`, `accounts.not-recorded`, the ledger does not have the account as the file has it;
            `signin.none`, `signin.ended`, `signin.other-person`, `signin.no-role`, `signin.required`.
        Unverified: `service.bad-signature`. Malformed, Unavailable: the key file (`governance.*`).
    """
    known = {one.account.name: one for one in listed(home)}
    if name in known and not known[name].recorded:
        raise Refused("accounts.not-recorded", "the ledger does not have this account in these words", where=name)
    services = Services([one.account for one in known.values()], audience=home.log_key, clock=home.clock)
    private = keys.load_private(key, passphrase)
    proven = services.sign_in(assertion(private, service=name, audience=home.log_key, now=home.clock.now()))
    return _confirmed(home, known[name].account, proven)


def _confirmed(home: Home, account: ServiceAccount, proven: Identity) -> Identity:
    """The account's identity, as far as a sign-in bears it out. A role that the provider gives is given by nobody else."""
    settings = provider.named(home)
    if account.person is None:
        given = frozenset(settings.roles.values()) if settings else frozenset()
        roles = tuple(role for role in proven.roles if role not in given)
        if not roles:
            hint = "these roles are given by sign-in alone: enter the account with its --person"
            raise Refused("signin.required", hint, where=account.name)
        return replace(proven, roles=roles)
    found = session.current(home)
    if found is None:
        raise Refused("signin.none", "sign in first: `incamera access sign-in`", where=account.name)
    if found.person != account.person:
        raise Refused("signin.other-person", "somebody else is signed in here", where=account.name)
    roles = tuple(role for role in proven.roles if role in found.roles)
    if not roles:
        raise Refused("signin.no-role", "the provider gives this person none of the account's roles", where=account.name)
    return replace(proven, roles=roles, how="oidc", mfa=found.mfa)


def _record(home: Home, account: ServiceAccount, state: str, actor: str) -> None:
    fields = {"account": account.name, "entry": _digest(account), "roles": list(account.roles), "state": state}
    home.ledger.append(Entry(act="account.changed", matter="", actor=actor, fields=fields))


def _digest(account: ServiceAccount) -> Digest:
    words = {"v": _WITHOUT_PERSONS, "name": account.name, "key": account.key, "roles": list(account.roles)}
    return digest(canonical(words if account.person is None else {**words, "v": VERSION, "person": account.person}))


def _read(path: Path) -> list[ServiceAccount]:
    try:
        table = tomllib.loads((path / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _damaged() from None
    rows = table.get("account", [])
    if (
        set(table) - {"version", "account"}
        or table.get("version") not in (VERSION, _WITHOUT_PERSONS)
        or not isinstance(rows, list)
    ):
        raise _damaged()
    return [_account(row) for row in rows]


def _account(row: Any) -> ServiceAccount:
    if not isinstance(row, dict) or set(row) - {"person"} != {"name", "key", "roles"}:
        raise _damaged()
    roles = row["roles"]
    texts = [row["name"], row["key"], row.get("person", ""), *(roles if isinstance(roles, list) else [None])]
    if not all(isinstance(text, str) for text in texts):
        raise _damaged()
    return ServiceAccount(name=row["name"], key=row["key"], roles=tuple(roles), person=row.get("person"))


def _write(path: Path, accounts: list[ServiceAccount]) -> None:
    lines = [f'version = "{VERSION}"']
    for one in sorted(accounts, key=lambda account: account.name):
        lines += ["", "[[account]]", f"name = {json.dumps(one.name)}", f"key = {json.dumps(one.key)}"]
        lines += [f"roles = {json.dumps(list(one.roles))}"]
        lines += [f"person = {json.dumps(one.person)}"] if one.person else []
    write_atomically(path / FILE, ("\n".join(lines) + "\n").encode())


def _damaged() -> Malformed:
    return Malformed("accounts.damaged", f"the file is not an {VERSION} file; restore it from its backup", where=FILE)
