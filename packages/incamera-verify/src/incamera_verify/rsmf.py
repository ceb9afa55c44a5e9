"""RSMF 2.0.0 natives: taken apart, linted, and compared with the row they must show.

The published schema checks neither references nor unknown keys, so a typing error validates silently; this lint does
both, and closes every channel by which a native could say more than its row: headers, names, custom fields, extra
attachments, archive comments.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json
from incamera_verify.native import ARCHIVE_NAME, CONTENT_TYPE, MANIFEST_NAME, ZIP_DATE, write

#: A native larger than this is refused before it is taken apart.
NATIVE_BYTES_MAX = 1 << 29

HEADERS = frozenset(
    name.lower()
    for name in (
        "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "X-RSMF-Version", "X-RSMF-Generator",
        "X-RSMF-BeginDate", "X-RSMF-EndDate", "X-RSMF-EventCount", "X-RSMF-Application", "X-RSMF-Custodian",
        "X-RSMF-Participants", "X-RSMF-AttachmentCount", "X-RSMF-EventCollectionID",
    )
)  # fmt: skip

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_TEXT, _LIST, _FLAG, _WHOLE = "string", "list", "flag", "whole number"

#: What each object may hold: name to (kind, required). Source: rsmf_schema_2_0_0.json, and our own closed world.
_SHAPES: Mapping[str, Mapping[str, tuple[str, bool]]] = {
    "manifest": {"version": (_TEXT, True), "eventcollectionid": (_TEXT, False), "participants": (_LIST, True),
                 "conversations": (_LIST, True), "events": (_LIST, True)},
    "participants": {"id": (_TEXT, True), "display": (_TEXT, False), "email": (_TEXT, False), "avatar": (_TEXT, False),
                     "account_id": (_TEXT, False), "custom": (_LIST, False)},
    "conversations": {"id": (_TEXT, True), "platform": (_TEXT, True), "participants": (_LIST, True), "display": (_TEXT, False),
                      "type": (_TEXT, False), "custodian": (_TEXT, False), "icon": (_TEXT, False), "custom": (_LIST, False)},
    "events": {"type": (_TEXT, True), "id": (_TEXT, False), "parent": (_TEXT, False), "body": (_TEXT, False),
               "participant": (_TEXT, False), "conversation": (_TEXT, False), "timestamp": (_TEXT, False),
               "deleted": (_FLAG, False), "importance": (_TEXT, False), "direction": (_TEXT, False), "custom": (_LIST, False),
               "reactions": (_LIST, False), "attachments": (_LIST, False), "edits": (_LIST, False),
               "read_receipts": (_LIST, False)},
    "custom": {"name": (_TEXT, True), "value": (_TEXT, True)},
    "reactions": {"value": (_TEXT, True), "count": (_WHOLE, False), "participants": (_LIST, False)},
    "attachments": {"id": (_TEXT, True), "display": (_TEXT, False), "size": (_WHOLE, False)},
    "edits": {"participant": (_TEXT, True), "timestamp": (_TEXT, False), "previous": (_TEXT, False), "new": (_TEXT, False)},
    "read_receipts": {"participant": (_TEXT, True), "timestamp": (_TEXT, False), "action": (_TEXT, False)},
}  # fmt: skip
_CHOICES = {
    ("conversations", "type"): {"direct", "channel"},
    ("events", "type"): {"message", "disclaimer", "join", "leave", "history", "unknown"},
    ("events", "importance"): {"normal", "high"},
    ("events", "direction"): {"incoming", "outgoing"},
    ("read_receipts", "action"): {"read", "delivered"},
}
_MAY_BE_EMPTY = {("events", "body"), ("edits", "previous"), ("edits", "new")}


@dataclass(frozen=True, slots=True)
class Native:
    """A linted RSMF file: its headers (names in lower case), extracted text and manifest."""

    headers: Mapping[str, str]
    text: str
    manifest: Mapping[str, Any]


def lint(data: bytes, where: str = "") -> Native:
    """Take a native apart and hold it to RSMF 2.0.0 and to this project's closed world.

    Raises:
        VerificationError: `rsmf.bad-container`, `rsmf.bad-archive`, `rsmf.bad-manifest`, `rsmf.dangling-reference`,
            `rsmf.wrong-count`.
    """
    headers, text, archive = _container(data, where)
    manifest = _archive(archive, where)
    _object("manifest", manifest, where)
    _references(manifest, where)
    _counts(headers, manifest, where)
    fixed = headers.get("content-type") == CONTENT_TYPE and headers.get("mime-version") == "1.0"
    if not fixed or _again(headers, text, manifest) != data:
        raise _container_flaw("there are bytes that no header, text or manifest makes", where)
    return Native(headers=headers, text=text, manifest=manifest)


def _again(headers: Mapping[str, str], text: str, manifest: Mapping[str, Any]) -> bytes:
    """What the parts make; nothing where they cannot make a native."""
    try:
        return write(headers, text, canonical(manifest))
    except (UnicodeError, VerificationError):
        return b""


# --- the message ------------------------------------------------------------------------------------------------------------


def _container(data: bytes, where: str) -> tuple[dict[str, str], str, bytes]:
    if len(data) > NATIVE_BYTES_MAX:
        raise _container_flaw("the native is larger than 512 MiB", where)
    if b"\n" in data.replace(b"\r\n", b""):
        raise _container_flaw("a line does not end in CRLF", where)
    message = BytesParser(policy=compat32).parsebytes(data)
    headers = {name.lower(): str(value) for name, value in message.items()}
    if len(headers) != len(message.items()) or not set(headers) <= HEADERS:
        raise _container_flaw("a header stands twice or has no place here", where)
    if headers.get("x-rsmf-version") != "2.0.0":
        raise _container_flaw("X-RSMF-Version is not 2.0.0", where)
    parts = message.get_payload()
    if message.get_content_type() != "multipart/mixed" or not isinstance(parts, list) or len(parts) != 2:
        raise _container_flaw("expected a text part and exactly one attachment", where)
    body, attached = parts
    if not isinstance(body, Message) or not isinstance(attached, Message):
        raise _container_flaw("a part is no MIME part", where)
    if message.preamble or (message.epilogue or "").strip() or any(part.defects for part in (message, body, attached)):
        raise _container_flaw("there is text outside the two parts, or the message is damaged", where)
    if body.get_content_type() != "text/plain" or attached.get_filename() != ARCHIVE_NAME:
        raise _container_flaw(f"expected text/plain and an attachment named {ARCHIVE_NAME}", where)
    try:
        return headers, _payload(body).decode("utf-8"), _payload(attached)
    except (UnicodeDecodeError, binascii.Error, ValueError):
        raise _container_flaw("a part is not base64, or the text is not UTF-8", where) from None


def _payload(part: Any) -> bytes:
    if str(part.get("Content-Transfer-Encoding", "")).lower() != "base64":
        raise ValueError
    return base64.b64decode(part.get_payload().replace("\r\n", "").replace("\n", ""), validate=True)


def _archive(data: bytes, where: str) -> dict[str, Any]:
    flaw = VerificationError("rsmf.bad-archive", f"expected a ZIP that holds {MANIFEST_NAME} and nothing else", where)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if [entry.filename for entry in entries] != [MANIFEST_NAME] or archive.comment:
                raise flaw
            entry = entries[0]
            if entry.comment or entry.extra or entry.date_time != ZIP_DATE or entry.compress_type != zipfile.ZIP_STORED:
                raise flaw
            content = archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise flaw from None
    value = load_json(content, "rsmf.bad-manifest", where)
    if not isinstance(value, dict):
        raise VerificationError("rsmf.bad-manifest", "the manifest is not an object", where)
    return value


def _container_flaw(hint: str, where: str) -> VerificationError:
    return VerificationError("rsmf.bad-container", hint, where)


# --- the manifest ---------------------------------------------------------------------------------------------------------------


def _object(kind: str, value: Any, where: str) -> None:
    """Hold *value* and all objects in it to `_SHAPES`."""
    shape = _SHAPES[kind]
    if not isinstance(value, dict) or not set(value) <= set(shape):
        raise VerificationError("rsmf.bad-manifest", "an object has a key that RSMF does not know", f"{where} {kind}")
    for name, (expected, required) in shape.items():
        here = f"{where} {kind}.{name}"
        if name not in value:
            if required:
                raise VerificationError("rsmf.bad-manifest", "a required key is missing", here)
            continue
        _member(kind, name, expected, value[name], here)
        if expected is _LIST and name in _SHAPES:
            for number, child in enumerate(value[name]):
                if not (kind in ("conversations", "reactions") and name == "participants"):
                    _object(name, child, f"{where} {kind}.{name}[{number}]")
    if kind == "manifest" and value["version"] != "2.0.0":
        raise VerificationError("rsmf.bad-manifest", "the manifest's version is not 2.0.0", where)


def _member(kind: str, name: str, expected: str, value: Any, where: str) -> None:
    types = {_TEXT: str, _LIST: list, _FLAG: bool, _WHOLE: int}
    if type(value) is not types[expected]:
        raise VerificationError("rsmf.bad-manifest", f"expected a {expected}", where)
    if expected is _TEXT and not value and (kind, name) not in _MAY_BE_EMPTY:
        raise VerificationError("rsmf.bad-manifest", "a string is empty", where)
    if (kind, name) in _CHOICES and value not in _CHOICES[kind, name]:
        raise VerificationError("rsmf.bad-manifest", "the value is none of RSMF's", where)
    if name == "timestamp" and not _TIMESTAMP.fullmatch(str(value)):
        raise VerificationError("rsmf.bad-manifest", "a time is not RFC 3339 in UTC, ending in Z", where)


def _references(manifest: Mapping[str, Any], where: str) -> None:
    people = _unique([person["id"] for person in manifest["participants"]], where)
    rooms = _unique([room["id"] for room in manifest["conversations"]], where)
    events = _unique([event["id"] for event in manifest["events"] if "id" in event], where)
    for room in manifest["conversations"]:
        _known([*room["participants"], *([room["custodian"]] if "custodian" in room else [])], people, f"{where} conversations")
    for number, event in enumerate(manifest["events"]):
        for name, known in (("participant", people), ("conversation", rooms), ("parent", events)):
            _known([event[name]] if name in event else [], known, f"{where} events[{number}].{name}")
    files = [
        name
        for kind in ("participants", "conversations")
        for item in manifest[kind]
        for name in ("avatar", "icon")
        if name in item
    ]
    if files or any(event.get("attachments") for event in manifest["events"]):
        raise VerificationError("rsmf.dangling-reference", "a file is named that the archive does not hold", where)


def _unique(ids: list[str], where: str) -> frozenset[str]:
    if len(set(ids)) != len(ids):
        raise VerificationError("rsmf.dangling-reference", "an id stands for two things", where)
    return frozenset(ids)


def _known(ids: list[Any], known: frozenset[str], where: str) -> None:
    if not set(map(str, ids)) <= known:
        raise VerificationError("rsmf.dangling-reference", "an id points at nothing", where)


def _counts(headers: Mapping[str, str], manifest: Mapping[str, Any], where: str) -> None:
    stamps = sorted(event["timestamp"] for event in manifest["events"] if "timestamp" in event)
    expected = {
        "x-rsmf-eventcount": str(len(manifest["events"])),
        "x-rsmf-attachmentcount": "0",
        "x-rsmf-begindate": stamps[0] if stamps else None,
        "x-rsmf-enddate": stamps[-1] if stamps else None,
        "x-rsmf-eventcollectionid": manifest.get("eventcollectionid"),
    }
    for name, value in expected.items():
        if headers.get(name, value) != value:
            raise VerificationError("rsmf.wrong-count", "a header does not agree with the manifest", f"{where} {name}")
