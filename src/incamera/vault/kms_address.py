"""Which key service a home uses, in one line that names no secret: `local`, an ARN, a PKCS#11 URI, or `transit:` and a URL.

    local                                                            a file of the home, under a passphrase
    arn:aws:kms:eu-central-1:111122223333:key/*                      AWS KMS of one account in one region
    transit:https://bao.example:8200/transit                         a transit engine of OpenBao or Vault
    pkcs11:token=holder?module-path=/usr/lib/softhsm/libsofthsm2.so  one token of a hardware module

Every epoch has a root key of its own, which dies with it, so an address names the place of keys and never one key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from incamera.core.errors import Malformed

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_LENGTH_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Local:
    """The embedded service: a file of the home, under a passphrase."""

    service: ClassVar[str] = "local"
    text: str = "local"


@dataclass(frozen=True, slots=True)
class Aws:
    """AWS KMS. Credentials come from where the AWS clients look: environment, profile, instance or container role."""

    service: ClassVar[str] = "aws-kms"
    text: str
    region: str
    account: str
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Transit:
    """A transit engine. Its token comes from `VAULT_TOKEN`, `BAO_TOKEN` or `~/.vault-token`, or an agent here adds it."""

    service: ClassVar[str] = "transit"
    text: str
    url: str
    mount: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Pkcs11:
    """A token of a hardware module. Its PIN comes from the file *pin_source*, else from where a passphrase would.

    Source: RFC 7512.
    """

    service: ClassVar[str] = "pkcs11"
    text: str
    module: Path
    token: str | None = None
    serial: bytes | None = None
    pin_source: Path | None = None


Address = Local | Aws | Transit | Pkcs11


def parse(text: str, *, where: str = "--kms") -> Address:
    """The address that *text* writes.

    Raises:
        Malformed: `vault.kms-address`, with what is wrong; `vault.kms-address-secret`, it holds a secret. Neither repeats it.
    """
    if len(text) > _LENGTH_MAX or not text.isprintable() or " " in text:
        raise _bad("one line without blanks", where)
    if text == "local":
        return Local()
    if text.startswith("arn:"):
        return _aws(text, where)
    if text.startswith("transit:"):
        return _transit(text, where)
    if text.startswith("pkcs11:"):
        return _pkcs11(text, where)
    raise _bad("local, an ARN of AWS KMS, transit:https://HOST/MOUNT, or a PKCS#11 URI", where)


def _aws(text: str, where: str) -> Aws:
    head, _, query = text.partition("?")
    matched = re.fullmatch(r"arn:aws[a-z-]{0,20}:kms:([a-z]{2}[a-z0-9-]{3,30}):(\d{12}):key/\*", head, re.ASCII)
    if matched is None:
        raise _bad("an ARN is arn:aws:kms:REGION:ACCOUNT:key/*, the place of keys and not one key: each epoch has its own", where)
    asked = _query(query, {"endpoint"}, where)
    endpoint = asked.get("endpoint")
    if endpoint is not None:
        parts = _url(endpoint, where)
        if parts[1].strip("/"):
            raise _bad("an endpoint is https://HOST, without a path", where)
    return Aws(text, matched[1], matched[2], endpoint)


def _transit(text: str, where: str) -> Transit:
    address, _, query = text.removeprefix("transit:").partition("?")
    url, path = _url(address, where)
    mount = path.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", mount, re.ASCII) or ".." in mount:
        raise _bad("a transit engine is transit:https://HOST[:PORT]/MOUNT", where)
    return Transit(text, url, mount, _query(query, {"namespace"}, where).get("namespace"))


def _pkcs11(text: str, where: str) -> Pkcs11:
    path, _, query = text.removeprefix("pkcs11:").partition("?")
    if "pin-value" in text:
        hint = "a PIN has no place here, where others read it: use pin-source, or the passphrase's places"
        raise Malformed("vault.kms-address-secret", hint, where=where)
    named = _attributes(path.split(";") if path else [], {"token", "serial"}, where)
    asked = _attributes(query.split("&") if query else [], {"module-path", "pin-source"}, where)
    if not named or "module-path" not in asked:
        raise _bad("a PKCS#11 URI here names token or serial, and module-path after the ?", where)
    source = asked.get("pin-source")
    return Pkcs11(
        text,
        _absolute(_utf8(asked["module-path"], where), where),
        None if "token" not in named else _utf8(named["token"], where),
        named.get("serial"),
        None if source is None else _absolute(_utf8(source, where).removeprefix("file://").removeprefix("file:"), where),
    )


def _attributes(pairs: list[str], known: set[str], where: str) -> dict[str, bytes]:
    """Percent-encoded `name=value` attributes, each at most once and none that is not *known*."""
    found: dict[str, bytes] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not value or name in found or name not in known:
            raise _bad(f"a PKCS#11 URI takes each of {', '.join(sorted(known))} once", where)
        found[name] = unquote_to_bytes(value)
    return found


def _query(text: str, known: set[str], where: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True) if text else []
    if len(dict(pairs)) != len(pairs) or not {name for name, _ in pairs} <= known or not all(value for _, value in pairs):
        raise _bad(f"after the ? may stand {', '.join(sorted(known))}, once", where)
    return dict(pairs)


def _url(text: str, where: str) -> tuple[str, str]:
    """(scheme and authority, path) of an https address; http reaches this machine only."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _bad("this is no web address", where) from None
    if "@" in parts.netloc:
        raise Malformed("vault.kms-address-secret", "no name and no password has a place in the address", where=where)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise _bad("a key service is reached by https; by http on this machine only", where)
    if parts.query or parts.fragment:
        raise _bad("this is no web address", where)
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _absolute(path: str, where: str) -> Path:
    if not path.startswith("/") or "\0" in path:
        raise _bad("module-path and pin-source are absolute paths", where)
    return Path(path)


def _utf8(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _bad("an attribute is not UTF-8", where) from None


def _bad(hint: str, where: str) -> Malformed:
    return Malformed("vault.kms-address", hint, where=where)
