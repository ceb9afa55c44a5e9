"""The bulk lane: one canonical JSON line per conversation, each with the proof that a recorded decision covers its bytes.

`rows.jsonl.gz` carries the de-identified conversations; where the lane is sealed to a recipient, `digests.jsonl.gz`
carries the same rows with `sha256` in place of `record` and `matches`, so that the decisions can be checked by everybody.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from incamera_verify import merkle
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json

ROWS_VERSION = "incamera/rows/1"
DIGESTS_VERSION = "incamera/digests/1"
#: One conversation's line; a longer one is refused before it is parsed.
LINE_BYTES_MAX = 1 << 29

TEXT_KEYS = frozenset({"record", "matches"})
FACT_KEYS = frozenset({
    "bates", "conversation", "subject", "stratum", "probability", "rank", "position", "month", "region", "tier", "platform",
    "language", "temporary", "deletion_requested", "party_account", "responsive", "outputs_missing",
    "decision", "row", "rows", "proof",
})  # fmt: skip
ROW_KEYS = FACT_KEYS | TEXT_KEYS
DIGEST_KEYS = FACT_KEYS | {"sha256"}

MATCH_KEYS = frozenset({
    "turn", "part", "start", "end", "work_id", "work_start", "work_end", "words", "fold", "elicitation", "commonness",
})  # fmt: skip
FOLDS = frozenset({"words/1", "chars/1"})
RECORD_KEYS = frozenset({"header", "turns", "recipe"})
TURN_KEYS = frozenset({"index", "parent", "role", "at", "llm", "tool", "sources", "active", "hidden", "parts"})
ROLES = frozenset({"user", "assistant", "system", "tool"})
KINDS = frozenset({"text", "code", "tool_call", "tool_result", "reasoning", "attachment", "extra"})

_REF = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_FRACTION = re.compile(r"[1-9][0-9]{0,17}/[1-9][0-9]{0,17}")
#: Facts are words of closed or technical vocabularies; this is what keeps them from carrying text.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+|=;-]{0,299}")

Row = dict[str, Any]


def read(path: Path, version: str = ROWS_VERSION, where: str = "", *, again: bool = False) -> Iterator[Row]:
    """Rows of a lane file, each checked for form; streaming.

    Args:
        again: The same file was read and checked before; parse only.

    Raises:
        VerificationError: `rows.unreadable`, `rows.bad-header`, `rows.not-canonical`, `rows.bad-row`.
    """
    where = where or path.name
    try:
        with gzip.open(path, "rb") as stream:
            header = _line(stream.readline, f"{where} line 1", again=again)
            if not isinstance(header, dict) or header.get("version") != version:
                raise VerificationError("rows.bad-header", f"expected a file of version {version}", where)
            number = 1
            while (row := _line(stream.readline, f"{where} line {number + 1}", again=again)) is not None:
                number += 1
                if not again:
                    check_form(row, version, f"{where} line {number}")
                yield row
    except (OSError, EOFError, zlib.error):
        raise VerificationError("rows.unreadable", "the file is not complete gzip", where) from None


def _line(readline: Callable[[int], bytes], where: str, *, again: bool) -> Any:
    raw = readline(LINE_BYTES_MAX + 1)
    if not raw:
        return None
    if not raw.endswith(b"\n"):
        raise VerificationError("rows.not-canonical", "a line is too long or has no end", where)
    value = load_json(raw[:-1], "rows.not-canonical", where)
    if not again and canonical(value) != raw[:-1]:
        raise VerificationError("rows.not-canonical", "a line is not canonical JSON", where)
    return value


def digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record's canonical bytes: what a decision is about."""
    return hashlib.sha256(canonical(record)).hexdigest()


def check_form(row: Any, version: str, where: str) -> None:
    """Keys, types and bounds of one row.

    Raises:
        VerificationError: `rows.bad-row`.
    """
    flaw = VerificationError("rows.bad-row", "a row has a key, type or value that the format does not allow", where)
    if not isinstance(row, dict) or set(row) != (ROW_KEYS if version == ROWS_VERSION else DIGEST_KEYS):
        raise flaw
    if not _is(row["conversation"], _REF) or not (row["subject"] is None or _is(row["subject"], _REF)):
        raise flaw
    if not (row["probability"] is None or _is(row["probability"], _FRACTION)) or not (
        row["rank"] is None or _is(row["rank"], _HASH)
    ):
        raise flaw
    if not all(type(row[name]) is bool for name in ("temporary", "deletion_requested", "party_account", "responsive")):
        raise flaw
    if not all(type(row[name]) is int and row[name] >= 0 for name in ("decision", "row", "rows")):
        raise flaw
    if not (row["position"] is None or type(row["position"]) is int):
        raise flaw
    if not isinstance(row["proof"], list) or not all(_is(item, _HASH) for item in row["proof"]):
        raise flaw
    if not all(_is_fact(row[name]) for name in ("bates", "stratum", "month", "region", "tier", "platform", "language")):
        raise flaw
    if not _are_counts(row["outputs_missing"]):
        raise flaw
    if version == DIGESTS_VERSION:
        if not _is(row["sha256"], _HASH):
            raise flaw
    elif (
        not _is_record(row["record"])
        or not isinstance(row["matches"], list)
        or not all(_is_match(m, row["record"]) for m in row["matches"])
    ):
        raise flaw


def _is(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_fact(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is(key, _WORD) and not isinstance(item, dict) and _is_fact(item) for key, item in value.items())
    return value is None or _is(value, _WORD)


def _are_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(_is(key, _WORD) and type(item) is int and item >= 0 for key, item in value.items())


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or set(record) != RECORD_KEYS or not _are_parts(record["header"]):
        return False
    turns = record["turns"]
    if not _is(record["recipe"], _HASH) or not isinstance(turns, list):
        return False
    if not all(isinstance(turn, dict) and set(turn) == TURN_KEYS and type(turn["index"]) is int for turn in turns):
        return False
    if len({turn["index"] for turn in turns}) != len(turns):
        return False
    return all(
        turn["role"] in ROLES
        and _are_parts(turn["parts"])
        and isinstance(turn["sources"], list)
        and all(isinstance(source, str) for source in turn["sources"])
        and type(turn["active"]) is bool
        and type(turn["hidden"]) is bool
        and (turn["parent"] is None or type(turn["parent"]) is int)
        and all(turn[name] is None or isinstance(turn[name], str) for name in ("at", "llm", "tool"))
        for turn in turns
    )


def _are_parts(parts: Any) -> bool:
    return isinstance(parts, list) and all(
        isinstance(part, dict)
        and set(part) == {"kind", "path", "text"}
        and all(isinstance(value, str) for value in part.values())
        and part["kind"] in KINDS
        for part in parts
    )


def _is_match(match: Any, record: Mapping[str, Any]) -> bool:
    if not isinstance(match, dict) or set(match) != MATCH_KEYS or not isinstance(match["work_id"], str):
        return False
    if match["fold"] not in FOLDS or not isinstance(match["elicitation"], list):
        return False
    if not all(type(match[name]) is int for name in ("turn", "part", "start", "end", "work_start", "work_end", "words")):
        return False
    text = text_at(record, match["turn"], match["part"])
    return text is not None and bool(0 <= match["start"] <= match["end"] <= len(text))


#: Strings beside the parts have places too, below zero: the tool's name, the language model's, and `SOURCES - k` the k-th source.
TOOL, LLM, SOURCES = -1, -2, -3


def text_at(record: Mapping[str, Any], turn: int, part: int) -> str | None:
    """The produced string at (turn, part), or None where the record has no such place."""
    if part >= 0:
        parts = parts_of(record, turn)
        return parts[part]["text"] if part < len(parts) else None
    found = next((t for t in record["turns"] if t["index"] == turn), None)
    if found is None:
        return None
    if part in (TOOL, LLM):
        name: str | None = found["tool" if part == TOOL else "llm"]
        return name
    sources: list[str] = found["sources"]
    return sources[SOURCES - part] if SOURCES - part < len(sources) else None


def parts_of(record: Mapping[str, Any], turn: int) -> list[dict[str, str]]:
    """The parts of one turn by its index (-1: the header); none where there is no such turn."""
    if turn == -1:
        return list(record["header"])
    return next((list(t["parts"]) for t in record["turns"] if t["index"] == turn), [])


def unanswered(record: Mapping[str, Any]) -> int:
    """Prompts on the visible path that no answer follows before the next prompt.

    Counted leniently, by roles alone: at most as many as a careful reader of the source finds, so that more of them than
    the row accounts for means that an output was dropped on the way.
    """
    active = [turn for turn in record["turns"] if turn["active"] and not turn["hidden"]]
    after: dict[Any, list[Mapping[str, Any]]] = {}
    for turn in record["turns"]:
        if turn["active"]:
            after.setdefault(turn["parent"], []).append(turn)
    count = 0
    for prompt in active:
        if prompt["role"] != "user" or not prompt["parts"]:
            continue
        waiting, seen = list(after.get(prompt["index"], ())), {prompt["index"]}
        answered = False
        while waiting and not answered:
            turn = waiting.pop()
            answered = turn["role"] == "assistant" and not turn["hidden"] and bool(turn["parts"])
            if turn["index"] not in seen and (turn["role"] != "user" or turn["hidden"]):
                waiting += after.get(turn["index"], ())
            seen.add(turn["index"])
        count += not answered
    return count


def check_outputs(row: Row, where: str) -> None:
    """Every prompt has its output, or is counted among the missing.

    Raises:
        VerificationError: `rows.output-missing`.
    """
    if unanswered(row["record"]) > sum(row["outputs_missing"].values()):
        raise VerificationError("rows.output-missing", "a prompt has no output, and no reason accounts for it", where)


# --- decisions --------------------------------------------------------------------------------------------------------------


def clearance_leaf(conversation: str, sha256: str) -> bytes:
    """The leaf hash by which a fragment's decision covers one conversation's redacted bytes."""
    return merkle.leaf_hash(canonical({"conversation": conversation, "sha256": sha256}))


def check_decision(row: Row, decisions: Mapping[int, Mapping[str, Any]], where: str) -> None:
    """The row's bytes are a leaf under the root that a recorded decision calls to produce.

    Args:
        decisions: Ledger index to the fields of a `decision.recorded` entry of this matter.

    Raises:
        VerificationError: `rows.not-decided`, and those of `merkle.verify_inclusion`.
    """
    fields = decisions.get(row["decision"])
    if fields is None or fields.get("call") != "produce":
        raise VerificationError(
            "rows.not-decided", "no recorded decision of this matter to produce stands at this ledger index", where
        )
    sha256 = row["sha256"] if "sha256" in row else digest(row["record"])
    leaf = clearance_leaf(row["conversation"], sha256)
    try:
        target = bytes.fromhex(fields["target"])
        merkle.verify_inclusion(leaf, row["row"], row["rows"], [bytes.fromhex(item) for item in row["proof"]], target)
    except (VerificationError, ValueError, KeyError, TypeError):
        raise VerificationError("rows.not-decided", "the row's bytes are not under the root that was decided", where) from None
