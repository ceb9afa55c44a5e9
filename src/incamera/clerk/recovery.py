"""Recovery of held evidence: trustees are named while all is well; two of them open it when keys.db and the KMS are gone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from incamera.clerk.clock import SystemClock
from incamera.clerk.home import Home
from incamera.clerk.homefile import HomeFacts, read_facts
from incamera.clerk.keyservice import Local, Passphrase, open_service, parse
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ids import digest
from incamera.core.ports import Clock
from incamera.core.records import Entry
from incamera.governance import files
from incamera.vault.pairs import TRUSTEES
from incamera.vault.recovering import recover as recover_keys


def trustee_key(out: Path, passphrase: bytes | None) -> dict[str, Any]:
    """Make a trustee's key on the trustee's own machine: the private file stays there, the public line goes to the holder."""
    key = X25519PrivateKey.generate()
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    files.write_new(out, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection), private=True)
    return {"file": str(out), "public": key.public_key().public_bytes_raw().hex()}


def name_trustees(home: Home, keys: Mapping[str, str]) -> dict[str, Any]:
    """State the public keys of holder, neutral and court, once, before the holds that shall be recoverable.

    Raises:
        Malformed: `vault.bad-trustees`. Unavailable: `vault.exists`.
    """
    home.vault.recovery.name_trustees(keys)
    return {"trustees": sorted(keys)}


def recover(
    path: Path,
    *,
    passphrase: Passphrase,
    origin: str,
    keys: Mapping[str, Path],
    kms: str = Local.service,
    clock: Clock | None = None,
    secret: bytes | None = None,
) -> dict[str, Any]:
    """Bring held evidence back after keys.db and the KMS are gone, by the key files of two trustees.

    The home gets a key service anew (*kms*, its address), new keys and a new ledger under another name, whose first matter-less
    act names the last checkpoint of the old one; the old ledger stays beside it as `ledger.lost`, and the matters' working sets,
    sealed under keys that are gone, as `matters.lost`.

    Raises:
        Refused: `recovery.same-origin`, a log that has another key is another log; `recovery.not-lost`, the key file is still
            there; `vault.recovery-pair`, fewer than two trustees.
        Unverified: `vault.recovery-share`. Unavailable: `vault.exists`, `vault.nothing-to-recover`.
    """
    before = read_facts(path)
    address = parse(kms)
    if (path / "secrets" / "kms.json").exists():
        raise Refused("recovery.not-lost", "secrets/kms.json is there; move it away if it is of no use any more")
    if origin == before.origin:
        raise Refused("recovery.same-origin", "give the new ledger another name than the lost one's", where="--origin")
    private = {name: private_key(name, file, secret) for name, file in keys.items()}
    (path / "secrets").mkdir(mode=0o700, exist_ok=True)
    service = open_service(address, path, passphrase, new=True)
    try:
        saved = recover_keys(path, service, private, clock=clock or SystemClock())
    except BaseException:
        (path / "secrets" / "kms.json").unlink(missing_ok=True)  # nothing was recovered: the next attempt begins anew
        raise
    last = _set_aside(path)
    facts = HomeFacts(origin=origin, kms=address.text, demonstration=before.demonstration, broker=before.broker)
    home = Home.refound(path, facts, service, clock)
    with home:
        held = [hold for hold in home.vault.holds.all() if hold.released_at is None]
        lost = home.vault.stats().lost
        fields: dict[str, Any] = {"conversations": saved, "holds": len(held), "lost": lost, "trustees": sorted(keys)}
        if last is not None:
            fields["previous"] = digest(last)
        home.ledger.append(Entry(act="vault.recovered", matter="", actor="holder", fields=fields))
        return {**home.public(), "recovered": saved, "holds": [hold.id for hold in held], "lost": lost}


def _set_aside(path: Path) -> bytes | None:
    """Move what the lost keys had signed or sealed out of the way; returns the old log's last checkpoint."""
    checkpoint = path / "ledger" / "checkpoint"
    last = checkpoint.read_bytes() if checkpoint.exists() else None
    for name in ("ledger", "matters"):
        if (path / name).exists():
            number = sum(1 for _ in path.glob(f"{name}.lost*"))
            (path / name).rename(path / (f"{name}.lost-{number}" if number else f"{name}.lost"))
    return last


def private_key(name: str, file: Path, passphrase: bytes | None) -> X25519PrivateKey:
    """A trustee's private key from its file.

    Raises:
        Malformed: `recovery.unknown-trustee`. Refused: `governance.exposed-key`. Unavailable: `recovery.bad-key`.
    """
    if name not in TRUSTEES:
        raise Malformed("recovery.unknown-trustee", f"trustees are {', '.join(TRUSTEES)}", where="--key")
    if not files.is_private(file):
        raise Refused("governance.exposed-key", "others can read this private key: chmod 600 it", where=file.name)
    try:
        key = load_pem_private_key(files.read(file), passphrase)
    except (TypeError, ValueError):
        raise Unavailable(
            "recovery.bad-key", "no trustee's key, or its passphrase is missing or wrong", where=file.name
        ) from None
    if not isinstance(key, X25519PrivateKey):
        raise Unavailable(
            "recovery.bad-key", "expected an X25519 private key, as `incamera trustee keygen` makes it", where=file.name
        )
    return key
