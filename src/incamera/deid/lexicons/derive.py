"""Derives `ordinary_en.txt.gz`: English words that people write in lower case.

wordfreq knows how often a word is used but not how it is cased, and its lists hold names. Cased running text tells
the two apart: a word that stands in lower case mid-sentence nearly always is an ordinary word, whatever surname
register it also appears in (`baker`, `rose`, `may`). Read from public-domain novels (ELTeC), openly licensed chats,
untagged words of name-tagging sets, and the comments of Python's own library; single words only, no running text.

    python -m incamera.deid.lexicons.derive ELTEC.jsonl.gz OASST.jsonl TASKMASTER.jsonl.gz TAGGED.jsonl... OUT.txt.gz
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

HEADER = "incamera-ordinary/1"
#: Below: seen too rarely in lower case to call the word ordinary. A typing slip is seen once.
MIN_LOWER = 2
STRONG, MIXED = 0.9, 0.3

_WORD = re.compile(r"[^\W\d_]+")
_COMMENT = re.compile(r"#[^\n]*")
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_NAMED = re.compile(r"(?i)per|loc|org|place|city|country|state|artist|corporation|business|geographic|poi|facility|group")
_SENTENCE_GAP = frozenset('.!?:;"“”\n•*-–—|()')


def count(texts: Iterator[str]) -> tuple[Counter[str], Counter[str]]:
    """(lower-case uses, capitalised uses inside a sentence) of each word."""
    lower: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for text in texts:
        end = 0
        for m in _WORD.finditer(text):
            gap, first, end, word = text[end : m.start()], end == 0, m.end(), m.group()
            if word.islower():
                lower[word] += 1
            elif word.istitle() and not first and not _SENTENCE_GAP.intersection(gap):
                capital[word.lower()] += 1
    return lower, capital


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and "tokens" in value and "tags" in value:
        # A tagged name counts as a capital however it was written; what else is tagged says nothing of casing.
        yield "the " + " ".join(
            w if tag == "O" else w.title() if _NAMED.search(tag) else "0"
            for w, tag in zip(value["tokens"], value["tags"], strict=True)
        )
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in ("text", "replies", "prompt", "utterances", "turns") or not isinstance(inner, str):
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def read(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield from strings(json.loads(line))


def library() -> Iterator[str]:
    """Docstrings and comments of the standard library: cased technical English."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts or "idlelib" in path.parts:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        yield "\n".join(_COMMENT.findall(text)) + "\n".join(_DOCSTRING.findall(text))


def main(argv: list[str]) -> None:
    *sources, out = map(Path, argv)
    lower, capital = count(chain(read(sources), library()))
    lines = [HEADER]
    for word in sorted(w for w in lower if lower[w] >= MIN_LOWER and len(w) > 1):
        share = lower[word] / (lower[word] + capital[word])
        if share >= MIXED:
            lines.append(word if share >= STRONG else f"{word}\tmixed")
    out.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0))


if __name__ == "__main__":
    main(sys.argv[1:])
