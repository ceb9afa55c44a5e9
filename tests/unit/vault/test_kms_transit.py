"""The transit engine, against its HTTP contract: hvac is real, the server is a small one that does what the API says.

No package of OpenBao or Vault comes with Debian or PyPI, so this shows that our requests and our reading of the answers
fit the documented contract, not that they fit a release. Source: https://openbao.org/api-docs/secret/transit/.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from incamera.core.errors import Unavailable
from incamera.testing.kms_suite import CONTEXT, KEY, KmsSuite
from incamera.vault.kms_transit import TransitKms

hvac = pytest.importorskip("hvac", reason="hvac is in the extra kms")
TOKEN = "a-token-for-tests"


class _Transit(BaseHTTPRequestHandler):
    """keys, encrypt, decrypt, config, delete; errors as the API documents them."""

    keys: ClassVar[dict[str, dict[str, Any]]] = {}

    def log_message(self, *_: object) -> None: ...

    def _answer(self, status: int, body: dict[str, Any] | None = None) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        data = json.loads(self.rfile.read(size)) if size else {}
        if self.headers.get("X-Vault-Token") != TOKEN:
            return self._answer(403, {"errors": ["permission denied"]})
        kind, name, *rest = self.path.removeprefix("/v1/transit/").split("/")
        return getattr(self, f"_{kind}")(name, rest, data)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _keys(self, name: str, rest: list[str], data: dict[str, Any]) -> None:
        key = self.keys.get(name)
        if self.command == "GET":
            return self._answer(200, {"data": {"name": name}}) if key else self._answer(404, {"errors": []})
        if rest == ["config"] and key:
            key["deletable"] = data["deletion_allowed"]
            return self._answer(204)
        if self.command == "DELETE":
            if not key or not key["deletable"]:
                return self._answer(400, {"errors": ["deletion is not allowed for this key"]})
            del self.keys[name]
            return self._answer(204)
        assert data["type"] == "aes256-gcm96"
        self.keys.setdefault(name, {"key": os.urandom(32), "deletable": False})
        return self._answer(204)

    def _encrypt(self, name: str, _rest: list[str], data: dict[str, Any]) -> None:
        key = self.keys.setdefault(name, {"key": os.urandom(32), "deletable": False})  # upsert, as the real engine does
        nonce = os.urandom(12)
        aad = base64.b64decode(data["associated_data"])
        sealed = nonce + AESGCM(key["key"]).encrypt(nonce, base64.b64decode(data["plaintext"]), aad)
        self._answer(200, {"data": {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}"}})

    def _decrypt(self, name: str, _rest: list[str], data: dict[str, Any]) -> None:
        if name not in self.keys:
            return self._answer(400, {"errors": ["encryption key not found"]})
        try:
            sealed = base64.b64decode(data["ciphertext"].split(":")[2], validate=True)
            aad = base64.b64decode(data["associated_data"])
            plain = AESGCM(self.keys[name]["key"]).decrypt(sealed[:12], sealed[12:], aad)
        except (InvalidTag, ValueError, IndexError):
            return self._answer(400, {"errors": ["cipher: message authentication failed"]})
        return self._answer(200, {"data": {"plaintext": base64.b64encode(plain).decode()}})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Transit)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.filterwarnings("ignore")
class TestTransitKms(KmsSuite):
    @pytest.fixture
    def kms(self, url: str) -> Any:
        return TransitKms(url=url, token=TOKEN)

    def test_a_destroyed_epoch_is_not_born_again_by_wrapping(self, kms: Any) -> None:
        epoch = kms.new_epoch()
        kms.destroy(epoch)
        with pytest.raises(Unavailable) as caught:
            kms.wrap(epoch, KEY, CONTEXT)
        assert caught.value.code == "vault.epoch-destroyed"

    def test_a_wrong_token_is_told(self, url: str) -> None:
        with pytest.raises(Unavailable) as caught:
            TransitKms(url=url, token="another").new_epoch()
        assert caught.value.code == "vault.kms-permission"
        assert "another" not in str(caught.value)

    def test_a_server_that_is_away_is_told(self) -> None:
        with pytest.raises(Unavailable) as caught:
            TransitKms(url="http://127.0.0.1:1", token=TOKEN).new_epoch()
        assert caught.value.code == "vault.kms-away"
