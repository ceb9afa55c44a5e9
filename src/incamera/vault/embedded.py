"""keys.db and the KMS opened by this process, and everything that is done with them: the embedded `ports.Opener`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from incamera.core.ids import Ref
from incamera.core.ports import Appender, Clock, Gate
from incamera.core.records import Grant
from incamera.vault import listing
from incamera.vault.broker import Broker
from incamera.vault.custody import Custody
from incamera.vault.database import Database
from incamera.vault.envelope import Class
from incamera.vault.holds import Holds
from incamera.vault.keys import Keyring
from incamera.vault.recovering import Recovery
from incamera.vault.register import Register
from incamera.vault.rolling import Roller, RollReport
from incamera.vault.shred import Shredder
from incamera.vault.unsealing import Unsealing
from incamera.vault.upkeep import Upkeep
from incamera_verify.note import Verifier

GRANT_SECRET = "grant"  # noqa: S105 - names of secrets, not secrets
DEDUPE_SECRET = "dedupe"  # noqa: S105
FILE_SECRET = "file"  # noqa: S105


class Embedded:
    """Keys, broker, holds, register, shredder and the rest of one vault, over an open keyring."""

    def __init__(
        self,
        home: Path,
        keyring: Keyring,
        state: Database,
        *,
        appender: Appender,
        clock: Clock,
        grant_key: bytes | None,
        log: Sequence[Verifier],
        gate: Gate | None = None,
    ) -> None:
        self.keyring = keyring
        self.file_secret = keyring.random_secret(FILE_SECRET)
        self.dedupe_secret = keyring.random_secret(DEDUPE_SECRET)
        self.grant_key = grant_key or keyring.random_secret(GRANT_SECRET)
        self.broker = Broker(
            keyring,
            state,
            appender=appender,
            clock=clock,
            grant_key=self.grant_key,
            log=log,
            gate=gate,
            listing=lambda root: listing.load(home / "lists", root),
        )
        self.recovery = Recovery(
            home / "recovery", keyring, clock=clock, file_secret=self.file_secret, dedupe_secret=self.dedupe_secret
        )
        self.holds = Holds(keyring, clock=clock, recovery=self.recovery)
        self.register = Register(keyring.database, clock=clock)
        self.shredder = Shredder(keyring, state, self.holds, self.register, appender=appender, clock=clock)
        self.unsealing = Unsealing(keyring, check=self.broker.check, appender=appender, clock=clock)
        self._roller = Roller(keyring, appender=appender, clock=clock)
        self._custody = Custody(
            keyring,
            state,
            Upkeep(home / "vault", state, tenant=keyring.tenant, file_secret=self.file_secret),
            self.holds,
            self.broker,
            trustees=self.recovery.trustees,
            appender=appender,
            clock=clock,
        )

    def __repr__(self) -> str:
        return f"<Embedded {self.keyring!r}>"

    def roll(self, *, actor: str, grace: timedelta) -> RollReport:
        """See `Roller.roll`."""
        return self._roller.roll(actor=actor, grace=grace)

    def switch(self, uref: Ref, to: Class, *, grant: Grant, recipient: X25519PublicKey | None = None) -> int:
        """See `Custody.switch`."""
        return self._custody.switch(uref, to, grant=grant, recipient=recipient)

    def settle(self) -> None:
        """Finish a switch of class that was set aside, before anything else is written."""
        self._custody.settle()

    def no_key(self, crefs: Sequence[bytes]) -> None:
        """See `Custody.no_key`."""
        self._custody.no_key(crefs)

    def counts(self) -> tuple[int, int]:
        """(subjects that are not shredded, conversations under a hold)."""
        one = self.keyring.database.one
        subjects = one("SELECT count(*) FROM subject_key WHERE state <> 'shredded'")[0]
        return int(subjects), int(one("SELECT count(*) FROM conversation_key WHERE hold_count > 0")[0])

    def check(self) -> None:
        """Open every subject key and drop it again, and compare classes.

        Raises:
            Unverified: `vault.not-authentic`, `vault.class-mismatch`.
        """
        self._custody.check()
        self.keyring.check()

    def close(self) -> None:
        """Let go of keys.db."""
        self.keyring.database.close()
