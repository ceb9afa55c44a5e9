"""map.toml: which columns of a table hold what. Strict: an unknown key is an error that names it.

The format is described in `docs/formats/ingest-map.md`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any, Final

from incamera.core.errors import Malformed
from incamera.core.records import Role

VERSION: Final = "map/1"

#: What `[columns]` may name. Facts of the conversation first, then facts of a turn.
CONVERSATION_FACTS: Final = (
    *("conversation", "subject", "started_at", "tier", "region", "deletion_requested_at", "temporary", "party_account", "title"),
)
TURN_FACTS: Final = ("role", "text", "llm", "at")
_COLUMNS: Final = frozenset({*CONVERSATION_FACTS, *TURN_FACTS, "turns", "ignore"})
_VALUES: Final = frozenset({"role", "tier", "tiers", "region", "true", "time"})
_TIER: Final = re.compile(r"[A-Za-z0-9_.:/@+-]{1,40}")
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Columns of a table by the fact they hold; a dot in a column name reaches into an object.

    Args:
        columns: Fact to column. Where `turns` is set, `role`, `text`, `llm` and `at` are keys of its items.
        speech: Role to column where one row holds both sides of an exchange; empty otherwise.
        ignore: Columns that are left behind. All others that nobody named are kept as extra text and treated.
        roles, tiers, regions: The table's values to ours.
        named_tiers: Tiers of this holder beside the common ones, in lower case: those listed, and those that `tiers` leads to.
        true: Values that mean true, as text.
        time: `iso`, `epoch`, `epoch_ms`, or a strptime pattern.
    """

    columns: Table[str, str]
    speech: Table[Role, str] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    roles: Table[str, Role] = field(default_factory=dict)
    tiers: Table[str, str] = field(default_factory=dict)
    named_tiers: frozenset[str] = frozenset()
    regions: Table[str, str] = field(default_factory=dict)
    true: frozenset[str] = frozenset({"true", "1", "yes", "t", "y"})
    time: str = "iso"

    def required(self) -> tuple[str, ...]:
        """The columns without which no row can be read."""
        if "turns" in self.columns:
            names = [self.columns["turns"]]
        else:
            names = list(self.speech.values()) or [self.columns["role"], self.columns["text"]]
        return tuple(dict.fromkeys([*([self.columns["conversation"]] if "conversation" in self.columns else []), *names]))


def parse(text: str, *, where: str) -> Mapping:
    """The mapping that a map.toml states.

    Raises:
        Malformed: `ingest.map-not-toml`, `ingest.map-unknown-key`, `ingest.map-missing-key`, `ingest.map-bad-value`;
            each names the key.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Malformed("ingest.map-not-toml", "the mapping is not TOML", where=where) from None
    _only(table, frozenset({"version", "columns", "values"}), where, "")
    if table.get("version", VERSION) != VERSION:
        raise Malformed("ingest.map-bad-value", f"this version reads {VERSION}", where=f"{where}: version")
    columns = _table(table, "columns", where)
    values = _table(table, "values", where)
    _only(columns, _COLUMNS, where, "columns.")
    _only(values, _VALUES, where, "values.")
    speech = _speech(columns.pop("text"), where) if isinstance(columns.get("text"), dict) else {}
    ignore = columns.pop("ignore", [])
    if not isinstance(ignore, list) or not all(isinstance(name, str) for name in ignore):
        raise Malformed("ingest.map-bad-value", "a list of column names is expected", where=f"{where}: columns.ignore")
    names = {key: _string(value, where, f"columns.{key}") for key, value in columns.items()}
    _complete(names, speech, where)
    true = values.pop("true", None)
    if true is not None and not isinstance(true, list):
        raise Malformed("ingest.map-bad-value", "a list of values is expected", where=f"{where}: values.true")
    tiers = _strings(values, "tier", where)
    mapping = Mapping(
        columns=names,
        speech=speech,
        ignore=frozenset(ignore),
        roles={k: _role(v, where, f"values.role.{k}") for k, v in _table(values, "role", where).items()},
        tiers=tiers,
        named_tiers=_named_tiers(values, tiers, where),
        regions=_strings(values, "region", where),
        time=_string(values.get("time", "iso"), where, "values.time"),
    )
    return mapping if true is None else _replace_true(mapping, frozenset(str(v).lower() for v in true))


def _replace_true(mapping: Mapping, true: frozenset[str]) -> Mapping:
    from dataclasses import replace

    return replace(mapping, true=true)


def _only(table: dict[str, Any], allowed: frozenset[str], where: str, prefix: str) -> None:
    for key in table:
        if key not in allowed:
            raise Malformed(
                "ingest.map-unknown-key", f"known keys are {', '.join(sorted(allowed))}", where=f"{where}: {prefix}{key}"
            )


def _table(table: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise Malformed("ingest.map-bad-value", "a table is expected", where=f"{where}: {key}")
    return dict(value)


def _strings(values: dict[str, Any], key: str, where: str) -> dict[str, str]:
    return {k: _string(v, where, f"values.{key}.{k}") for k, v in _table(values, key, where).items()}


def _named_tiers(values: dict[str, Any], tiers: Table[str, str], where: str) -> frozenset[str]:
    listed = values.get("tiers", [])
    if not isinstance(listed, list) or not all(isinstance(name, str) and _TIER.fullmatch(name) for name in listed):
        raise Malformed("ingest.map-bad-value", "a list of tiers, each one word, is expected", where=f"{where}: values.tiers")
    return frozenset(name.casefold() for name in (*listed, *tiers.values()))


def _string(value: object, where: str, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed("ingest.map-bad-value", "a name is expected", where=f"{where}: {key}")
    return value


def _role(value: object, where: str, key: str) -> Role:
    if not isinstance(value, str) or value not in _ROLES:
        raise Malformed("ingest.map-bad-value", f"one of {', '.join(_ROLES)} is expected", where=f"{where}: {key}")
    return _ROLES[value]


def _speech(table: dict[str, Any], where: str) -> dict[Role, str]:
    return {_role(k, where, "columns.text"): _string(v, where, f"columns.text.{k}") for k, v in table.items()}


def _complete(names: dict[str, str], speech: dict[Role, str], where: str) -> None:
    needed = () if speech else ("role", "text")
    if speech and ("role" in names or "turns" in names):
        raise Malformed(
            "ingest.map-bad-value", "one column per role leaves no place for role or turns", where=f"{where}: columns.text"
        )
    for key in needed:
        if key not in names:
            raise Malformed("ingest.map-missing-key", "the mapping must name this column", where=f"{where}: columns.{key}")
    if "conversation" not in names and not speech and "turns" not in names:
        raise Malformed(
            "ingest.map-missing-key", "rows of turns need a column to group by", where=f"{where}: columns.conversation"
        )
