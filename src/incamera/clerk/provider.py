"""The holder's identity provider, as the home knows it: a file without a secret, which counts only as the ledger has it.

Whoever edits the file gives nobody a role.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from incamera.clerk.home import Home, write_atomically
from incamera.core.canon import canonical
from incamera.core.errors import Error, Malformed, Refused
from incamera.core.ids import Digest, digest
from incamera.core.records import Entry
from incamera.governance import files
from incamera.governance.oidc import check_address

VERSION: Final = "incamera/sign-in/1"
FILE: Final = "sign-in.toml"
HOURS_MAX: Final = 24
_KEYS: Final = {"version", "issuer", "client_id", "roles", "groups_claim", "scopes", "mfa_acr", "hours"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `sign-in.toml` says.

    Args:
        roles: Group of the provider -> role.
        mfa_acr: Values of `acr` that mean more than one factor; `mfa` in `amr` always does.
        hours: How long a sign-in lasts.
    """

    issuer: str
    client_id: str
    roles: Mapping[str, str]
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid",)
    mfa_acr: tuple[str, ...] = ()
    hours: int = 8

    @property
    def digest(self) -> Digest:
        """Names these settings in the ledger."""
        return digest(canonical({"v": VERSION, **asdict(self), "roles": dict(self.roles)}))

    @property
    def lifetime(self) -> timedelta:
        return timedelta(hours=self.hours)

    def to_toml(self) -> bytes:
        """The file."""
        lines = [f'version = "{VERSION}"', f"issuer = {json.dumps(self.issuer)}", f"client_id = {json.dumps(self.client_id)}"]
        lines += [f"groups_claim = {json.dumps(self.groups_claim)}", f"scopes = {json.dumps(list(self.scopes))}"]
        lines += [f"mfa_acr = {json.dumps(list(self.mfa_acr))}", f"hours = {self.hours}", "", "[roles]"]
        lines += [f"{json.dumps(group)} = {json.dumps(role)}" for group, role in sorted(self.roles.items())]
        return ("\n".join(lines) + "\n").encode()


def name(home: Home, file: Path, *, known_roles: tuple[str, ...], actor: str) -> Settings:
    """Take the settings of *file* for this home: first in the ledger, then in the home. Sign-ins under others end.

    Raises:
        Malformed: `signin.bad-provider`, naming the key; `oidc.insecure-issuer`. Unavailable: `governance.unreadable`.
    """
    settings = _parse(files.read(file), file.name)
    check_address(settings.issuer)
    if strangers := sorted(set(settings.roles.values()) - set(known_roles)):
        raise _bad(f"roles are {', '.join(known_roles)}; there are {len(strangers)} others here", file.name)
    fields = {"provider": settings.digest, "state": "named", "roles": sorted(set(settings.roles.values()))}
    home.ledger.append(Entry(act="provider.changed", matter="", actor=actor, fields=fields))
    write_atomically(home.path / FILE, settings.to_toml())
    return settings


def remove(home: Home, *, actor: str) -> Settings:
    """Do without a provider from here on; every sign-in ends. Raises `Refused` (`signin.no-provider`)."""
    settings = required(home)
    fields = {"provider": settings.digest, "state": "removed"}
    home.ledger.append(Entry(act="provider.changed", matter="", actor=actor, fields=fields))
    (home.path / FILE).unlink()
    return settings


def named(home: Home) -> Settings | None:
    """The provider of this home, or None where it has none.

    Raises:
        Refused: `signin.not-recorded`, file and ledger do not agree. Malformed: `signin.bad-provider`.
    """
    path = home.path / FILE
    settings = _parse(path.read_bytes(), FILE) if path.exists() else None
    last = None
    for past in home.ledger.entries(""):
        if past.entry.act == "provider.changed":
            last = past.entry.fields
    told = last["provider"] if last is not None and last["state"] == "named" else None
    if told != (settings.digest if settings else None):
        hint = "the ledger does not have this identity provider in these words: name it again, or remove it"
        raise Refused("signin.not-recorded", hint, where=FILE)
    return settings


def required(home: Home) -> Settings:
    """The provider of this home. Raises `Refused` (`signin.no-provider`), and as `named`."""
    settings = named(home)
    if settings is None:
        raise Refused("signin.no-provider", "this home has no identity provider: `incamera access provider name FILE`")
    return settings


def _parse(data: bytes, where: str) -> Settings:
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _bad("this is not readable TOML", where) from None
    if table.pop("version", None) != VERSION:
        raise _bad(f'expected version = "{VERSION}"', where)
    if extra := sorted(set(table) - _KEYS):
        raise _bad(f"{len(extra)} keys are unknown; known are {', '.join(sorted(_KEYS))}", where)
    for key, sound in _SOUND.items():
        if not sound(table.get(key, _DEFAULTS.get(key))):
            raise _bad(f"{key} is missing, or not of its kind", where)
    stated: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Settings(**stated)


def _text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 400 and value.isprintable()


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) <= 50 and all(map(_text, value))


_DEFAULTS: Final[Mapping[str, Any]] = {"groups_claim": "groups", "scopes": ("openid",), "mfa_acr": (), "hours": 8}
_SOUND: Final[Mapping[str, Callable[[Any], bool]]] = {
    "issuer": _text,
    "client_id": _text,
    "groups_claim": _text,
    "scopes": lambda value: _texts(value) and "openid" in value and not any(" " in scope for scope in value),
    "mfa_acr": _texts,
    "hours": lambda value: type(value) is int and 1 <= value <= HOURS_MAX,
    "roles": lambda value: isinstance(value, dict) and bool(value) and _texts([*value]) and _texts([*value.values()]),
}


def _bad(hint: str, where: str) -> Error:
    return Malformed("signin.bad-provider", hint, where=where)
