"""A server that does what the transit API says: keys, encrypt, decrypt, config, delete, and the errors it documents.

For tests where no OpenBao or Vault runs. It shows that requests and the reading of answers fit the documented contract, not that
they fit a release. Source: https://openbao.org/api-docs/secret/transit/.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from incamera.testing.loopback import serving


@dataclass
class TransitServer:
    """One engine, its keys, and what its policy refuses: beginnings of paths, after a method or not (`DELETE keys/`)."""

    token: str
    url: str = ""
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


class _Handler(BaseHTTPRequestHandler):
    state: TransitServer

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
        path = self.path.removeprefix("/v1/transit/")
        refused = any(f"{self.command} {path}".startswith(what) or path.startswith(what) for what in self.state.refused)
        if self.headers.get("X-Vault-Token") != self.state.token or refused:
            return self._answer(403, {"errors": ["permission denied"]})
        kind, name, *rest = path.split("/")
        handlers = {"keys": self._keys, "encrypt": self._encrypt, "decrypt": self._decrypt}
        return handlers[kind](name, rest, data)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names of the standard library

    def _keys(self, name: str, rest: list[str], data: dict[str, Any]) -> None:
        keys = self.state.keys
        key = keys.get(name)
        if self.command == "GET":
            return self._answer(200, {"data": {"name": name}}) if key else self._answer(404, {"errors": []})
        if rest == ["config"] and key:
            key["deletable"] = data["deletion_allowed"]
            return self._answer(204)
        if self.command == "DELETE":
            if not key or not key["deletable"]:
                return self._answer(400, {"errors": ["deletion is not allowed for this key"]})
            del keys[name]
            return self._answer(204)
        if data["type"] != "aes256-gcm96":
            return self._answer(400, {"errors": ["this engine has no such type"]})
        keys.setdefault(name, {"key": os.urandom(32), "deletable": False})
        return self._answer(204)

    def _encrypt(self, name: str, _rest: list[str], data: dict[str, Any]) -> None:
        key = self.state.keys.setdefault(name, {"key": os.urandom(32), "deletable": False})  # upsert, as the real engine does
        nonce = os.urandom(12)
        aad = base64.b64decode(data["associated_data"])
        sealed = nonce + AESGCM(key["key"]).encrypt(nonce, base64.b64decode(data["plaintext"]), aad)
        self._answer(200, {"data": {"ciphertext": f"vault:v1:{base64.b64encode(sealed).decode()}"}})

    def _decrypt(self, name: str, _rest: list[str], data: dict[str, Any]) -> None:
        key = self.state.keys.get(name)
        if key is None:
            return self._answer(400, {"errors": ["encryption key not found"]})
        try:
            sealed = base64.b64decode(data["ciphertext"].split(":")[2], validate=True)
            aad = base64.b64decode(data["associated_data"])
            plain = AESGCM(key["key"]).decrypt(sealed[:12], sealed[12:], aad)
        except (InvalidTag, ValueError, IndexError):
            return self._answer(400, {"errors": ["cipher: message authentication failed"]})
        return self._answer(200, {"data": {"plaintext": base64.b64encode(plain).decode()}})


@contextmanager
def transit_server(token: str) -> Iterator[TransitServer]:
    """A transit engine at `transit/` of a loopback address, for as long as the block runs."""
    state = TransitServer(token)
    with serving(_Handler, state=state) as state.url:
        yield state
