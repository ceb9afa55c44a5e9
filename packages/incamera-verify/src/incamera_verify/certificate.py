"""The certificate: its strict form, and its page, which is a pure function of it.

`certificate.json` holds every statement; `certificate.html` is rendered from it here, by the product and again by the
verifier, so that the page a judge reads cannot say anything else than the file that was checked.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from incamera_verify.canon import canonical
from incamera_verify.certificate_style import STYLE
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json

VERSION = "incamera/certificate/1"
JSON, HTML = "CERT/certificate.json", "CERT/certificate.html"

#: Who can check a figure: anybody with the volume, the neutral in the vault, or nobody but the holder's word.
CLASSES = {"recomputable": "recomputable", "neutral": "checkable by the neutral", "attested": "attested"}

KEYS = frozenset({
    "version", "labels", "volume", "matter", "caption", "number", "court", "order", "designation", "scope", "statements",
    "sections", "figures", "defaults", "deviations", "not_shown", "keys", "software", "issued_at",
})  # fmt: skip
FIGURE_KEYS = frozenset({"id", "label", "value", "class", "how", "section"})

Certificate = Mapping[str, Any]

_DIGEST = re.compile(r"[0-9a-f]{64}")


def parse(data: bytes) -> dict[str, Any]:
    """Read `certificate.json` strictly.

    Raises:
        VerificationError: `certificate.malformed`.
    """
    value = load_json(data, "certificate.malformed", JSON)
    if not isinstance(value, dict) or canonical(value) + b"\n" != data:
        raise VerificationError("certificate.malformed", "the certificate is not canonical JSON", JSON)
    check_form(value)
    return value


def check_form(value: Mapping[str, Any]) -> None:
    """Keys and types of a certificate.

    Raises:
        VerificationError: `certificate.malformed`.
    """
    if set(value) != KEYS or value["version"] != VERSION:
        raise _flaw(f"expected a certificate of version {VERSION}", "")
    for name in ("volume", "matter", "caption", "number", "court", "designation", "scope", "keys", "issued_at"):
        if not isinstance(value[name], str):
            raise _flaw("expected a string", name)
    for name in ("labels", "deviations", "not_shown", "statements", "sections"):
        if not isinstance(value[name], list) or not all(isinstance(item, str) for item in value[name]):
            raise _flaw("expected a list of strings", name)
    for name, keys in (("order", {"label", "value"}), ("defaults", {"key", "value"}), ("software", {"name", "version"})):
        items = value[name]
        if not isinstance(items, list) or not all(_strings(item, keys) for item in items):
            raise _flaw(f"expected a list of {' and '.join(sorted(keys))}", name)
    _figures(value["figures"], value["sections"])


def _figures(figures: Any, sections: list[str]) -> None:
    if not isinstance(figures, list):
        raise _flaw("expected a list of figures", "figures")
    for number, figure in enumerate(figures):
        where = f"figures[{number}]"
        if not isinstance(figure, dict) or set(figure) != FIGURE_KEYS or figure["class"] not in CLASSES:
            raise _flaw("a figure has an id, a label, a value, a class, a section and says how it can be checked", where)
        if type(figure["value"]) not in (int, str) or not all(
            isinstance(figure[name], str) for name in ("id", "label", "how", "section")
        ):
            raise _flaw("a figure is a whole number or a string", where)
        if figure["section"] not in sections:
            raise _flaw("a figure stands in no section", where)
    if len({figure["id"] for figure in figures}) != len(figures):
        raise _flaw("a figure stands there twice", "figures")


def _strings(item: Any, keys: set[str]) -> bool:
    return isinstance(item, dict) and set(item) == keys and all(isinstance(part, str) for part in item.values())


def _flaw(hint: str, where: str) -> VerificationError:
    return VerificationError("certificate.malformed", hint, f"{JSON} {where}".strip())


# --- the page -------------------------------------------------------------------------------------------------------


def page(certificate: Certificate) -> bytes:
    """`certificate.html`: self-contained, printable, no script and nothing from outside."""
    c = certificate
    title = f"Certificate of production {c['volume']}"
    body = [
        *(f'<p class="label">{_e(label)}</p>' for label in c["labels"]),
        f'<header><p class="court">{_e(c["court"])}</p><h1>{_e(title)}</h1>',
        f'<p class="caption">{_e(c["caption"])}</p><p class="number">{_e(c["number"])}</p>',
        f'<p class="designation">{_e(c["designation"])}</p></header>',
        _headline(c["figures"]),
        _section("What was produced", _paragraphs(c["statements"]) + _pairs(("label", "value"), c["order"])),
        *(_section(name, _figure_table(f for f in c["figures"] if f["section"] == name)) for name in c["sections"]),
        _section("What this does not show", _items(c["not_shown"]), "caveats"),
        _section("Deviations and incidents", _items(c["deviations"]) or "<p>None recorded.</p>"),
        _section("What the order left open, and the value used", _pairs(("key", "value"), c["defaults"]) or "<p>Nothing.</p>"),
        _section("Keys and software", f"<p>{_e(c['keys'])}</p>" + _pairs(("name", "version"), c["software"])),
        _section("How to check this certificate", _HOW),
        f"<footer><p>Matter {_e(c['matter'])} \u00b7 volume {_e(c['volume'])} \u00b7 scope {_e(c['scope'])} \u00b7 issued "
        f"{_e(c['issued_at'])}</p>"
        '<p class="sign"><span>Signature of counsel (Rule 26(g))</span><span>Date</span></p></footer>',
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_e(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body>\n</html>\n"
    ).encode()


_HOW = (
    "<p>Every number above was computed by a program, none was typed. Its mark says who can check it: "
    '<span class="class recomputable">recomputable</span> by anybody from this volume, '
    '<span class="class neutral">checkable by the neutral</span> in the vault, or '
    '<span class="class attested">attested</span> by the producing party.</p>'
    "<p>The command <code>incamera-verify PATH --trust TRUST.toml</code> checks files, signatures, ledger, draw and "
    "decisions, and recomputes the first kind; it needs no part of the producing system and no network. "
    "The root that binds every file, this page included, stands in <code>MANIFEST/manifest.json</code> "
    "under the producing party's signature, and in the ledger.</p>"
)


#: Figures of the page's first row, where the certificate has them.
_HEADLINE = (
    ("frame.rows", "in the frame"),
    ("draw.rows", "drawn"),
    ("rows.total", "produced"),
    ("documents.total", "documents"),
    ("withheld.total", "withheld entries"),
)


def _headline(figures: Iterable[Mapping[str, Any]]) -> str:
    known = {figure["id"]: figure["value"] for figure in figures}
    cells = "".join(f"<li><b>{_e(display(known[name]))}</b>{_e(word)}</li>" for name, word in _HEADLINE if name in known)
    return f'<ul class="headline">{cells}</ul>'


def _e(text: object) -> str:
    return html.escape(str(text))


def display(value: int | str) -> str:
    """A figure as the page shows it: whole numbers in groups of three, everything else as it is."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else value


def _section(title: str, content: str, kind: str = "") -> str:
    attribute = f' class="{kind}"' if kind else ""
    return f"<section{attribute}><h2>{_e(title)}</h2>{content}</section>"


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{_e(text)}</p>" for text in texts)


def _items(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{_e(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _pairs(names: tuple[str, str], items: Iterable[Mapping[str, str]]) -> str:
    rows = "".join(f"<tr><th>{_e(item[names[0]])}</th><td>{_e(item[names[1]])}</td></tr>" for item in items)
    return f'<table class="pairs">{rows}</table>' if rows else ""


def _kind(value: int | str) -> str:
    if isinstance(value, int):
        return ""
    return " text digest" if _DIGEST.fullmatch(value) else " text"


def _figure_table(figures: Iterable[Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr id="{_e(f["id"])}"><th>{_e(f["label"])}</th><td class="value{_kind(f["value"])}">'
        f'{_e(display(f["value"]))}</td><td><span class="class {_e(f["class"])}">{_e(CLASSES[f["class"]])}</span>'
        f"<small>{_e(f['how'])}</small></td></tr>"
        for f in figures
    )
    return f'<table class="figures"><tbody>{rows}</tbody></table>' if rows else "<p>No figures.</p>"
