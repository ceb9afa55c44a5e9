"""Signing in at a terminal: a code that is typed in elsewhere, or a browser on this machine; recorded, whichever way it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from incamera.clerk import accounts, provider, session
from incamera.clerk.home import Home
from incamera.core.canon import instant
from incamera.core.errors import Refused, Unavailable, Unverified
from incamera.core.records import Entry
from incamera.governance.oidc import OidcSettings, Proof, Provider

Way = Literal["browser", "device"]
#: Told what a person has to do: the address to open, and the code to type there, if any.
Show = Callable[[dict[str, str]], None]

#: The client's secret, where the provider insists on one; never an argument, never in the home.
SECRET_VARIABLE: Final = "INCAMERA_OIDC_SECRET"  # noqa: S105 - its name
_PATH: Final = "/callback"
_BROWSER_SECONDS: Final = 300.0
_PAGE: Final = (
    b"<!doctype html><meta charset=utf-8><title>incamera</title><p>You may close this page and go back to the terminal.\n"
)


def name_provider(home: Home, file: Path, *, actor: str) -> dict[str, Any]:
    """Take an identity provider's settings from *file*. Raises as `provider.name`."""
    return _said(provider.name(home, file, known_roles=accounts.ROLES, actor=actor))


def show_provider(home: Home) -> dict[str, Any]:
    """The home's identity provider. Raises `Refused` (`signin.no-provider`, `signin.not-recorded`)."""
    return _said(provider.required(home))


def remove_provider(home: Home, *, actor: str) -> dict[str, Any]:
    """Do without an identity provider. Raises `Refused` (`signin.no-provider`, `signin.not-recorded`)."""
    return {"provider": provider.remove(home, actor=actor).digest, "removed": True}


def sign_in(home: Home, *, way: Way | None, show: Show, wait: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """Find out from the provider who is at this terminal, and remember it for as long as the home's settings say.

    Args:
        way: `device` or `browser`; by default the first that the provider has.
        show: Told what the person has to do.
    Raises:
        Refused: `signin.no-provider`, `signin.not-recorded`; `oidc.denied`, `oidc.expired`, `oidc.no-role`, `oidc.replayed`.
        Unverified: `oidc.bad-token`. Unavailable: `oidc.*`, `signin.no-answer`. Refusals are acts of the ledger.
    """
    settings = provider.required(home)
    try:
        proof = _proven(home, settings, way, show, wait)
        begun = session.begin(home, proof, settings)
    except (Refused, Unverified) as flaw:
        fields = {"code": flaw.code, "provider": settings.digest}
        home.ledger.append(Entry(act="person.refused", matter="", actor="nobody", fields=fields))
        raise
    return _who(home, begun)


def sign_out(home: Home) -> dict[str, Any]:
    """End the sign-in of this account of the machine. Raises `Refused` (`signin.none`)."""
    return {"person": session.end(home).person, "signed_out": True}


def who(home: Home) -> dict[str, Any]:
    """Who is signed in here, and as which account. Raises `Refused` (`signin.none`, `signin.ended`, ...)."""
    found = session.current(home)
    if found is None:
        raise Refused("signin.none", "nobody is signed in here: `incamera access sign-in`")
    return _who(home, found)


def _who(home: Home, found: session.Session) -> dict[str, Any]:
    return {
        "person": found.person,
        "accounts": accounts.of_person(home, found.person),
        "roles": list(found.roles),
        "mfa": found.mfa,
        "expires_at": instant(found.expires_at),
    }


def _said(settings: provider.Settings) -> dict[str, Any]:
    return {
        "issuer": settings.issuer,
        "client_id": settings.client_id,
        "roles": dict(settings.roles),
        "hours": settings.hours,
        "provider": settings.digest,
    }


def _proven(home: Home, settings: provider.Settings, way: Way | None, show: Show, wait: Callable[[float], None]) -> Proof:
    if way == "browser":
        return _in_browser(home, settings, show)
    found = Provider(_oidc(home, settings), clock=home.clock)
    if way is None and not found.over_device():
        return _in_browser(home, settings, show)
    started = found.begin_device()
    show({"open": started.complete or started.address, "code": started.code})
    return found.finish_device(started, wait=wait)


def _in_browser(home: Home, settings: provider.Settings, show: Show) -> Proof:
    """The provider sends the browser back to a port of this machine that listens for this one answer. Source: RFC 8252, 7.3."""
    with _Listener(("127.0.0.1", 0), _Callback) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        found = Provider(_oidc(home, settings, redirect_uri=address + _PATH), clock=home.clock)
        started = found.begin()
        server.expected = started.state
        show({"open": started.url})
        until = time.monotonic() + _BROWSER_SECONDS
        while server.came is None:
            server.timeout = until - time.monotonic()
            if server.timeout <= 0:
                raise Unavailable("signin.no-answer", "the browser did not come back in time: begin again")
            server.handle_request()
        return found.finish(started, address + server.came)


class _Listener(HTTPServer):
    """Listens for the one request that knows the state."""

    expected: str = ""
    came: str | None = None


class _Callback(BaseHTTPRequestHandler):
    """Takes that request; whatever else knocks is sent away."""

    timeout = 10
    server: _Listener

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        known = parts.path == _PATH and parse_qs(parts.query).get("state") == [self.server.expected]
        if known:
            self.server.came = self.path
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(_PAGE if known else b"")

    def log_message(self, *_: object) -> None:
        """Nothing: the code is in the request's line."""


def _oidc(home: Home, settings: provider.Settings, *, redirect_uri: str = "") -> OidcSettings:
    return OidcSettings(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=os.environ.get(SECRET_VARIABLE) or None,
        redirect_uri=redirect_uri,
        pseudonym_key=home.matter_key("", "people"),
        roles=settings.roles,
        groups_claim=settings.groups_claim,
        scopes=settings.scopes,
        mfa_acr=settings.mfa_acr,
    )
