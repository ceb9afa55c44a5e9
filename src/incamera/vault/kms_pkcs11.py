"""PKCS#11: epoch keys in a hardware module, AES-256, sensitive and not extractable, one object per epoch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from incamera.core.canon import canonical
from incamera.core.errors import Unavailable, Unverified
from incamera.core.ids import new_ref
from incamera.vault.kms import Context

LABEL = "incamera-epoch-"
DESTROYED = "incamera-destroyed-"
_NONCE_BYTES = 12
_TAG_BITS = 128


class Pkcs11Kms:
    """The port `Kms` over a PKCS#11 module, with AES-GCM inside the module and the context as associated data.

    `destroy` deletes the key object and leaves a data object of its name, which tells "destroyed" from "never had". Whether
    the module's own backups still hold the key is for its operator to settle.
    """

    name = "pkcs11"
    warning: str | None = None

    def __init__(self, module: Path, *, token: str | None = None, serial: bytes | None = None, pin: str) -> None:
        try:
            import pkcs11
        except ImportError:
            raise Unavailable("vault.kms-extra", "install `incamera[kms]` for PKCS#11") from None
        self._pkcs11: Any = pkcs11
        self._pin = pin
        try:
            self._token: Any = pkcs11.lib(str(module)).get_token(token_label=token, token_serial=serial)
        except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError):
            raise Unavailable(
                "vault.kms-away", "the module cannot be loaded, or has no such token, or several", where=module.name
            ) from None

    def __repr__(self) -> str:
        return "<Pkcs11Kms>"

    def new_epoch(self) -> str:
        """A fresh AES-256 key that cannot leave the module."""
        epoch = new_ref()
        attribute = self._pkcs11.Attribute
        with self._session() as session:
            session.generate_key(
                self._pkcs11.KeyType.AES,
                256,
                label=LABEL + epoch,
                id=bytes.fromhex(epoch),
                store=True,
                capabilities=self._pkcs11.MechanismFlag.ENCRYPT | self._pkcs11.MechanismFlag.DECRYPT,
                template={attribute.SENSITIVE: True, attribute.EXTRACTABLE: False, attribute.PRIVATE: True},
            )
        return epoch

    def wrap(self, epoch: str, key: bytes, context: Context) -> bytes:
        """*key* under the module's key of *epoch*: nonce, ciphertext, tag."""
        nonce = os.urandom(_NONCE_BYTES)
        with self._session() as session:
            return nonce + bytes(self._key(session, epoch).encrypt(key, **self._gcm(nonce, context)))

    def unwrap(self, epoch: str, blob: bytes, context: Context) -> bytes:
        """The wrapped key."""
        flaws = self._pkcs11.exceptions
        with self._session() as session:
            key = self._key(session, epoch)
            try:
                return bytes(key.decrypt(blob[_NONCE_BYTES:], **self._gcm(blob[:_NONCE_BYTES], context)))
            except (flaws.EncryptedDataInvalid, flaws.EncryptedDataLenRange, flaws.GeneralError, flaws.ArgumentsBad, ValueError):
                # SoftHSM answers a wrong tag with a general error; other modules with invalid data.
                raise Unverified(
                    "vault.not-authentic", "the module refuses the wrapped key: altered, or of another context", where=epoch
                ) from None

    def destroy(self, epoch: str) -> datetime:
        """Delete the key object. Idempotent."""
        attribute = self._pkcs11.Attribute
        with self._session() as session:
            for key in session.get_objects({attribute.LABEL: LABEL + epoch}):
                session.create_object(
                    {
                        attribute.CLASS: self._pkcs11.ObjectClass.DATA,
                        attribute.LABEL: DESTROYED + epoch,
                        attribute.TOKEN: True,
                        attribute.PRIVATE: True,
                        attribute.VALUE: b"",
                    }
                )
                key.destroy()
        return datetime.now(UTC)

    def _key(self, session: Any, epoch: str) -> Any:
        attribute = self._pkcs11.Attribute
        for key in session.get_objects({attribute.CLASS: self._pkcs11.ObjectClass.SECRET_KEY, attribute.LABEL: LABEL + epoch}):
            return key
        if list(session.get_objects({attribute.LABEL: DESTROYED + epoch})):
            raise Unavailable("vault.epoch-destroyed", "the epoch key was destroyed; what it wrapped cannot be read", where=epoch)
        raise Unavailable(
            "vault.epoch-unknown", "this KMS never had the epoch key; open it with the vault's own KMS", where=epoch
        )

    def _gcm(self, nonce: bytes, context: Context) -> dict[str, Any]:
        parameters = self._pkcs11.GCMParams(nonce, canonical(dict(context)), _TAG_BITS)
        return {"mechanism": self._pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}

    @contextmanager
    def _session(self) -> Iterator[Any]:
        flaws = self._pkcs11.exceptions
        try:
            opened = self._token.open(rw=True, user_pin=self._pin)
        except (flaws.PinIncorrect, flaws.PinInvalid, flaws.PinLenRange, flaws.PinLocked):
            raise Unavailable("vault.kms-permission", "the module refuses the PIN, or has locked it") from None
        except flaws.PKCS11Error:
            raise Unavailable("vault.kms-away", "the module opens no session") from None
        try:
            yield opened
        except flaws.PKCS11Error:
            raise Unavailable("vault.kms-away", "the module failed") from None
        finally:
            opened.close()
