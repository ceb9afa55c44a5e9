"""Accounts of officers and programs: a name for the ledger, a public key, and the roles the holder gave it.

They lie in a file that anybody may read. Each stands in the ledger by its digest, and counts only as it stands there: whoever
edits the file gives nobody a role.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from incamera.clerk.home import Home, write_atomically
from incamera.core.canon import canonical
from incamera.core.crypto import parse_public, public_text
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, digest
from incamera.core.records import Entry
from incamera.governance import keys
from incamera.governance.identity import ACTOR, Identity
from incamera.governance.service import ServiceAccount, Services, assertion

VERSION: Final = "incamera/accounts/1"
FILE: Final = "accounts.toml"
#: Roles that the access policies know, and `reviewer`, who judges a broken glass.
ROLES: Final = ("examiner", "safety", "service", "rights", "erasure", "reviewer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An account of the file, and whether the ledger agrees with it."""

    account: ServiceAccount
    recorded: bool


def add(home: Home, name: str, key: str, roles: list[str], *, actor: str) -> dict[str, Any]:
    """Enter an account, or change it: first in the ledger, then in the file.

    Raises:
        Malformed: `accounts.bad-name`, `accounts.unknown-role`, `crypto.bad-key`.
    """
    if not ACTOR.match(name) or "/" in name:
        raise Malformed("accounts.bad-name", "an account has a short pseudonym: lower-case letters, digits, . _ : -")
    if not roles or not set(roles) <= set(ROLES):
        raise Malformed("accounts.unknown-role", f"roles are {', '.join(ROLES)}", where="--role")
    account = ServiceAccount(name=name, key=public_text(parse_public(key, where="--key")), roles=tuple(sorted(set(roles))))
    known = {one.name: one for one in _read(home.path)} | {name: account}
    _record(home, account, "added", actor)
    _write(home.path, list(known.values()))
    return {"account": name, "roles": list(account.roles), "key": account.key}


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


def sign_in(home: Home, name: str, key: Path, passphrase: bytes | None) -> Identity:
    """Prove that one holds the account's key: a statement for this home's log, signed and checked.

    Raises:
        Refused: `service.unknown`, `accounts.not-recorded`, the ledger does not have the account as the file has it.
        Unverified: `service.bad-signature`. Malformed, Unavailable: the key file (`governance.*`).
    """
    known = {one.account.name: one for one in listed(home)}
    if name in known and not known[name].recorded:
        raise Refused("accounts.not-recorded", "the ledger does not have this account in these words", where=name)
    services = Services([one.account for one in known.values()], audience=home.log_key, clock=home.clock)
    private = keys.load_private(key, passphrase)
    return services.sign_in(assertion(private, service=name, audience=home.log_key, now=home.clock.now()))


def _record(home: Home, account: ServiceAccount, state: str, actor: str) -> None:
    fields = {"account": account.name, "entry": _digest(account), "roles": list(account.roles), "state": state}
    home.ledger.append(Entry(act="account.changed", matter="", actor=actor, fields=fields))


def _digest(account: ServiceAccount) -> Digest:
    return digest(canonical({"v": VERSION, "name": account.name, "key": account.key, "roles": list(account.roles)}))


def _read(path: Path) -> list[ServiceAccount]:
    try:
        table = tomllib.loads((path / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _damaged() from None
    rows = table.get("account", [])
    if set(table) - {"version", "account"} or table.get("version") != VERSION or not isinstance(rows, list):
        raise _damaged()
    return [_account(row) for row in rows]


def _account(row: Any) -> ServiceAccount:
    if not isinstance(row, dict) or set(row) != {"name", "key", "roles"}:
        raise _damaged()
    roles = row["roles"]
    texts = [row["name"], row["key"], *(roles if isinstance(roles, list) else [None])]
    if not all(isinstance(text, str) for text in texts):
        raise _damaged()
    return ServiceAccount(name=row["name"], key=row["key"], roles=tuple(roles))


def _write(path: Path, accounts: list[ServiceAccount]) -> None:
    lines = [f'version = "{VERSION}"']
    for one in sorted(accounts, key=lambda account: account.name):
        lines += ["", "[[account]]", f"name = {json.dumps(one.name)}", f"key = {json.dumps(one.key)}"]
        lines += [f"roles = {json.dumps(list(one.roles))}"]
    write_atomically(path / FILE, ("\n".join(lines) + "\n").encode())


def _damaged() -> Malformed:
    return Malformed("accounts.damaged", f"the file is not an {VERSION} file; restore it from its backup", where=FILE)
