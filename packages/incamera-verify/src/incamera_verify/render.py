"""How a cleared row reads: its extracted text, its RSMF manifest and its load-file record, as pure functions of
the public row.

The product writes its document lane with these functions and the verifier renders it again, so a native or a text file
can hold nothing that does not stand in a row under a recorded decision: not in a body, a display name or a custom field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from incamera_verify.canon import canonical
from incamera_verify.loadfile import FIELDS
from incamera_verify.logs import Replaced
from incamera_verify.native import CONTENT_TYPE

RSMF_VERSION = "2.0.0"
GENERATOR = "incamera"
ASSISTANT, TOOL, SYSTEM = "ASSISTANT", "TOOL", "SYSTEM"

Row = Mapping[str, Any]


class Document:
    """One numbered row as its text, native and load-file record show it. Nothing in them comes from anywhere else."""

    def __init__(self, row: Row, designation: str) -> None:
        self.row = row
        self.designation = designation

    @cached_property
    def text(self) -> str:
        """What a reviewer searches and reads: the whole conversation, branches included, line ends as LF."""
        row, record = self.row, self.row["record"]
        blocks = [f"{row['bates']}\n{self.designation}\nconversation {row['conversation']}"]
        blocks += [f"--- header {n}\n{part_text(part)}" for n, part in enumerate(record["header"], start=1)]
        blocks += [f"--- {_heading(n, turn)}\n{body(turn)}" for n, turn in enumerate(record["turns"], start=1)]
        blocks += missing_outputs(row)
        return "\n\n".join(blocks) + "\n"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The `rsmf_manifest.json` of the conversation.

        Source: RSMF 2.0.0 schema; `docs/formats/rsmf.md` has the mapping table.
        """
        row, events = self.row, _events(self.row)
        speakers = list(dict.fromkeys([custodian(row), *(e["participant"] for e in events if "participant" in e)]))
        room = {
            "id": row["conversation"],
            "platform": row.get("platform") or "unknown",
            "display": row["bates"],
            "type": "direct",
            "participants": speakers,
            "custodian": custodian(row),
            "custom": _custom(row, self.designation),
        }
        return {
            "version": RSMF_VERSION,
            "eventcollectionid": row["conversation"],
            "participants": [{"id": name, "display": name} for name in speakers],
            "conversations": [room],
            "events": events,
        }

    @cached_property
    def manifest_bytes(self) -> bytes:
        """The manifest as it stands in the native."""
        return canonical(self.manifest)

    @cached_property
    def headers(self) -> dict[str, str]:
        """Headers of the native's message, names in lower case, values as they stand on the line."""
        people = [person["id"] for person in self.manifest["participants"]]
        source = hashlib.sha256(self.manifest_bytes).hexdigest()[:32]
        headers = {
            "x-rsmf-version": RSMF_VERSION,
            "x-rsmf-generator": GENERATOR,
            "x-rsmf-eventcount": str(len(self.manifest["events"])),
            "x-rsmf-attachmentcount": "0",
            "x-rsmf-application": self.manifest["conversations"][0]["platform"],
            "x-rsmf-custodian": custodian(self.row),
            "x-rsmf-participants": ";".join(people),
            "x-rsmf-eventcollectionid": self.row["conversation"],
            "from": _mailbox(people[0]),
            "subject": self.row["bates"],
            "message-id": f"<{source}@rsmf.invalid>",
            "mime-version": "1.0",
            "content-type": CONTENT_TYPE,
        }
        if people[1:]:
            headers["to"] = ", ".join(_mailbox(name) for name in people[1:])
        if self._stamps:
            headers |= {"x-rsmf-begindate": self._stamps[0], "x-rsmf-enddate": self._stamps[-1]}
        return headers

    def record(self, *, volume: str, text_path: str, native_path: str, native: bytes, replaced: Replaced) -> dict[str, str]:
        """The load-file record.

        Args:
            native: Bytes of the RSMF file, for its hashes.
            replaced: What the redaction and withheld logs say of this conversation.
        """
        row, stamps, turns = self.row, self._stamps, self.row["record"]["turns"]
        weight = row.get("probability")
        md5, sha256 = hashes(native)
        known = {
            "BEGBATES": row["bates"],
            "ENDBATES": row["bates"],
            "PRODVOL": volume,
            "CUSTODIAN": custodian(row),
            "CONVERSATIONID": row["conversation"],
            "PLATFORM": scalar(row.get("platform")),
            "MODEL": "; ".join(dict.fromkeys(turn["llm"] for turn in turns if turn.get("llm"))),
            "DATESTART": _us_date(stamps[0]) if stamps else "",
            "TIMESTART": stamps[0][11:19] if stamps else "",
            "DATEEND": _us_date(stamps[-1]) if stamps else "",
            "MSGCOUNT": str(len(turns)),
            "USERTURNS": str(sum(turn["role"] == "user" for turn in turns)),
            "ASSTTURNS": str(sum(turn["role"] == "assistant" for turn in turns)),
            "LANGUAGE": scalar(row.get("language")),
            "STRATUM": scalar(row.get("stratum")),
            "SAMPLEWEIGHT": "/".join(reversed(weight.split("/"))) if weight else "",
            "DRAWRANK": scalar(row.get("rank")),
            "DELETEDFLAG": _flag(row["deletion_requested"]),
            "TEMPCHATFLAG": _flag(row["temporary"]),
            "PARTYACCOUNTFLAG": _flag(row["party_account"]),
            "TOOLUSE": _flag(any(turn["role"] == "tool" or turn.get("tool") for turn in turns)),
            "CONFIDENTIALITY": self.designation,
            "REDACTED": _flag(bool(replaced.reasons)),
            "REDACTIONREASONS": ";".join(sorted(replaced.reasons)),
            "REDACTEDCHARS": str(replaced.characters),
            "WITHHELDREASON": ";".join(sorted(replaced.withheld)),
            "MD5HASH": md5,
            "SHA256HASH": sha256,
            "TEXTPATH": text_path.replace("/", "\\"),
            "NATIVEPATH": native_path.replace("/", "\\"),
        }
        return {name: known.get(name, "") for name in FIELDS}

    @cached_property
    def _stamps(self) -> list[str]:
        return sorted(event["timestamp"] for event in self.manifest["events"] if "timestamp" in event)


# --- details of the text -------------------------------------------------------------------------------------------------


def body(turn: Mapping[str, Any]) -> str:
    """The parts of one turn as one text; every part that is not plain text is announced by its kind."""
    return "\n\n".join(part_text(part) for part in turn["parts"])


def part_text(part: Mapping[str, Any]) -> str:
    """One part's text, after its kind in brackets unless it is plain text."""
    return str(part["text"]) if part["kind"] == "text" else f"[{part['kind']}] {part['text']}"


def custodian(row: Row) -> str:
    """The participant that stands for the data subject: a random pseudonym, shortened for display."""
    return f"U-{row['subject'][:16]}" if row.get("subject") else "U"


def missing_outputs(row: Row) -> list[str]:
    """One slip per reason for which the source holds no answer to a prompt."""
    counts: Mapping[str, int] = row.get("outputs_missing") or {}
    return [f"[OUTPUT-MISSING: {reason}, {count}]" for reason, count in sorted(counts.items()) if count]


def _heading(number: int, turn: Mapping[str, Any]) -> str:
    marks = [f"{name} {turn[name]}" for name in ("llm", "tool") if turn.get(name)]
    if turn.get("parent") is not None:
        marks.append(f"after {turn['parent'] + 1}")
    marks += [word for word, on in (("other branch", not turn["active"]), ("hidden", turn["hidden"])) if on]
    marks += [f"source {source}" for source in turn.get("sources") or ()]
    return f"{number} {turn['role']}" + (f" ({'; '.join(marks)})" if marks else "")


# --- details of the manifest -------------------------------------------------------------------------------------------


def _mailbox(name: str) -> str:
    return f"{name} <{name.lower()}@participant.invalid>"


def _custom(row: Row, designation: str) -> list[dict[str, str]]:
    facts = {
        "bates": row["bates"],
        "designation": designation,
        "recipe": row["record"].get("recipe"),
        "decision": row["decision"],
        **{name: row.get(name) for name in ("stratum", "probability", "rank", "month", "region", "tier", "temporary",
                                            "deletion_requested", "party_account")},
    }  # fmt: skip
    return [{"name": name, "value": scalar(value)} for name, value in facts.items() if scalar(value)]


def scalar(value: Any) -> str:
    """A fact as a string; nothing for an absent one. RSMF accepts no other type and no empty value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}={scalar(item)}" for key, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return "; ".join(scalar(item) for item in value)
    return str(value)


def _events(row: Row) -> list[dict[str, Any]]:
    turns = row["record"]["turns"]
    ids = {turn["index"]: f"{row['bates']}.{n:04d}" for n, turn in enumerate(turns, start=1)}
    clock = _Timestamps(row)
    events: list[dict[str, Any]] = [
        {"id": f"{row['bates']}.H{n:03d}", "type": "history", "body": part_text(part), "conversation": row["conversation"]}
        for n, part in enumerate(row["record"]["header"], start=1)
    ]
    for turn in turns:
        who, direction = _speaker(row, turn["role"])
        event: dict[str, Any] = {
            "id": ids[turn["index"]],
            "type": "message",
            "body": body(turn),
            "participant": who,
            "conversation": row["conversation"],
            "direction": direction,
        }
        if turn.get("parent") in ids and turn["parent"] != turn["index"]:
            event["parent"] = ids[turn["parent"]]
        if stamp := clock.next(turn.get("at")):
            event["timestamp"] = stamp
        facts = {"llm": turn.get("llm"), "tool": turn.get("tool"), "sources": turn.get("sources"),
                 "branch": None if turn["active"] else "other", "hidden": "true" if turn["hidden"] else None}  # fmt: skip
        custom = [{"name": name, "value": scalar(value)} for name, value in facts.items() if scalar(value)]
        if custom:
            event["custom"] = custom
        events.append(event)
    events += [
        {"id": f"{row['bates']}.X{n:03d}", "type": "unknown", "body": slip, "conversation": row["conversation"]}
        for n, slip in enumerate(missing_outputs(row), start=1)
    ]
    return events


def _speaker(row: Row, role: str) -> tuple[str, str]:
    if role == "user":
        return custodian(row), "outgoing"
    return {"assistant": ASSISTANT, "tool": TOOL}.get(role, SYSTEM), "incoming"


class _Timestamps:
    """Times that keep the true order: a coarsened or missing time becomes the one before plus a second."""

    def __init__(self, row: Row) -> None:
        month = row.get("month")
        self._last = _instant(f"{month}-01T00:00:00+00:00") if month else None
        self._first = True

    def next(self, at: str | None) -> str | None:
        here = _instant(at) if at else None
        floor = self._last if self._first or self._last is None else self._last + timedelta(seconds=1)
        self._first = False
        moment = max((m for m in (here, floor) if m is not None), default=None)
        if moment is None:
            return None
        self._last = moment
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


# --- details of the load file --------------------------------------------------------------------------------------------


def hashes(native: bytes) -> tuple[str, str]:
    """MD5 (for older tools) and SHA-256 (which counts) of a native."""
    return hashlib.md5(native, usedforsecurity=False).hexdigest(), hashlib.sha256(native).hexdigest()


def _us_date(stamp: str) -> str:
    return f"{stamp[5:7]}/{stamp[8:10]}/{stamp[:4]}"


def _flag(value: bool) -> str:
    return "Y" if value else "N"
