"""Sign-in with OpenID Connect: the holder's identity provider says who somebody is, and with how many factors.

Authorization code with PKCE through Authlib; the ID token is verified with joserfc: signature under a published key, issuer,
audience, nonce, times. Groups of the provider become roles of the policies by the holder's own map; whoever is in none has none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from incamera.core.errors import Malformed, Refused, Unavailable, Unverified
from incamera.core.ports import Clock
from incamera.governance.identity import Identity

#: Signature algorithms of ID tokens. Never `none`, and never a MAC, whose key the client would share.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
SKEW_SECONDS: Final = 120
#: An ID token older than this was not made for this sign-in.
AGE_SECONDS_MAX: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """What the holder configures.

    Args:
        roles: Group of the provider -> role of the policies.
        mfa_acr: Values of `acr` that mean more than one factor; `mfa` in `amr` (RFC 8176) always does.
        pseudonym_key: Makes the ledger's name of a person from issuer and subject; 32 random bytes of the home.
    """

    issuer: str
    client_id: str
    redirect_uri: str
    pseudonym_key: bytes = field(repr=False)
    roles: Mapping[str, str]
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
        _check_address(settings.issuer)
        self._settings = settings
        self._clock = clock
        self._timeout_s = timeout_s
        self._metadata: dict[str, Any] | None = None
        self._keys: Any = None

    def begin(self) -> SignIn:
        """Start a sign-in: send the browser to `url`, keep the rest with the browser's session."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._client() as client:
            url, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier
            )
        return SignIn(url=url, state=state, nonce=nonce, verifier=verifier)

    def finish(self, sign_in: SignIn, callback_url: str) -> Identity:
        """Who came back.

        Args:
            callback_url: The full address to which the provider sent the browser.
        Raises:
            Refused: `oidc.denied`, the provider or the state says no; `oidc.no-role`, no group of this person has a role.
            Unverified: `oidc.bad-token`, the ID token does not hold: signature, issuer, audience, nonce or time.
            Unavailable: `oidc.unreachable`.
        """
        token = self._exchange(sign_in, callback_url)
        claims = self._verified(token, sign_in.nonce)
        settings = self._settings
        groups = claims.get(settings.groups_claim)
        named = groups if isinstance(groups, list) else []
        roles = tuple(sorted({settings.roles[group] for group in named if isinstance(group, str) and group in settings.roles}))
        if not roles:
            raise Refused("oidc.no-role", "no group of this person stands for a role")
        return Identity(name=self._pseudonym(claims["sub"]), roles=roles, how="oidc", mfa=self._mfa(claims))

    # --- the steps ---------------------------------------------------------------------------------------------------------

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
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unverified("oidc.bad-token", "the provider sent no ID token")
        return token

    def _verified(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that holds."""
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
                nonce={"essential": True, "value": nonce},
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

    def _endpoint(self, name: str) -> str:
        if self._metadata is None:
            found = self._get(self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise Unverified("oidc.bad-token", "the provider's configuration names another issuer")
            self._metadata = found
        address = self._metadata.get(name)
        if not isinstance(address, str):
            raise _unreachable()
        _check_address(address)
        return address

    def _published(self) -> Any:
        from joserfc.jwk import KeySet

        if self._keys is None:
            self._keys = KeySet.import_key_set(self._get(self._endpoint("jwks_uri")))  # type: ignore[arg-type]
        return self._keys

    def _get(self, address: str) -> dict[str, Any]:
        import httpx

        try:
            answer = httpx.get(address, timeout=self._timeout_s, follow_redirects=False)
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
            scope="openid",
            redirect_uri=settings.redirect_uri,
            code_challenge_method="S256",
            timeout=self._timeout_s,
        )


def _check_address(address: str) -> None:
    """https, or http to this very machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return
    raise Malformed("oidc.insecure-issuer", "an identity provider is reached by https")


def _unreachable() -> Unavailable:
    return Unavailable("oidc.unreachable", "the identity provider gave no usable answer")
