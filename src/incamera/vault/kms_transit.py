"""OpenBao or HashiCorp Vault, transit engine: one key per epoch, made deletable when the epoch is destroyed."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from typing import Any

from incamera.core.canon import canonical
from incamera.core.errors import Error, Unavailable, Unverified
from incamera.core.ids import new_ref
from incamera.vault.kms import Context

PREFIX = "incamera-"


class TransitKms:
    """The port `Kms` over a transit engine (`aes256-gcm96` keys; the context is authenticated as associated data).

    Needs a token whose policy allows `create`, `update` and `delete` on `<mount>/keys/incamera-*` with its `config`, and `update`
    on `<mount>/encrypt/incamera-*` and `<mount>/decrypt/incamera-*`. Keys are neither exportable nor backed up in the clear.
    """

    name = "transit"
    warning: str | None = None

    def __init__(
        self,
        client: Any = None,
        *,
        url: str | None = None,
        token: str | None = None,
        mount: str = "transit",
        namespace: str | None = None,
    ) -> None:
        self._client = client or _connect(url, token, namespace)
        self._mount = mount

    def __repr__(self) -> str:
        return f"<TransitKms {self._mount}>"

    def new_epoch(self) -> str:
        """A fresh transit key under a random name."""
        epoch = new_ref()
        self._write(f"keys/{PREFIX}{epoch}", epoch, type="aes256-gcm96", exportable=False, allow_plaintext_backup=False)
        return epoch

    def wrap(self, epoch: str, key: bytes, context: Context) -> bytes:
        """*key* under the transit key of *epoch*."""
        self._exists(epoch)
        answer = self._write(
            f"encrypt/{PREFIX}{epoch}", epoch, plaintext=_text(key), associated_data=_text(canonical(dict(context)))
        )
        return str(answer["data"]["ciphertext"]).encode()

    def unwrap(self, epoch: str, blob: bytes, context: Context) -> bytes:
        """The wrapped key."""
        self._exists(epoch)
        answer = self._write(
            f"decrypt/{PREFIX}{epoch}",
            epoch,
            ciphertext=blob.decode("ascii", "replace"),
            associated_data=_text(canonical(dict(context))),
        )
        return base64.b64decode(answer["data"]["plaintext"])

    def destroy(self, epoch: str) -> datetime:
        """Allow deletion, and delete. Backups of the server's own storage are its operator's to expire."""
        if self._find(epoch) is not None:
            self._write(f"keys/{PREFIX}{epoch}/config", epoch, deletion_allowed=True)
            self._call("delete", f"keys/{PREFIX}{epoch}", epoch)
            # A name that was used stays used: its place tells "destroyed" from "never had".
            self._write(f"keys/{PREFIX}{epoch}-destroyed", epoch, type="aes256-gcm96")
        return datetime.now(UTC)

    def _exists(self, epoch: str) -> None:
        # Transit makes a key that is missing on `encrypt`: asked for first, so that a destroyed epoch is not born again.
        if self._find(epoch) is None:
            if self._find(f"{epoch}-destroyed") is not None:
                raise Unavailable(
                    "vault.epoch-destroyed", "the epoch key was destroyed; what it wrapped cannot be read", where=epoch
                )
            raise Unavailable(
                "vault.epoch-unknown", "this KMS never had the epoch key; open it with the vault's own KMS", where=epoch
            )

    def _find(self, epoch: str) -> Any:
        return self._call("read", f"keys/{PREFIX}{epoch}", epoch)

    def _write(self, path: str, epoch: str, **data: Any) -> dict[str, Any]:
        answer = self._call("write_data", path, epoch, data=data)
        return answer if isinstance(answer, dict) else {}

    def _call(self, action: str, path: str, epoch: str, **arguments: Any) -> Any:
        from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultError
        from requests.exceptions import RequestException

        try:
            return getattr(self._client, action)(f"{self._mount}/{path}", **arguments)
        except InvalidPath:
            return None
        except InvalidRequest:
            raise self._invalid(path, epoch) from None
        except (Forbidden, Unauthorized):
            raise Unavailable("vault.kms-permission", "the server refuses this token; check its policy", where=epoch) from None
        except (VaultError, RequestException):
            raise Unavailable("vault.kms-away", "the transit server cannot be reached, or is sealed", where=epoch) from None

    @staticmethod
    def _invalid(path: str, epoch: str) -> Error:
        if path.startswith("decrypt/"):
            return Unverified(
                "vault.not-authentic", "the server refuses the wrapped key: altered, or of another context", where=epoch
            )
        return Unavailable("vault.kms-away", "the transit server refuses the request; check its version and mount", where=epoch)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _connect(url: str | None, token: str | None, namespace: str | None) -> Any:
    """A client with the token that was given, or that of `BAO_TOKEN`, or of the places where hvac looks: `VAULT_TOKEN` and
    `~/.vault-token`. Without any, an agent on this machine may add its own."""
    try:
        import hvac
    except ImportError:
        raise Unavailable("vault.kms-extra", "install `incamera[kms]` for OpenBao or Vault") from None
    return hvac.Client(url=url, token=token or os.environ.get("BAO_TOKEN") or None, namespace=namespace, timeout=20)
