"""String leaves: which strings of a record can carry text, and the address under which each is kept.

An address (`Part.path`) travels with the produced text, so it is built from known key names only. An unknown key, which
may itself be a name or an e-mail address, appears in the path as its position (`?3`) and, unless it looks like an
identifier, as a part of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from incamera.core.records import Part, PartKind
from incamera.ingest import keys

_ID_ENDINGS: Final = ("_id", "_ids", "_uuid", "_hash", "Id", "Uuid")
_TIME_ENDINGS: Final = ("_at", "_time", "Time", "timestamp", "_date", "Date")
_TIME_KEYS: Final = frozenset({"created", "time", "date", "timestamp"})

_ID = re.compile(r"(?!.*://[^/]*\.)[A-Za-z0-9_.:/+=~-]{1,400}")
_ENUM = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.,]{2,18})?( ?(Z|UTC|[+-]\d\d:?\d\d))?|\d{1,13}(\.\d{1,9})?")
_PLAIN_KEY = re.compile(r"(?!.*\d{5})[a-z$_][A-Za-z0-9_$-]{0,39}")
_DATA_URI = re.compile(r"data:[\w.+-]{0,60}/?[\w.+-]{0,60}(?:;[\w=.+-]{1,60}){0,4},")

UnknownKey = Callable[[str], None]


def carries_text(key: str, value: str) -> bool:
    """Whether *value* under *key* can carry text. When in doubt it can: de-identification then treats it."""
    if not value:
        return False
    if key in keys.ENUMS and _ENUM.fullmatch(value):
        return False
    if (key in keys.IDS or key.endswith(_ID_ENDINGS)) and _ID.fullmatch(value):
        return False
    return not ((key in _TIME_KEYS or key.endswith(_TIME_ENDINGS)) and _TIME.fullmatch(value))


def media(value: str) -> str | None:
    """The media type line of a `data:` URI, whose bytes are an attachment's and are not read; None for any other string."""
    found = _DATA_URI.match(value) if value.startswith("data:") else None
    return found.group()[:-1] if found else None


def step(path: str, key: str, position: int) -> str:
    """*path* extended by *key*, or by its position where the key is not of the public vocabulary."""
    name = key if key in keys.KNOWN else f"?{position}"
    return f"{path}.{name}" if path else name


def leaves(value: Any, path: str = "", *, key: str = "", unknown: UnknownKey | None = None) -> Iterator[tuple[str, str, str]]:
    """(path, key, text) of every string leaf that can carry text, and of every key that can, in document order.

    Iterative: nesting deeper than Python's stack is no danger here.
    """
    stack: list[tuple[str, str, Any]] = [(path, key, value)]
    while stack:
        path, key, value = stack.pop()
        if isinstance(value, str):
            if carries_text(key, value):
                yield path, key, value
        elif isinstance(value, dict):
            below: list[tuple[str, str, Any]] = []
            for position, (name, inner) in enumerate(value.items()):
                if name not in keys.KNOWN:
                    if unknown:
                        unknown(name)
                    if isinstance(name, str) and not _PLAIN_KEY.fullmatch(name):
                        below.append((f"{step(path, name, position)}#key", "", name))
                below.append((step(path, str(name), position), str(name), inner))
            stack.extend(reversed(below))
        elif isinstance(value, list | tuple):
            stack.extend((f"{path}[{i}]", key, value[i]) for i in range(len(value) - 1, -1, -1))


def parts(
    value: Any, path: str = "", *, kind: PartKind = "extra", key: str = "", unknown: UnknownKey | None = None
) -> Iterator[Part]:
    """Every leaf of *value* as a `Part` of *kind*; bytes in `data:` URIs become an attachment named by their media type."""
    for where, _, text in leaves(value, path, key=key, unknown=unknown):
        header = media(text)
        if header is None:
            yield Part(kind=kind, path=where, text=text)
        else:
            yield Part(kind="attachment", path=where, text=header)
