"""`home.toml`: what anybody may know of a home, and how a home of an earlier version is brought up to date."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.vault.keys import Keyring
from incamera.vault.kms import Kms
from incamera.vault.kms_address import Local, Pkcs11, parse

VERSION = "incamera/home/3"
#: Version 2 knew the local key service alone.
_LOCAL_ONLY = "incamera/home/2"
#: Version 1 kept each secret in a file of its own under the home's first epoch, which no roll ever reached.
EARLIER = "incamera/home/1"
_KEYS: Final = {"version", "origin", "kms", "demonstration", "broker"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFacts:
    """What `home.toml` says; no secret. `kms` is the address of the key service, `broker` the socket of a broker that runs as a
    process of its own.

    `epoch` is of version 1 only: the epoch of the KMS under which that version's secrets lie.
    """

    origin: str
    kms: str
    demonstration: bool = False
    broker: str | None = None
    epoch: str | None = None

    def to_toml(self) -> bytes:
        """The file, in the latest version."""
        lines = [f'version = "{VERSION}"', f"origin = {json.dumps(self.origin)}", f"kms = {json.dumps(self.kms)}"]
        lines += [f"demonstration = {str(self.demonstration).lower()}"]
        lines += [f"broker = {json.dumps(self.broker)}"] if self.broker else []
        return ("\n".join(lines) + "\n").encode()


def read_facts(path: Path) -> HomeFacts:
    """`home.toml` of the home at *path*, checked.

    Raises:
        Unavailable: `home.missing`. Malformed: `home.damaged`, `vault.kms-address`.
    """
    try:
        facts = tomllib.loads((path / "home.toml").read_text("utf-8"))
    except FileNotFoundError:
        raise Unavailable("home.missing", "no home here; make one with `incamera init --kms local`", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Malformed("home.damaged", "home.toml is not readable TOML", where=str(path)) from None
    if not _sound(facts):
        raise Malformed("home.damaged", f"home.toml is not an {VERSION} file", where=str(path))
    return HomeFacts(
        origin=facts["origin"],
        kms=parse(facts["kms"], where="home.toml").text,
        demonstration=facts.get("demonstration") is True,
        broker=facts.get("broker"),
        epoch=facts["epoch"] if facts["version"] == EARLIER else None,
    )


def _sound(facts: dict[str, Any]) -> bool:
    """Exactly the keys of its version, each of its kind."""
    version = facts.get("version")
    known = _KEYS | {"epoch"} if version == EARLIER else _KEYS
    needed = ["origin", "kms"] + (["epoch"] if version == EARLIER else [])
    texts = [facts.get(name) for name in needed] + [facts.get("broker", "")]
    return (
        version in (VERSION, _LOCAL_ONLY, EARLIER)
        and set(facts) <= known
        and all(isinstance(text, str) for text in texts)
        and isinstance(facts.get("demonstration", False), bool)
        and (version == VERSION or facts["kms"] == Local.service)
    )


def bring_secrets(path: Path, facts: HomeFacts, kms: Kms, keyring: Keyring) -> None:
    """Take the secrets of a version 1 home into its keyring, and then away from where they lay. Safe to be killed and repeated.

    Raises:
        Unavailable: `home.key-missing`, a secret is neither here nor there. Unverified: `vault.not-authentic`.
    """
    assert facts.epoch is not None
    for name in ("ledger", "manifest", "grant", "matter"):
        if keyring.secret(name) is not None:
            continue
        try:
            blob = (path / "secrets" / f"{name}.wrapped").read_bytes()
        except FileNotFoundError:
            raise key_missing(name) from None
        context = {"use": "incamera/home/secret/1", "origin": facts.origin, "name": name}
        keyring.keep_secret(name, kms.unwrap(facts.epoch, blob, context))


def remove_wrapped(path: Path) -> None:
    """The files of version 1: once `home.toml` says version 2, nothing reads them, and an old backup's epoch must die."""
    for wrapped in (path / "secrets").glob("*.wrapped"):
        wrapped.unlink()


def key_missing(name: str) -> Unavailable:
    """A secret that is not there."""
    return Unavailable("home.key-missing", "a key of this home is gone; restore keys.db from its backup", where=f"secret {name}")


def clear_remains(path: Path) -> None:
    """Remove what a creation that was cut short left: nothing was ever stored in it, for `home.toml` is written last.

    Raises:
        Refused: `home.not-empty`, something lies there that no creation makes.
    """
    remains = {"secrets", "vault", "ledger", "keys.db", "state.db"}
    found = {entry.name.removesuffix("-wal").removesuffix("-shm") for entry in path.iterdir()} if path.is_dir() else set()
    if not found <= remains:
        raise Refused("home.not-empty", "the directory holds something else; choose an empty one", where=str(path))
    for entry in list(path.iterdir()) if found else ():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def require_kms(path: Path, stated: str | None) -> None:
    """A local key file has to be said aloud: nobody answers an order under one without knowing it. What is said has to be so.

    Args:
        stated: The service (`local`, `aws-kms`, `transit`, `pkcs11`) or its whole address.
    Raises:
        Refused: `home.kms-not-stated`, `home.other-kms`.
    """
    address = parse(read_facts(path).kms, where="home.toml")
    if stated is None and isinstance(address, Local):
        raise Refused("home.kms-not-stated", "this home's keys are in a local file: say --kms local", where="--kms")
    if stated is not None and stated not in (address.service, address.text):
        raise Refused("home.other-kms", f"this home's keys are under {address.service}", where="--kms")


def require_passphrase(path: Path) -> None:
    """Raises `Refused` (`home.takes-no-passphrase`) where the home's key service finds its credentials elsewhere."""
    address = parse(read_facts(path).kms, where="home.toml")
    if not isinstance(address, Local) and not (isinstance(address, Pkcs11) and address.pin_source is None):
        raise Refused(
            "home.takes-no-passphrase", f"the service {address.service} finds its credentials elsewhere", where=str(path)
        )
