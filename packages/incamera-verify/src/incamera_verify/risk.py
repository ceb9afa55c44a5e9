"""The evidence report: what was measured about what was missed, in kinds that are never merged; its page and its table.

`EVIDENCE/report.json` holds every count; `EVIDENCE/report.html` and `TABLES/risk.csv` are pure functions of it, remade here by
the product and again by the verifier, so that neither can say anything else.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from incamera_verify.canon import canonical
from incamera_verify.certificate_style import STYLE
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json

VERSION = "incamera/evidence/1"
COLUMNS = ("kind", "what", "language", "context", "stratum", "count", "of", "low", "high", "confidence", "means")
#: Kinds of evidence in the order of the page: what each is, and what it is not.
KINDS: Mapping[str, tuple[str, str]] = {
    "readers": (
        "Readers",
        "People read a random draw of what would leave. The only evidence that bounds this production.",
    ),
    "labelled": (
        "Labelled sets",
        "The recipe against text whose identifiers are known. It speaks of that text; this production may be harder.",
    ),
    "canaries": (
        "Canaries",
        "Synthetic conversations with known secrets, planted blind among the real ones and removed before anything was counted. "
        "They show that the machinery ran and on which types it is weak; they bound nothing about real text.",
    ),
    "recapture": (
        "Capture-recapture",
        "Two detectors, each by itself: from what both and what one of them found follows an estimate of what neither did. "
        "A lower estimate: real detectors miss the same hard cases.",
    ),
    "parrot": (
        "Parrot attack",
        "A tagger trained on the output points at words that stand where replacements stand. Suspects, not leaks: a count to "
        "compare, and a list for nobody.",
    ),
    "uniqueness": (
        "Uniqueness",
        "Conversations singled out by a word that no other holds. It counts opportunity, not harm.",
    ),
    "linkage": (
        "Linkage",
        "People whose conversations find each other again by their replacements alone.",
    ),
}
_ROW = {"kind", "what", "language", "context", "stratum", "count", "of", "low", "high", "confidence", "means"}
_KEYS = {"version", "matter", "order", "recipe", "rows", "notes"}


def parse(data: bytes, where: str) -> dict[str, Any]:
    """Read `report.json` strictly.

    Raises:
        VerificationError: `risk.malformed`.
    """
    value = load_json(data, "risk.malformed", where)
    sound = isinstance(value, dict) and set(value) == _KEYS and value["version"] == VERSION and canonical(value) + b"\n" == data
    sound = sound and all(isinstance(value[name], str) for name in ("matter", "order", "recipe"))
    sound = sound and isinstance(value["notes"], list) and all(isinstance(note, str) for note in value["notes"])
    sound = sound and isinstance(value["rows"], list) and all(_is_row(row) for row in value["rows"])
    if not sound:
        raise VerificationError("risk.malformed", f"the file is not an {VERSION} file", where)
    report: dict[str, Any] = value
    return report


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and set(row) == _ROW
        and row["kind"] in KINDS
        and type(row["count"]) is int
        and all(row[name] is None or type(row[name]) is int for name in ("of",))
        and all(isinstance(row[name], str) for name in _ROW - {"count", "of"})
    )


def table(report: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Lines of `risk.csv`, kind by kind."""
    return [tuple(row[name] for name in COLUMNS) for row in report["rows"]]


def page(report: Mapping[str, Any]) -> bytes:
    """`report.html`: self-contained, printable, no script and nothing from outside."""
    title = "What was missed, as far as it was measured"
    sections = [_section(kind, [row for row in report["rows"] if row["kind"] == kind]) for kind in KINDS]
    notes = "".join(f"<li>{_e(note)}</li>" for note in report["notes"])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body><main>\n"
        f'<header><h1>{title}</h1><p class="number">Matter {_e(report["matter"])}</p></header>\n'
        "<p>Three kinds of evidence, and attacks beside them. They are never added up: each says something else.</p>\n"
        + "\n".join(sections)
        + (f'\n<section class="caveats"><h2>Notes</h2><ul>{notes}</ul></section>' if notes else "")
        + f"\n<footer><p>Order {_e(report['order'])} \u00b7 recipe {_e(report['recipe'])}</p></footer>\n</main></body>\n</html>\n"
    ).encode()


def _section(kind: str, rows: Iterable[Mapping[str, Any]]) -> str:
    name, about = KINDS[kind]
    lines = "".join(
        f"<tr><th>{_e(_what(row))}</th><td>{_count(row)}</td><td>{_e(_range(row))}</td><td>{_e(row['means'])}</td></tr>"
        for row in rows
    )
    body = f"<table><tbody>{lines}</tbody></table>" if lines else "<p>None was gathered: nothing is established by this kind.</p>"
    return f"<section><h2>{name}</h2><p>{about}</p>{body}</section>"


def _what(row: Mapping[str, Any]) -> str:
    return ", ".join(text for text in (row["what"], row["language"], row["context"], row["stratum"]) if text)


def _count(row: Mapping[str, Any]) -> str:
    return str(row["count"]) if row["of"] is None else f"{row['count']} of {row['of']}"


def _range(row: Mapping[str, Any]) -> str:
    if not row["high"]:
        return ""
    bounds = f"{row['low']} to {row['high']}" if row["low"] else f"at most {row['high']}"
    return f"{bounds} ({row['confidence']})" if row["confidence"] else bounds


def _e(text: object) -> str:
    return html.escape(str(text))
