"""Sign-in with OpenID Connect: the holder's identity provider says who somebody is, and with how many factors.

Two ways in, both without a password here: authorization code with PKCE and a browser on this machine (RFC 8252), or a code
that is typed in on another one (RFC 8628). Authlib speaks the protocol; the ID token is verified with joserfc: signature under
a published key, issuer, audience, nonce, times. Groups of the provider become roles of the policies by the holder's own map;
whoever is in none has none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from incamera.core.errors import Malformed, Refused, Unavailable, Unverified
from incamera.core.ids import Digest, digest
from incamera.core.ports import Clock
from incamera.governance.identity import Identity

#: Signature algorithms of ID tokens. Never `none`, and never a MAC, whose key the client would share.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
SKEW_SECONDS: Final = 120
#: An ID token older than this was not made for this sign-in.
AGE_SECONDS_MAX: Final = 600
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
#: Bounds on what a provider may ask of us while somebody types a code.
_POLL_SECONDS: Final = (1, 60)
_DEVICE_SECONDS_MAX: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """What the holder configures.

    Args:
        redirect_uri: Where the provider sends the browser; not used by the way over another device.
        roles: Group of the provider -> role of the policies.
        mfa_acr: Values of `acr` that mean more than one factor; `mfa` in `amr` (RFC 8176) always does.
        pseudonym_key: Makes the ledger's name of a person from issuer and subject; 32 random bytes of the home.
    """

    issuer: str
    client_id: str
    pseudonym_key: bytes = field(repr=False)
    roles: Mapping[str, str]
    redirect_uri: str = ""
    scopes: tuple[str, ...] = ("openid",)
    client_secret: str | None = field(default=None, repr=False)
    groups_claim: str = "groups"
    mfa_acr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A sign-in under way: where to send the browser, and what must come back. Good once."""

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSignIn:
    """A sign-in on another device: the address to open there and the code to type; good until *expires_at*."""

    address: str
    code: str
    complete: str | None
    expires_at: datetime
    interval: float
    device_code: str = field(repr=False)
    nonce: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Who signed in, and the ID token that says so, by its digest: a token is good for one sign-in."""

    identity: Identity
    token: Digest


class Provider:
    """One identity provider, found by its issuer.

    Raises:
        Malformed: `oidc.insecure-issuer`, the issuer is not https (a loopback address may be http).
        Unavailable: `oidc.not-installed`, the extra is missing; `oidc.unreachable`, no usable answer from the provider.
    Privacy: the provider learns who signs in and when; the ledger learns a pseudonym.
    """

    def __init__(self, settings: OidcSettings, *, clock: Clock, timeout_s: float = 10.0) -> None:
        try:
            import authlib.integrations.httpx_client  # noqa: F401
            import joserfc  # noqa: F401
        except ImportError:
            raise Unavailable("oidc.not-installed", "install the extra: incamera[oidc]") from None
        check_address(settings.issuer)
        self._settings = settings
        self._clock = clock
        self._timeout_s = timeout_s
        self._metadata: dict[str, Any] | None = None
        self._keys: Any = None
        self._trust: Any = None

    def begin(self) -> SignIn:
        """Start a sign-in: send the browser to `url`, keep the rest with the browser's session."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._client() as client:
            url, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier
            )
        return SignIn(url=url, state=state, nonce=nonce, verifier=verifier)

    def finish(self, sign_in: SignIn, callback_url: str) -> Proof:
        """Who came back.

        Args:
            callback_url: The full address to which the provider sent the browser.
        Raises:
            Refused: `oidc.denied`, the provider or the state says no; `oidc.no-role`, no group of this person has a role.
            Unverified: `oidc.bad-token`, the ID token does not hold: signature, issuer, audience, nonce or time; the answer
                names another issuer (RFC 9207).
            Unavailable: `oidc.unreachable`.
        """
        self._check_issuer(callback_url)
        token = self._exchange(sign_in, callback_url)
        return self._proof(token, self._verified(token, sign_in.nonce, echoed=True))

    def over_device(self) -> bool:
        """Whether the provider lets somebody sign in on another device."""
        return isinstance(self._configuration().get("device_authorization_endpoint"), str)

    def begin_device(self) -> DeviceSignIn:
        """Start a sign-in on another device: show `address` and `code`, then `finish_device`.

        Raises:
            Unavailable: `oidc.no-device`, the provider has no such way; `oidc.unreachable`.
        """
        import httpx

        if not self.over_device():
            raise Unavailable("oidc.no-device", "this provider does not let one sign in on another device: use a browser here")
        settings, nonce = self._settings, secrets.token_urlsafe(32)
        asked = {"client_id": settings.client_id, "scope": " ".join(settings.scopes), "nonce": nonce}
        secret = (settings.client_id, settings.client_secret) if settings.client_secret else None
        try:
            address, tls = self._endpoint("device_authorization_endpoint"), self._tls()
            answer = httpx.post(address, data=asked, auth=secret, timeout=self._timeout_s, verify=tls)
            return self._device(answer.raise_for_status().json(), nonce)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise _unreachable() from None

    def finish_device(self, started: DeviceSignIn, *, wait: Callable[[float], None]) -> Proof:
        """Who typed the code, once they have; asks as often as the provider permits, until the code's time is over.

        Args:
            wait: Called with seconds, between two questions.
        Raises:
            Refused: `oidc.denied`; `oidc.expired`, nobody typed it in time; `oidc.no-role`.
            Unverified: `oidc.bad-token`. Unavailable: `oidc.unreachable`.
        Source: RFC 8628, section 3.5.
        """
        from authlib.common.errors import AuthlibBaseError
        from httpx import HTTPError

        interval = started.interval
        while self._clock.now() < started.expires_at:
            wait(interval)
            try:
                with self._client() as client:
                    answer = client.fetch_token(
                        self._endpoint("token_endpoint"), grant_type=DEVICE_GRANT, device_code=started.device_code
                    )
            except AuthlibBaseError as flaw:
                interval += _asked_too_soon(str(flaw.error))
            except HTTPError:  # a connection that timed out: ask less often
                interval *= 2
            except ValueError:
                raise _unreachable() from None
            else:
                token = _id_token(answer)
                # A provider that knows no nonce here sends none back; one that sends one back sends ours.
                return self._proof(token, self._verified(token, started.nonce, echoed=False))
        raise _expired()

    # --- the steps ---------------------------------------------------------------------------------------------------------

    def _device(self, answer: Any, nonce: str) -> DeviceSignIn:
        """What the provider answered, within bounds: it is shown on a terminal. Raises `ValueError`, `KeyError`, `TypeError`."""
        address, code, complete = answer["verification_uri"], answer["user_code"], answer.get("verification_uri_complete")
        for shown, longest in ((address, 400), (code, 40), (complete or "", 400)):
            if not isinstance(shown, str) or not shown.isprintable() or len(shown) > longest:
                raise ValueError
        for reached in filter(None, (address, complete)):
            check_address(reached)
        seconds = min(float(answer["expires_in"]), _DEVICE_SECONDS_MAX)
        shortest, longest_wait = _POLL_SECONDS
        return DeviceSignIn(
            address=address,
            code=code,
            complete=complete,
            expires_at=self._clock.now() + timedelta(seconds=seconds),
            interval=min(max(float(answer.get("interval", 5)), shortest), longest_wait),
            device_code=str(answer["device_code"]),
            nonce=nonce,
        )

    def _proof(self, token: str, claims: Mapping[str, Any]) -> Proof:
        """Roles and pseudonym of who the claims are about. Raises `Refused` (`oidc.no-role`)."""
        settings = self._settings
        groups = claims.get(settings.groups_claim)
        named = groups if isinstance(groups, list) else []
        roles = tuple(sorted({settings.roles[group] for group in named if isinstance(group, str) and group in settings.roles}))
        if not roles:
            raise Refused("oidc.no-role", "no group of this person stands for a role")
        identity = Identity(name=self._pseudonym(claims["sub"]), roles=roles, how="oidc", mfa=self._mfa(claims))
        return Proof(identity=identity, token=digest(token.encode()))

    def _exchange(self, sign_in: SignIn, callback_url: str) -> str:
        """The ID token for the code, by the back channel."""
        from authlib.common.errors import AuthlibBaseError
        from httpx import HTTPError

        try:
            with self._client() as client:
                answer = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    authorization_response=callback_url,
                    state=sign_in.state,
                    code_verifier=sign_in.verifier,
                    grant_type="authorization_code",
                )
        except AuthlibBaseError:
            raise Refused("oidc.denied", "the provider did not accept the sign-in, or the answer is not this browser's") from None
        except (HTTPError, ValueError):
            raise _unreachable() from None
        return _id_token(answer)

    def _check_issuer(self, callback_url: str) -> None:
        """That the answer is this provider's and not another one's that was mixed in. Source: RFC 9207."""
        named = parse_qs(urlsplit(callback_url).query).get("iss")
        expected = self._configuration().get("authorization_response_iss_parameter_supported") is True
        if (named is not None or expected) and named != [self._settings.issuer]:
            raise Unverified("oidc.bad-token", "the answer names another provider, or none")

    def _verified(self, token: str, nonce: str, *, echoed: bool) -> Mapping[str, Any]:
        """The claims of an ID token that holds; *echoed*: the nonce has to be there."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        try:
            try:
                decoded = jwt.decode(token, self._published(), algorithms=list(ALGORITHMS))
            except InvalidKeyIdError:  # the provider rotated its keys since we looked
                self._keys = None
                decoded = jwt.decode(token, self._published(), algorithms=list(ALGORITHMS))
            now = int(self._clock.now().timestamp())
            jwt.JWTClaimsRegistry(
                now=now,
                leeway=SKEW_SECONDS,
                iss={"essential": True, "value": self._settings.issuer},
                aud={"essential": True, "value": self._settings.client_id},
                nonce={"essential": echoed, "value": nonce},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as flaw:
            raise Unverified(
                "oidc.bad-token", f"the ID token does not hold: {getattr(flaw, 'error', '') or 'not a token'}"
            ) from None
        claims = decoded.claims
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._settings.client_id:
            raise Unverified("oidc.bad-token", "the ID token was made for another client")
        if claims["iat"] < now - AGE_SECONDS_MAX or not claims["sub"]:
            raise Unverified("oidc.bad-token", "the ID token is old, or names nobody")
        return claims

    def _mfa(self, claims: Mapping[str, Any]) -> bool:
        amr = claims.get("amr")
        return (isinstance(amr, list) and "mfa" in amr) or claims.get("acr") in self._settings.mfa_acr

    def _pseudonym(self, subject: str) -> str:
        message = f"{self._settings.issuer}\0{subject}".encode()
        return "oidc:" + hmac.new(self._settings.pseudonym_key, message, hashlib.sha256).hexdigest()[:32]

    # --- what the provider publishes ---------------------------------------------------------------------------------------

    def _configuration(self) -> dict[str, Any]:
        if self._metadata is None:
            found = self._get(self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise Unverified("oidc.bad-token", "the provider's configuration names another issuer")
            self._metadata = found
        return self._metadata

    def _endpoint(self, name: str) -> str:
        address = self._configuration().get(name)
        if not isinstance(address, str):
            raise _unreachable()
        check_address(address)
        return address

    def _published(self) -> Any:
        from joserfc.jwk import KeySet

        if self._keys is None:
            self._keys = KeySet.import_key_set(self._get(self._endpoint("jwks_uri")))  # type: ignore[arg-type]
        return self._keys

    def _get(self, address: str) -> dict[str, Any]:
        import httpx

        try:
            answer = httpx.get(address, timeout=self._timeout_s, follow_redirects=False, verify=self._tls())
            value = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            raise _unreachable() from None
        if not isinstance(value, dict):
            raise _unreachable()
        return value

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        settings = self._settings
        return OAuth2Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            token_endpoint_auth_method="client_secret_basic" if settings.client_secret else "none",
            scope=" ".join(settings.scopes),
            redirect_uri=settings.redirect_uri or None,
            code_challenge_method="S256",
            timeout=self._timeout_s,
            verify=self._tls(),
        )

    def _tls(self) -> Any:
        """The authorities that are trusted, read once: reading them takes longer than a question."""
        import httpx

        if self._trust is None:
            self._trust = httpx.create_ssl_context()
        return self._trust


def _id_token(answer: Mapping[str, Any]) -> str:
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise Unverified("oidc.bad-token", "the provider sent no ID token")
    return token


def _asked_too_soon(error: str) -> float:
    """By how many seconds to wait longer for the next question; raises where there is none."""
    match error:
        case "authorization_pending":
            return 0
        case "slow_down":
            return 5
        case "expired_token":
            raise _expired() from None
        case _:
            raise Refused("oidc.denied", "the provider did not accept the sign-in") from None


def _expired() -> Refused:
    return Refused("oidc.expired", "nobody typed the code in time: begin again")


def check_address(address: str) -> None:
    """https, or http to this very machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return
    raise Malformed("oidc.insecure-issuer", "an identity provider is reached by https")


def _unreachable() -> Unavailable:
    return Unavailable("oidc.unreachable", "the identity provider gave no usable answer")
