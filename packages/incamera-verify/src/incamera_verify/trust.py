"""The trust file: keys and checkpoints that a reader pinned outside of the volume. Without it nothing says who signed.

version = "incamera/trust/1"

[log]
origin = "holder.example/ledger"
keys = ["holder.example/ledger+1a2b3c4d+..."]      # every key must have signed

[manifest]
keys = ["holder.example/production+..."]           # one of them must have signed

[matter]                                           # optional: the matter and order this volume must answer
id = "..."
order = "<sha-256 of the order>"

[[checkpoint]]                                     # optional: states of the log seen earlier
note = '''...'''
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from incamera_verify.errors import VerificationError
from incamera_verify.note import Algorithm, Checkpoint, Verifier, open_checkpoint

VERSION = "incamera/trust/1"


@dataclass(frozen=True, slots=True)
class Trust:
    """Pinned keys of log and manifest, the matter expected, and earlier states of the log, each signature checked."""

    origin: str
    log: tuple[Verifier, ...]
    manifest: tuple[Verifier, ...]
    checkpoints: tuple[Checkpoint, ...] = ()
    matter: str | None = None
    order: str | None = None

    def with_checkpoints(self, notes: Iterable[tuple[str, bytes]]) -> Trust:
        """The same trust with more pinned checkpoints, given as (place, signed note).

        Raises:
            VerificationError: those of `note.open_checkpoint`.
        """
        more = tuple(open_checkpoint(data, self.log, where=where) for where, data in notes)
        return replace(self, checkpoints=self.checkpoints + more)

    @classmethod
    def parse(cls, data: bytes, where: str = "the trust file") -> Trust:
        """Read a trust file strictly: an unknown key is an error, since a misspelt pin would pin nothing.

        Raises:
            VerificationError: `trust.malformed`, `trust.unknown-key`, `note.bad-key`, and those of pinned checkpoints.
        """
        try:
            table = tomllib.loads(data.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise VerificationError("trust.malformed", "the file is not UTF-8 TOML", where) from None
        _known(table, {"version", "log", "manifest", "matter", "checkpoint"}, "", where)
        if table.get("version") != VERSION:
            raise VerificationError("trust.malformed", f'expected version = "{VERSION}"', where)
        log, manifest, matter = (_section(table, name, where) for name in ("log", "manifest", "matter"))
        _known(log, {"origin", "keys"}, "log.", where)
        _known(manifest, {"keys"}, "manifest.", where)
        _known(matter, {"id", "order"}, "matter.", where)
        origin = log.get("origin")
        keys = _keys(log, "log", where)
        if not isinstance(origin, str) or any(key.name != origin for key in keys):
            raise VerificationError("trust.malformed", "log.origin is not the name of every key in log.keys", where)
        if not any(key.algorithm is Algorithm.ED25519 for key in keys):
            raise VerificationError("trust.malformed", "log.keys names no Ed25519 key of the log", where)
        trust = cls(
            origin, keys, _keys(manifest, "manifest", where), (), _text(matter, "id", where), _text(matter, "order", where)
        )
        return trust.with_checkpoints(_notes(table, where))

    def to_toml(self, notes: Iterable[bytes] = ()) -> bytes:
        """A trust file with these pins and the signed *notes* of earlier checkpoints."""
        lines = [f'version = "{VERSION}"', "", "[log]", f"origin = {_quote(self.origin)}", f"keys = {_list(self.log)}", ""]
        lines += ["[manifest]", f"keys = {_list(self.manifest)}"]
        pins = [(name, value) for name, value in (("id", self.matter), ("order", self.order)) if value is not None]
        if pins:
            lines += ["", "[matter]", *(f"{name} = {_quote(value)}" for name, value in pins)]
        for note in notes:
            lines += ["", "[[checkpoint]]", f"note = '''\n{note.decode()}'''"]
        return ("\n".join(lines) + "\n").encode()


def _list(keys: Iterable[Verifier]) -> str:
    return "[" + ", ".join(_quote(key.text) for key in keys) + "]"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a TOML basic string


def _section(table: dict[str, Any], name: str, where: str) -> dict[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise VerificationError("trust.malformed", f"[{name}] is not a section", where)
    return value


def _known(table: dict[str, Any], names: set[str], prefix: str, where: str) -> None:
    for key in sorted(set(table) - names):
        raise VerificationError(
            "trust.unknown-key", "the trust file has a key this version does not know", f"{where}: {prefix}{key}"
        )


def _keys(section: dict[str, Any], name: str, where: str) -> tuple[Verifier, ...]:
    texts = section.get("keys")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise VerificationError("trust.malformed", "expected a list of one or more keys", f"{where}: {name}.keys")
    return tuple(Verifier.parse(text, f"{where}: {name}.keys") for text in texts)


def _text(section: dict[str, Any], name: str, where: str) -> str | None:
    value = section.get(name)
    if value is not None and not isinstance(value, str):
        raise VerificationError("trust.malformed", "expected a string", f"{where}: matter.{name}")
    return value


def _notes(table: dict[str, Any], where: str) -> list[tuple[str, bytes]]:
    entries = table.get("checkpoint", [])
    notes = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [None], start=1):
        place = f"{where}: checkpoint {number}"
        if not isinstance(entry, dict) or set(entry) != {"note"} or not isinstance(entry["note"], str):
            raise VerificationError("trust.malformed", "a checkpoint is one signed note", place)
        notes.append((place, entry["note"].encode()))
    return notes
