"""An OpenID provider for tests: it runs here, speaks the protocol, and can be told to misbehave.

Authorization code with PKCE (RFC 7636), and sign-in on another device (RFC 8628). Everybody who comes is the same person.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from incamera.testing.loopback import serving

CLIENT = "incamera"
SECRET = "a client secret"  # noqa: S105 - of nobody
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@cache
def signing_key() -> Any:
    """One RSA key for all tests of a process: making it takes longer than they do."""
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@dataclass
class Idp:
    """State of the provider. `claims` (`...` leaves one out) and `header` override what it would issue."""

    issuer: str = ""
    public: bool = False
    key: Any = field(default_factory=signing_key)
    published: list[Any] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    sign_with: Any = None
    configuration: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    deny: bool = False
    no_token: bool = False
    names_itself: bool = False
    #: What the device's answer says besides or instead, and what polling is told, one after the other, before the token.
    device: dict[str, Any] = field(default_factory=dict)
    polls: list[str] = field(default_factory=list)
    echoes_nonce: bool = False
    #: Sent instead of a fresh token: a replay.
    again: str | None = None
    hits: list[str] = field(default_factory=list)

    def token(self, nonce: str | None) -> str:
        """An ID token, signed."""
        from joserfc import jwt

        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "user-17",
            "iat": now,
            "exp": now + 300,
            "jti": secrets.token_hex(8),
            "nonce": ... if nonce is None else nonce,
            "groups": ["examiners"],
            "amr": ["pwd", "mfa"],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not ...}
        key = self.sign_with or self.key
        alg = {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}[key.key_type]
        return jwt.encode({"alg": alg, "kid": self.key.kid, **self.header}, claims, key, algorithms=[alg])


class _Handler(BaseHTTPRequestHandler):
    idp: Idp

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        idp, parts = self.idp, urlsplit(self.path)
        idp.hits.append(parts.path)
        if parts.path == "/.well-known/openid-configuration":
            base = idp.issuer
            found = {
                "issuer": base,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "device_authorization_endpoint": f"{base}/device",
                "jwks_uri": f"{base}/jwks",
            }
            self._answer({name: value for name, value in {**found, **idp.configuration}.items() if value is not ...})
        elif parts.path == "/jwks":
            from joserfc.jwk import KeySet

            self._answer(KeySet([*idp.published, idp.key]).as_dict(private=False))
        elif parts.path == "/authorize":
            self._authorize({name: values[0] for name, values in parse_qs(parts.query).items()})
        else:
            self.send_error(404)

    def _authorize(self, asked: dict[str, str]) -> None:
        back = {"state": asked["state"], **({"iss": self.idp.issuer} if self.idp.names_itself else {})}
        if self.idp.deny:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(8)
            self.idp.codes[back["code"]] = asked
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(back)}")
        self.end_headers()

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        self.idp.hits.append(path)
        body = {
            name: values[0] for name, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
        }
        if not self._known(body):
            self._answer({"error": "invalid_client"}, 401)
        elif path == "/device":
            self._begin_device(body)
        elif body.get("grant_type") == DEVICE_GRANT:
            self._poll(body)
        else:
            self._exchange(body)

    def _known(self, body: dict[str, str]) -> bool:
        pairs = [f"{CLIENT}:{secret}" for secret in (SECRET, SECRET.replace(" ", "%20"), SECRET.replace(" ", "+"))]
        basic = {"Basic " + base64.b64encode(pair.encode()).decode() for pair in pairs}
        return self.headers.get("Authorization") in basic or (self.idp.public and body.get("client_id") == CLIENT)

    def _exchange(self, body: dict[str, str]) -> None:
        asked = self.idp.codes.pop(body["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if asked is None or (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", challenge):
            self._answer({"error": "invalid_grant"}, 400)
        else:
            self._give(asked["nonce"])

    def _begin_device(self, body: dict[str, str]) -> None:
        code = secrets.token_urlsafe(8)
        self.idp.codes[code] = body
        answer = {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.idp.issuer}/activate",
            "expires_in": 600,
            "interval": 1,
        }
        self._answer({name: value for name, value in {**answer, **self.idp.device}.items() if value is not ...})

    def _poll(self, body: dict[str, str]) -> None:
        asked = self.idp.codes.get(body["device_code"])
        if asked is None:
            self._answer({"error": "invalid_grant"}, 400)
        elif self.idp.polls:
            self._answer({"error": self.idp.polls.pop(0)}, 400)
        else:
            del self.idp.codes[body["device_code"]]
            self._give(asked["nonce"] if self.idp.echoes_nonce else None)

    def _give(self, nonce: str | None) -> None:
        answer = {"access_token": "x", "token_type": "Bearer", "expires_in": 60}
        token = self.idp.again or self.idp.token(nonce)
        self._answer(answer if self.idp.no_token else {**answer, "id_token": token})

    def _answer(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def idp_server() -> Iterator[Idp]:
    """A provider at a loopback address, for as long as the block runs."""
    state = Idp()
    with serving(_Handler, idp=state) as state.issuer:
        yield state
