"""The key service of a home, opened by its address: the file under a passphrase, AWS KMS, a transit engine, a hardware module.

Addresses hold no secret. A passphrase or PIN is asked for where the service takes one, and only then; the others find their
credentials where their own clients look.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from incamera.clerk.passphrase import passphrase_from
from incamera.vault.kms import Kms, LocalKms
from incamera.vault.kms_address import Address, Aws, Local, Pkcs11, Transit, parse

__all__ = ["Address", "Local", "Passphrase", "open_service", "parse"]

#: A passphrase or PIN, or whoever can be asked for it.
Passphrase = str | Callable[[], str]


def open_service(address: Address, home: Path, passphrase: Passphrase, *, new: bool = False) -> Kms:
    """The service at *address*, for the home in this directory.

    Args:
        new: The home is being made: a local service gets its file.
    Raises:
        Unavailable: `vault.kms-*`, missing, away, or without permission; `home.no-passphrase`.
        Refused: `home.exposed-passphrase`. Malformed: `vault.kms-damaged`.
    """
    match address:
        case Local():
            file = home / "secrets" / "kms.json"
            return LocalKms.create(file, _said(passphrase)) if new else LocalKms.open(file, _said(passphrase))
        case Aws():
            from incamera.vault.kms_aws import AwsKms

            return AwsKms(region=address.region, account=address.account, endpoint=address.endpoint)
        case Transit():
            from incamera.vault.kms_transit import TransitKms

            return TransitKms(url=address.url, mount=address.mount, namespace=address.namespace)
        case Pkcs11():
            from incamera.vault.kms_pkcs11 import Pkcs11Kms

            pin = _said(passphrase) if address.pin_source is None else passphrase_from(address.pin_source)
            return Pkcs11Kms(address.module, token=address.token, serial=address.serial, pin=pin)


def _said(passphrase: Passphrase) -> str:
    return passphrase if isinstance(passphrase, str) else passphrase()
