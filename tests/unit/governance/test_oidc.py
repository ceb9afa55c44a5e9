"""Sign-in against an OpenID provider that runs here, speaks the protocol, and can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

pytest.importorskip("authlib", reason="the extra incamera[oidc] is not installed")
import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.governance.oidc import OidcSettings, Provider

CLIENT = "incamera"
SECRET = "a client secret"
RSA = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Idp:
    """State of the provider; `claims` and `header` override what it would issue."""

    issuer: str = ""
    key: Any = field(default_factory=lambda: RSA)
    published: list[Any] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    sign_with: Any = None
    configuration: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    deny: bool = False
    no_token: bool = False
    hits: list[str] = field(default_factory=list)

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "user-17",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "groups": ["examiners"],
            "amr": ["pwd", "mfa"],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not ...}
        key = self.sign_with or self.key
        alg = {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}[key.key_type]
        return jwt.encode({"alg": alg, "kid": self.key.kid, **self.header}, claims, key, algorithms=[alg])


class Handler(BaseHTTPRequestHandler):
    idp: Idp

    def do_GET(self) -> None:
        idp, parts = self.idp, urlsplit(self.path)
        idp.hits.append(parts.path)
        if parts.path == "/.well-known/openid-configuration":
            base = idp.issuer
            found = {
                "issuer": base,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "jwks_uri": f"{base}/jwks",
            }
            self.answer({**found, **idp.configuration})
        elif parts.path == "/jwks":
            self.answer(KeySet([*idp.published, idp.key]).as_dict(private=False))
        elif parts.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            back = {"state": asked["state"]}
            if idp.deny:
                back["error"] = "access_denied"
            else:
                back["code"] = secrets.token_urlsafe(8)
                idp.codes[back["code"]] = asked
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = self.idp.codes.pop(body["code"][0], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(body["code_verifier"][0].encode()).digest()).rstrip(b"=").decode()
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".replace(" ", "%20").encode()).decode()
        plain = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = self.headers.get("Authorization") in (basic, plain)
        if asked is None or asked["code_challenge_method"] != "S256" or asked["code_challenge"] != challenge or not known:
            self.answer({"error": "invalid_grant"}, 400)
            return
        answer = {"access_token": "x", "token_type": "Bearer", "expires_in": 60}
        self.answer(answer if self.idp.no_token else {**answer, "id_token": self.idp.token(asked["nonce"])})

    def answer(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def idp() -> Iterator[Idp]:
    state = Idp()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"idp": state}))
    state.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def settings(idp: Idp, **changed: Any) -> OidcSettings:
    usual = OidcSettings(
        issuer=idp.issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        redirect_uri="http://127.0.0.1/callback",
        pseudonym_key=bytes(32),
        roles={"examiners": "examiner", "privacy-office": "rights"},
    )
    return replace(usual, **changed)


def sign_in(provider: Provider):
    started = provider.begin()
    sent = httpx.get(started.url, follow_redirects=False)
    return provider.finish(started, sent.headers["Location"])


def flaw(kind: type[Error], code: str, provider: Provider) -> Error:
    with pytest.raises(kind) as caught:
        sign_in(provider)
    assert caught.value.code == code
    return caught.value


def test_somebody_signs_in(idp: Idp) -> None:
    provider = Provider(settings(idp), clock=Now())
    identity = sign_in(provider)
    assert identity.roles == ("examiner",) and identity.how == "oidc" and identity.mfa
    assert identity.name.startswith("oidc:") and "user-17" not in identity.name
    assert sign_in(provider).name == identity.name
    assert sign_in(Provider(settings(idp, pseudonym_key=bytes([1] * 32)), clock=Now())).name != identity.name


def test_factors_are_what_the_provider_says_and_no_more(idp: Idp) -> None:
    idp.claims = {"amr": ["pwd"]}
    assert not sign_in(Provider(settings(idp), clock=Now())).mfa
    idp.claims = {"amr": ..., "acr": "gold"}
    assert not sign_in(Provider(settings(idp), clock=Now())).mfa
    assert sign_in(Provider(settings(idp, mfa_acr=("gold",)), clock=Now())).mfa
    idp.claims = {"amr": "mfa"}
    assert not sign_in(Provider(settings(idp), clock=Now())).mfa


def test_roles_are_the_holders_map(idp: Idp) -> None:
    idp.claims = {"groups": ["privacy-office", "examiners", "examiner", 3]}
    assert sign_in(Provider(settings(idp), clock=Now())).roles == ("examiner", "rights")
    for groups in (["examiner"], [], ..., "examiners"):
        idp.claims = {"groups": groups}
        flaw(Refused, "oidc.no-role", Provider(settings(idp), clock=Now()))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": ...},
        {"aud": "another client"},
        {"aud": ["another", "third"]},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "replayed"},
        {"nonce": ...},
        {"exp": 1},
        {"exp": ...},
        {"iat": 2**40},
        {"iat": int(time.time()) - 3600, "exp": 2**40},
        {"sub": ""},
        {"sub": ...},
        {"sub": 7},
    ],
)
def test_a_token_for_something_else_is_refused(idp: Idp, claims: dict[str, Any]) -> None:
    idp.claims = claims
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))


def test_several_audiences_need_the_authorized_party(idp: Idp) -> None:
    idp.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert sign_in(Provider(settings(idp), clock=Now())).mfa


def test_a_token_signed_by_somebody_else_is_refused(idp: Idp) -> None:
    idp.sign_with = RSAKey.generate_key(2048, {"kid": "one"})
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))


def test_a_mac_is_no_signature(idp: Idp) -> None:
    idp.sign_with = OctKey.import_key(SECRET * 3)
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))


def test_no_signature_is_no_signature(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsigned(nonce: str) -> str:
        _, payload, _ = Idp.token(idp, nonce).split(".")
        none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        return f"{none}.{payload}."

    monkeypatch.setattr(idp, "token", unsigned)
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))
    monkeypatch.setattr(idp, "token", lambda nonce: "not a token")
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))


def test_rotated_keys_are_fetched_and_withdrawn_keys_are_not_used(idp: Idp) -> None:
    provider = Provider(settings(idp), clock=Now())
    sign_in(provider)
    old = idp.key
    idp.key = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
    assert sign_in(provider).mfa
    assert idp.hits.count("/jwks") == 2
    idp.header, idp.sign_with = {"kid": "one"}, old
    flaw(Unverified, "oidc.bad-token", provider)


def test_the_browser_must_be_the_one_that_started(idp: Idp) -> None:
    provider = Provider(settings(idp), clock=Now())
    mine, other = provider.begin(), provider.begin()
    sent = httpx.get(other.url, follow_redirects=False).headers["Location"]
    with pytest.raises(Refused) as caught:
        provider.finish(mine, sent)
    assert caught.value.code == "oidc.denied"
    stolen = sent.replace(other.state, mine.state)  # even with the state: the code is bound to the other's verifier
    with pytest.raises(Refused):
        provider.finish(mine, stolen)


def test_a_code_is_good_once(idp: Idp) -> None:
    provider = Provider(settings(idp), clock=Now())
    started = provider.begin()
    sent = httpx.get(started.url, follow_redirects=False).headers["Location"]
    provider.finish(started, sent)
    with pytest.raises(Refused):
        provider.finish(started, sent)


def test_a_provider_that_says_no(idp: Idp) -> None:
    idp.deny = True
    flaw(Refused, "oidc.denied", Provider(settings(idp), clock=Now()))
    idp.deny, idp.no_token = False, True
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))


def test_a_wrong_client_secret(idp: Idp) -> None:
    flaw(Refused, "oidc.denied", Provider(settings(idp, client_secret="wrong"), clock=Now()))


@pytest.mark.parametrize("library", ["authlib.integrations.httpx_client", "joserfc"])
def test_without_the_extra_it_says_what_to_install(idp: Idp, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # how Python remembers that an import failed
    with pytest.raises(Unavailable, match=r"incamera\[oidc\]") as caught:
        Provider(settings(idp), clock=Now())
    assert caught.value.code == "oidc.not-installed"


def test_providers_that_cannot_be_used(idp: Idp) -> None:
    with pytest.raises(Malformed) as caught:
        Provider(settings(idp, issuer="http://idp.example"), clock=Now())
    assert caught.value.code == "oidc.insecure-issuer"
    with pytest.raises(Unavailable) as gone:
        Provider(settings(idp, issuer="http://127.0.0.1:9"), clock=Now(), timeout_s=0.5).begin()
    assert gone.value.code == "oidc.unreachable"
    idp.configuration = {"issuer": "http://127.0.0.1:1"}
    with pytest.raises(Unverified):
        Provider(settings(idp), clock=Now()).begin()
    idp.configuration = {"authorization_endpoint": 3}
    with pytest.raises(Unavailable):
        Provider(settings(idp), clock=Now()).begin()
    idp.configuration = {"token_endpoint": "http://elsewhere.example/token"}
    flaw(Malformed, "oidc.insecure-issuer", Provider(settings(idp), clock=Now()))


def test_secrets_stay_out_of_reprs(idp: Idp) -> None:
    provider = Provider(settings(idp), clock=Now())
    started = provider.begin()
    shown = repr(settings(idp)) + repr(started).replace(started.url, "")
    assert not any(secret in shown for secret in (SECRET, started.nonce, started.state, started.verifier))
