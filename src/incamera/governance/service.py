"""Service accounts: programs that ask for access prove who they are with a key of their own, minutes at a time.

A service signs a short statement for one audience; the statement is good once. There is no password to leak and no token to keep.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.canon import canonical, instant
from incamera.core.crypto import sign, verify
from incamera.core.errors import Malformed, Refused, Unverified
from incamera.core.ports import Clock
from incamera.governance.identity import Identity
from incamera.governance.request import parse_instant

SERVICE_VERSION: Final = "incamera/service/1"
LIFETIME_MAX: Final = timedelta(minutes=10)
SKEW: Final = timedelta(minutes=2)
_KEYS = {"v", "service", "audience", "at", "expires_at", "nonce", "signature"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """An officer or a program that is known: its name in the ledger, its public key, and the roles the holder gave it.

    `person` is who is behind it, as the holder's identity provider knows them; a program has none.
    """

    name: str
    key: str
    roles: tuple[str, ...]
    person: str | None = None


def assertion(
    key: Ed25519PrivateKey, *, service: str, audience: str, now: datetime, lifetime: timedelta = timedelta(minutes=5)
) -> bytes:
    """The statement a service sends: who it is, to whom, from when until when, once."""
    body = {
        "v": SERVICE_VERSION,
        "service": service,
        "audience": audience,
        "at": instant(now),
        "expires_at": instant(now + lifetime),
        "nonce": secrets.token_hex(16),
    }
    return canonical({**body, "signature": sign(key, SERVICE_VERSION, canonical(body))})


class Services:
    """The known service accounts of one audience, and the statements already used.

    Cost: remembers a nonce until its statement expires; one process must see all statements of an audience.
    """

    def __init__(self, accounts: Iterable[ServiceAccount], *, audience: str, clock: Clock) -> None:
        self._accounts = {account.name: account for account in accounts}
        self._audience = audience
        self._clock = clock
        self._used: dict[str, datetime] = {}

    def sign_in(self, data: bytes) -> Identity:
        """Who sent this statement.

        Raises:
            Malformed: `service.bad-assertion`.
            Refused: `service.unknown`, `service.other-audience`, `service.expired`, `service.replayed`.
            Unverified: `service.bad-signature`.
        """
        value, at, expires = _parse(data)
        account = self._accounts.get(value["service"])
        if account is None:
            raise Refused("service.unknown", "no such service account")
        body = {name: item for name, item in value.items() if name != "signature"}
        try:
            verify(account.key, SERVICE_VERSION, canonical(body), value["signature"])
        except Unverified:
            raise Unverified(
                "service.bad-signature", "the statement is not signed by the account's key", where=account.name
            ) from None
        if value["audience"] != self._audience:
            raise Refused("service.other-audience", "the statement was made for somebody else", where=account.name)
        now = self._clock.now()
        if at > now + SKEW or expires <= now or expires - at > LIFETIME_MAX:
            raise Refused(
                "service.expired", "the statement is expired, from the future, or made to last too long", where=account.name
            )
        self._spend(value["nonce"], expires, now, account.name)
        return Identity(name=account.name, roles=account.roles, how="service", mfa=True, key=account.key)

    def _spend(self, nonce: str, expires: datetime, now: datetime, name: str) -> None:
        self._used = {used: until for used, until in self._used.items() if until > now}
        if nonce in self._used:
            raise Refused("service.replayed", "the statement was used before", where=name)
        self._used[nonce] = expires


def _parse(data: bytes) -> tuple[dict[str, Any], datetime, datetime]:
    try:
        value = json.loads(data)
        if set(value) != _KEYS or not all(isinstance(item, str) for item in value.values()) or value["v"] != SERVICE_VERSION:
            raise ValueError
        if len(value["nonce"]) != 32:
            raise ValueError
        return value, parse_instant(value["at"]), parse_instant(value["expires_at"])
    except (ValueError, TypeError, RecursionError, AttributeError):
        raise Malformed("service.bad-assertion", f"expected a statement, {SERVICE_VERSION}") from None
