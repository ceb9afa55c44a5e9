"""Who is asking: a name for the ledger, roles for the policies, and how both were established."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from incamera.core.errors import Malformed

#: What the ledger takes as an actor: a short pseudonym in slug form.
ACTOR = re.compile(r"[a-z0-9._:/+-][a-z0-9._:/+_-]{0,79}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody, or some program, after it was established who it is.

    `how` says by what: `local`, the operator at the machine, who opened the key store; `oidc`, a verified sign-in; `service`,
    a signed workload identity. `key` is the asker's own public key where there is one: nobody approves an own request.

    Raises:
        Malformed: `access.bad-actor`, the name is no slug.
    """

    name: str
    roles: tuple[str, ...]
    how: Literal["local", "oidc", "service"]
    mfa: bool
    key: str | None = None

    def __post_init__(self) -> None:
        if not ACTOR.match(self.name):
            raise Malformed("access.bad-actor", "an actor is named by a short pseudonym: lower-case letters, digits, . _ : / + -")


def local(name: str, *, roles: tuple[str, ...] = ("examiner",), key: str | None = None) -> Identity:
    """The operator at the machine. Opening the key store (passphrase, keyring or KMS login) stands for the second factor."""
    return Identity(name=name, roles=roles, how="local", mfa=True, key=key)
