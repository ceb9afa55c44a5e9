"""Sign-in against an OpenID provider that runs here, speaks the protocol, and can be told to misbehave."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("authlib", reason="the extra incamera[oidc] is not installed")
import httpx
from joserfc.jwk import ECKey, OctKey, RSAKey

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.governance.identity import Identity
from incamera.governance.oidc import DeviceSignIn, OidcSettings, Proof, Provider
from incamera.testing.idp import CLIENT, SECRET, Idp, idp_server


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def idp() -> Iterator[Idp]:
    with idp_server() as state:
        yield state


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


def sign_in(provider: Provider) -> Identity:
    started = provider.begin()
    sent = httpx.get(started.url, follow_redirects=False)
    return provider.finish(started, sent.headers["Location"]).identity


def on_a_device(provider: Provider, wait: Callable[[float], None] = lambda _: None) -> Proof:
    return provider.finish_device(provider.begin_device(), wait=wait)


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


# --- which provider answers (RFC 9207) ---------------------------------------------------------------------------------


def test_an_answer_that_names_another_provider_is_refused(idp: Idp) -> None:
    idp.configuration = {"authorization_response_iss_parameter_supported": True}
    flaw(Unverified, "oidc.bad-token", Provider(settings(idp), clock=Now()))
    idp.names_itself = True
    provider = Provider(settings(idp), clock=Now())
    assert sign_in(provider).mfa
    started = provider.begin()
    sent = httpx.get(started.url, follow_redirects=False).headers["Location"]
    with pytest.raises(Unverified, match=r"oidc\.bad-token"):
        provider.finish(started, sent.replace("&iss=", "&iss=https%3A%2F%2Felsewhere.example&iss="))


# --- on another device (RFC 8628) --------------------------------------------------------------------------------------


def test_somebody_signs_in_on_another_device(idp: Idp) -> None:
    idp.polls = ["authorization_pending", "authorization_pending", "slow_down", "authorization_pending"]
    provider, waited = Provider(settings(idp), clock=Now()), list[float]()
    started = provider.begin_device()
    assert (started.address, started.code, started.complete) == (f"{idp.issuer}/activate", "WDJB-MJHT", None)
    proof = provider.finish_device(started, wait=waited.append)
    assert waited == [1, 1, 1, 6, 6], "slower once it was asked to be"
    assert proof.identity == sign_in(provider), "the same person, whichever way"
    assert len(proof.token) == 64 and proof.token != on_a_device(provider).token


def test_a_public_client_signs_in(idp: Idp) -> None:
    idp.public = True
    provider = Provider(settings(idp, client_secret=None, scopes=("openid", "groups")), clock=Now())
    assert on_a_device(provider).identity == sign_in(provider)


@pytest.mark.parametrize(
    ("error", "code"),
    [("access_denied", "oidc.denied"), ("expired_token", "oidc.expired"), ("invalid_grant", "oidc.denied"), ("", "oidc.denied")],
)
def test_a_device_that_is_refused(idp: Idp, error: str, code: str) -> None:
    idp.polls = ["authorization_pending", error]
    with pytest.raises(Refused) as caught:
        on_a_device(Provider(settings(idp), clock=Now()))
    assert caught.value.code == code


def test_a_code_that_nobody_types_ends(idp: Idp) -> None:
    class Passing:
        at = datetime.now(UTC)

        def now(self) -> datetime:
            return self.at

    clock = Passing()

    def wait(seconds: float) -> None:
        clock.at += timedelta(seconds=seconds)

    idp.device, idp.polls = {"expires_in": 10**9, "interval": 10**9}, ["authorization_pending"] * 100
    with pytest.raises(Refused) as caught:
        on_a_device(Provider(settings(idp), clock=clock), wait)
    assert caught.value.code == "oidc.expired"
    assert len(idp.polls) == 70, "half an hour at most, whatever the provider says"


def test_a_broken_connection_is_asked_again_less_often(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    from authlib.integrations.httpx_client import OAuth2Client

    true, waited, broken = OAuth2Client.fetch_token, list[float](), [httpx.ReadTimeout("x"), httpx.ConnectError("x")]

    def fetch(*arguments: Any, **named: Any) -> Any:
        if broken:
            raise broken.pop()
        return true(*arguments, **named)

    monkeypatch.setattr(OAuth2Client, "fetch_token", fetch)
    assert on_a_device(Provider(settings(idp), clock=Now()), waited.append).identity.mfa
    assert waited == [1, 2, 4]


@pytest.mark.parametrize(
    "device",
    [
        {"verification_uri": "http://elsewhere.example/activate"},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"verification_uri": "https://idp.example/\u001b[2J"},
        {"user_code": "A\nB"},
        {"user_code": "A" * 41},
        {"user_code": ...},
        {"device_code": ...},
        {"expires_in": "soon"},
        {"expires_in": ...},
        {"interval": []},
    ],
)
def test_what_would_be_shown_is_looked_at_first(idp: Idp, device: dict[str, Any]) -> None:
    idp.device = device
    with pytest.raises(Error) as caught:
        Provider(settings(idp), clock=Now()).begin_device()
    assert caught.value.code in ("oidc.unreachable", "oidc.insecure-issuer")


def test_a_provider_without_devices(idp: Idp) -> None:
    idp.configuration = {"device_authorization_endpoint": ...}
    provider = Provider(settings(idp), clock=Now())
    assert not provider.over_device()
    with pytest.raises(Unavailable, match=r"oidc\.no-device"):
        provider.begin_device()


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"nonce": "replayed"},
        {"azp": "another"},
        {"sub": ...},
    ],
)
def test_a_devices_token_is_held_to_the_same(idp: Idp, claims: dict[str, Any]) -> None:
    idp.claims = claims
    with pytest.raises(Unverified, match=r"oidc\.bad-token"):
        on_a_device(Provider(settings(idp), clock=Now()))


def test_a_nonce_that_comes_back_is_ours(idp: Idp) -> None:
    idp.echoes_nonce = True
    provider = Provider(settings(idp), clock=Now())
    first = provider.begin_device()
    assert provider.finish_device(first, wait=lambda _: None).identity.mfa
    idp.again = idp.token(first.nonce)  # a token of another sign-in is not taken for this one
    with pytest.raises(Unverified, match=r"oidc\.bad-token"):
        on_a_device(provider)
    idp.again, idp.no_token = None, True
    with pytest.raises(Unverified, match=r"oidc\.bad-token"):
        on_a_device(provider)


def test_a_devices_secrets_stay_out_of_reprs(idp: Idp) -> None:
    started: DeviceSignIn = Provider(settings(idp), clock=Now()).begin_device()
    assert started.device_code not in repr(started) and started.nonce not in repr(started)


def test_secrets_stay_out_of_reprs(idp: Idp) -> None:
    provider = Provider(settings(idp), clock=Now())
    started = provider.begin()
    shown = repr(settings(idp)) + repr(started).replace(started.url, "")
    assert not any(secret in shown for secret in (SECRET, started.nonce, started.state, started.verifier))
