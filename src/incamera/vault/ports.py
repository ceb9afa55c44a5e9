"""What a vault needs of whoever opens keys.db: this process (`embedded`), or a broker behind a socket (`remote`).

The vault does not know which of the two it has. Everything on this page needs a key or the order in which keys change; what
needs neither, facts and sealed files, the vault does itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from incamera.core.ids import Digest, Ref
from incamera.core.records import Grant
from incamera.vault.broker import Release
from incamera.vault.envelope import Binding, Class
from incamera.vault.holds import Hold
from incamera.vault.keys import Epoch, Subject
from incamera.vault.register import Derived
from incamera.vault.rolling import RollReport
from incamera.vault.shred import ShredReport


class KmsFacts(Protocol):
    """Which key service there is, and what has to be said about it."""

    @property
    def name(self) -> str: ...

    @property
    def warning(self) -> str | None: ...


class SealingKeys(Protocol):
    """What it takes to store conversations: keys made, wrapped and written, and none ever read back."""

    @property
    def tenant(self) -> bytes: ...

    @property
    def bind(self) -> Binding: ...

    @property
    def kms(self) -> KmsFacts: ...

    @property
    def epoch(self) -> int: ...

    def epochs(self) -> list[Epoch]: ...

    def refresh(self) -> None:
        """Learn of an epoch that another process opened since."""

    def generation(self) -> int:
        """Moves on with every roll or shred of a subject."""

    def new_subject(self, uref: bytes, batch: int) -> tuple[Subject, tuple[Any, ...]]: ...

    def subjects(self, urefs: Sequence[bytes]) -> dict[bytes, Subject]:
        """Those of *urefs* that are not shredded; behind a socket as mere names, without keys."""

    def wrap_conversation(self, subject: Subject, cref: bytes, key: bytes, kind: int, *, nonce: bytes | None = None) -> bytes:
        """What goes into the row of a conversation key that is handed to `insert`."""

    def seal_accounts(self, accounts: Sequence[tuple[Subject, bytes]]) -> list[bytes]: ...

    def insert(self, batch: int, subjects: Sequence[tuple[Any, ...]], conversations: Sequence[tuple[Any, ...]]) -> None: ...

    def settle(self, batch: int, *, stored: bool) -> None: ...

    def pending(self) -> list[int]: ...


class Releases(Protocol):
    """Keys for a grant; see `broker.Broker`."""

    def check(self, grant: Grant) -> None: ...

    def release(self, grant: Grant, crefs: Sequence[bytes]) -> Release: ...


class HoldBook(Protocol):
    """Legal holds; see `holds.Holds`."""

    def place(self, hold_id: str, crefs: Iterable[Ref], *, matter: str, order: Digest) -> int: ...

    def release(self, hold_id: str) -> int: ...

    def over(self, ref: bytes) -> list[str]: ...

    def covered(self, matter: str) -> frozenset[bytes]: ...

    def held(self) -> frozenset[bytes]: ...

    def all(self) -> list[Hold]: ...


class CopyBook(Protocol):
    """The register of copies; see `register.Register`."""

    def add(self, derived: Derived) -> None: ...

    def all(self) -> list[Derived]: ...


class Shredding(Protocol):
    """Erasure; see `shred.Shredder`."""

    def shred_subject(self, uref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport: ...

    def shred_conversation(self, cref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport: ...

    def settle(self) -> list[ShredReport]: ...

    def pending(self) -> int: ...


class Unseals(Protocol):
    """Trustees' answers for one grant; see `unsealing.Unsealing`."""

    def ask(self, grant: Grant, crefs: Iterable[Ref]) -> bytes: ...

    def sealed(self, grant: Grant, crefs: Iterable[Ref]) -> list[Ref]: ...

    def admit(self, grant: Grant, answer: bytes) -> int: ...

    def end(self, grant: Grant) -> int: ...


class Trusteeship(Protocol):
    """Who can bring held evidence back; see `recovering.Recovery`."""

    def name_trustees(self, keys: Mapping[str, str]) -> None: ...

    def trustees(self) -> dict[str, X25519PublicKey]: ...


class Opener(Protocol):
    """Whoever opens keys.db. The caller of what writes holds the vault's one writer's lock."""

    @property
    def keyring(self) -> SealingKeys: ...

    @property
    def broker(self) -> Releases: ...

    @property
    def holds(self) -> HoldBook: ...

    @property
    def register(self) -> CopyBook: ...

    @property
    def shredder(self) -> Shredding: ...

    @property
    def unsealing(self) -> Unseals: ...

    @property
    def recovery(self) -> Trusteeship: ...

    @property
    def file_secret(self) -> bytes:
        """The root of the keys of files' outer layers."""

    @property
    def dedupe_secret(self) -> bytes:
        """The key of the digests by which a source's ids are recognised."""

    def roll(self, *, actor: str, grace: timedelta) -> RollReport: ...

    def switch(self, uref: Ref, to: Class, *, grant: Grant, recipient: X25519PublicKey | None = None) -> int: ...

    def settle(self) -> None:
        """Finish a switch of class that was set aside, before anything else is written."""

    def no_key(self, crefs: Sequence[bytes]) -> None:
        """Raises `Unverified` (`vault.key-held`) where a key of one of these is kept after all."""

    def counts(self) -> tuple[int, int]:
        """(subjects that are not shredded, conversations under a hold)."""

    def check(self) -> None:
        """Open every subject key and drop it again, and compare classes. Raises `Unverified`."""

    def close(self) -> None: ...
