"""A strict reader of TOML: every key is asked for by name, every key left over is an error, every default is noted.

An order that is half understood is worse than one that is refused, so nothing here guesses.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from incamera.core.errors import Malformed, Refused

T = TypeVar("T")
P = ParamSpec("P")


class _Required:
    """Marks a key without default: `REQUIRED` if the file is incomplete without it, `DECIDED` if only the court can say."""


REQUIRED: Final = _Required()
DECIDED: Final = _Required()

_SECTION = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
#: What tomllib says, and what that means to somebody who writes an order.
_NOT_TOML = (
    ("Invalid date", "order.bad-date", "this day or time is in no calendar"),
    ("Cannot declare", "order.repeated-key", "this section stands twice, or its name is used already: put its keys together"),
    ("Cannot overwrite", "order.repeated-key", "this key stands twice, or its name is used already: keep one"),
    ("Duplicate inline", "order.repeated-key", "a key stands twice between these braces: keep one"),
    ("Cannot mutate", "order.repeated-key", "this adds to a value that is complete already: put its keys together"),
    ("Found invalid character", "order.not-toml", "a control character or line end stands in a text: remove it"),
    ("Illegal character", "order.not-toml", "a control character stands in the file: remove it"),
)
#: Line ends and control characters, and the marks that turn the direction of writing: with them a line can read as another one.
_UNPRINTABLE = ("Cc", "Zl", "Zp", "Cs")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Document:
    """One TOML document, its places, and what it left open.

    Args:
        text: The document.
        file: Its name, for messages.
        silence: `section.key` -> what it means that the key is not there, where the default itself does not say it.
    Raises:
        Malformed: `order.not-toml`, `order.bad-date` or `order.repeated-key`, with the line.
    """

    def __init__(self, text: str, file: str, silence: Mapping[str, str] = MappingProxyType({})) -> None:
        self.file = file
        self.silence = silence
        self.defaults: list[tuple[str, str]] = []
        self.paragraphs: dict[str, str] = {}
        self._places = _places(text)
        self._lines = dict(reversed(self._places))
        self._flaws: list[Malformed | Refused] = []
        try:
            self._values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as flaw:
            raise self._not_toml(str(flaw), text) from None

    def _not_toml(self, said: str, text: str) -> Malformed:
        found = re.search(r"line (\d+)", said)
        line = int(found[1]) if found else len(text.splitlines()) or 1
        path = next((path for path, first in self._places if first == line), "")
        for start, code, hint in _NOT_TOML:
            if said.startswith(start):
                return Malformed(code, hint, where=f"{self.file}:{line} {path}".rstrip())
        hint = "the file is not TOML: look for a missing quote or bracket"
        return Malformed("order.not-toml", hint, where=f"{self.file}:{line}")

    def read(self, part: Callable[Concatenate[Document, P], T], *args: P.args, **options: P.kwargs) -> T:
        """What *part* makes of this document; what it finds wrong waits for `close`, which tells of every part at once.

        Until then None stands in its place, and a part that is given such a None is not read: its own mistakes may only
        follow from the first one.
        """
        if None in args:
            return cast("T", None)
        try:
            return part(self, *args, **options)
        except (Malformed, Refused) as flaw:
            self._flaws.append(flaw)
            return cast("T", None)

    def section(self, name: str) -> Section:
        """The section of that name, empty if the document has none."""
        values = self._values.get(name, {})
        if not isinstance(values, dict):
            raise Malformed("order.bad-value", "expected a section, [name]", where=self.where(name))
        return Section(self, name, values)

    def close(self, sections: Sequence[str]) -> None:
        """Tell what is wrong: the first flaw's family, code and place, and every other one in its hint.

        Args:
            sections: Every section that a document may have.

        Raises:
            Malformed, Refused: what `read` met; or `order.unknown-section`, a section of another name.
        """
        hint = f"known sections are {', '.join(sorted(sections))}"
        unknown = [name for name in self._values if name not in sections]
        self._flaws += [Malformed("order.unknown-section", hint, where=self.where(name)) for name in unknown]
        if self._flaws:
            first, *others = self._flaws
            also = "".join(f"\n  also [{flaw.code}] at {flaw.where}: {flaw.hint}" for flaw in others)
            raise type(first)(first.code, first.hint + also, where=first.where)

    def where(self, path: str) -> str:
        """File, line and key of a place in the document."""
        line = (
            self._lines.get(path)
            or self._lines.get(path.split("[", maxsplit=1)[0])
            or self._lines.get(path.split(".", maxsplit=1)[0])
        )
        return f"{self.file}:{line} {path}" if line else f"{self.file} {path}"


class Section:
    """The keys of one section. Every method takes one key, checks it, and returns it or its default."""

    def __init__(self, document: Document, name: str, values: dict[str, Any]) -> None:
        self.name = name
        self._document = document
        self._values = values
        self._asked: set[str] = set()

    def __enter__(self) -> Section:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Take the optional citation, then refuse every key that nobody asked for.

        Raises:
            Malformed: `order.unknown-key`.
        """
        if "paragraph" not in self._asked and "paragraph" in self._values:
            self._document.paragraphs[self.name] = self.text("paragraph")
        for key in self._values:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked | {"paragraph"}))
                raise Malformed("order.unknown-key", f"known keys of [{self.name}] are {known}", where=self.where(key))

    def where(self, key: str) -> str:
        return self._document.where(f"{self.name}.{key}")

    def given(self, key: str) -> bool:
        """Whether the document itself sets the key."""
        return key in self._values

    def peek(self, key: str) -> Any:
        """The raw value, where its type decides how it is asked for; None if the key is not set."""
        return self._values.get(key)

    def bad(self, key: str, hint: str) -> Malformed:
        return Malformed("order.bad-value", hint, where=self.where(key))

    def contradiction(self, key: str, hint: str) -> Malformed:
        return Malformed("order.contradiction", hint, where=self.where(key))

    # --- one method per type of value -------------------------------------------------------------------------------------

    def text(
        self, key: str, default: str | _Required | None = REQUIRED, *, pattern: str = "", hint: str = "", without: str = ""
    ) -> Any:
        """One line of text that is not empty; with *pattern*, text that matches it whole; with none of the signs in *without*."""

        def check(value: object) -> str:
            line = self._line(key, value)
            if pattern and not re.fullmatch(pattern, line):
                raise self.bad(key, hint)
            if set(without) & set(line):
                raise self.bad(key, f"this goes into load files and may not hold their delimiters: {' '.join(without)}")
            return line

        return self._take(key, default, check)

    def choice(self, key: str, options: Sequence[str], default: str | _Required = REQUIRED) -> Any:
        """One of a closed set."""

        def check(value: object) -> str:
            if not isinstance(value, str) or value not in options:
                raise self.bad(key, f"expected one of {', '.join(options)}")
            return value

        return self._take(key, default, check)

    def whole(
        self, key: str, low: int, high: int, default: int | str | _Required = REQUIRED, *, words: Sequence[str] = ()
    ) -> Any:
        """A whole number in [low, high], or one of *words*."""

        def check(value: object) -> int | str:
            if isinstance(value, str) and value in words:
                return value
            if type(value) is not int or not low <= value <= high:
                said = "".join(f", or '{word}'" for word in words)
                raise self.bad(key, f"expected a whole number from {low} to {high}{said}")
            return value

        return self._take(key, default, check)

    def number(self, key: str, low: float, high: float, default: float | _Required | None = REQUIRED) -> Any:
        """A number in [low, high]."""

        def check(value: object) -> float:
            if type(value) not in (int, float) or not low <= float(value) <= high:  # type: ignore[arg-type]
                raise self.bad(key, f"expected a number from {low:g} to {high:g}")
            return float(value)  # type: ignore[arg-type]

        return self._take(key, default, check)

    def flag(self, key: str, default: bool | _Required = REQUIRED) -> Any:
        """true or false."""

        def check(value: object) -> bool:
            if type(value) is not bool:
                raise self.bad(key, "expected true or false")
            return value

        return self._take(key, default, check)

    def day(self, key: str, default: date | _Required | None = REQUIRED) -> Any:
        """A date, `2025-11-07`, quoted or not."""

        def check(value: object) -> date:
            if isinstance(value, str):
                try:
                    value = date.fromisoformat(value)
                except ValueError:
                    value = None
            if not isinstance(value, date) or isinstance(value, datetime):
                raise Malformed("order.bad-date", "expected a date, as 2025-11-07", where=self.where(key))
            return value

        return self._take(key, default, check)

    def moment(self, key: str) -> Any:
        """A month or a day as text, quoted or not; None if the key is not set. What it says is checked by the caller."""

        def check(value: object) -> str:
            if isinstance(value, date) and not isinstance(value, datetime):
                return value.isoformat()
            if not isinstance(value, str):
                raise Malformed("order.bad-date", "expected a month, as 2022-12, or a day, as 2022-12-01", where=self.where(key))
            return value

        return self._take(key, None, check)

    def texts(
        self,
        key: str,
        default: tuple[str, ...] | _Required | None = (),
        *,
        of: Sequence[str] = (),
        pattern: str = "",
        hint: str = "",
    ) -> Any:
        """A list of different texts, from a closed set if *of* is given, each matching *pattern*."""

        def check(value: object) -> tuple[str, ...]:
            if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
                raise self.bad(key, "expected a list of texts")
            for item in value:
                self._line(key, item)
                if (of and item not in of) or (pattern and not re.fullmatch(pattern, item)):
                    raise self.bad(key, hint or f"expected items from {', '.join(of)}")
            if len({item.casefold() for item in value}) != len(value):
                raise self.bad(key, "an item stands twice")
            return tuple(value)

        return self._take(key, default, check)

    def tables(
        self, key: str, columns: Iterable[str], *, optional: Iterable[str] = (), required: bool = False
    ) -> list[tuple[str, dict[str, str]]]:
        """A list of tables with *columns* and maybe *optional* ones, all text; each with its own place, `signers[0]`."""
        wanted, allowed = set(columns), set(columns) | set(optional)

        def check(value: object) -> list[tuple[str, dict[str, str]]]:
            if not isinstance(value, list):
                raise self.bad(key, f"expected a list of tables with {', '.join(sorted(wanted))}")
            for number, row in enumerate(value):
                place = f"{key}[{number}]"
                if not isinstance(row, dict) or not wanted <= set(row) <= allowed:
                    raise self.bad(place, f"expected exactly {', '.join(sorted(wanted))}")
                for name, item in row.items():
                    self._line(f"{place}.{name}", item)
            return [(f"{key}[{number}]", row) for number, row in enumerate(value)]

        taken: list[tuple[str, dict[str, str]]] = self._take(key, REQUIRED if required else [], check)
        return taken

    def _line(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.bad(key, "expected text that is not empty")
        if any(unicodedata.category(sign) in _UNPRINTABLE or sign in _TURNING for sign in value):
            raise self.bad(key, "expected one line of text, without line ends and control characters")
        return value

    def _take(self, key: str, default: Any, check: Callable[[Any], Any]) -> Any:
        self._asked.add(key)
        if key in self._values:
            return check(self._values[key])
        path = f"{self.name}.{key}"
        if default is REQUIRED:
            raise Malformed("order.missing-key", f"the order must say this{self._misspelt(key)}", where=self.where(key))
        if default is DECIDED:
            hint = f"this has no default: the order, or the parties, must decide it{self._misspelt(key)}"
            raise Refused("order.no-default", hint, where=self.where(key))
        self._document.defaults.append((path, self._document.silence.get(path) or shown(default)))
        return default

    def _misspelt(self, key: str) -> str:
        """What may have been meant by it, if a key that nobody asked for is nearly this one."""
        near = get_close_matches(key, [other for other in self._values if other not in self._asked], n=1, cutoff=0.7)
        return f"; is it what '{near[0]}' means?" if near else ""


def shown(value: object) -> str:
    """A default as it is printed and put into the certificate."""
    if value is None:
        return "open"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return ", ".join(shown(item) for item in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _places(text: str) -> list[tuple[str, int]]:
    """`section.key` (`section.key[0].name` in arrays of tables) with its line, in order; for messages only, so maybe coarse."""
    places: list[tuple[str, int]] = []
    seen: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.split("\n"), 1):
        if header := _SECTION.match(line):
            prefix = header[2]
            places.append((prefix, number))
            if header[1] == "[[":
                seen[prefix] = seen.get(prefix, -1) + 1
                prefix = f"{prefix}[{seen[prefix]}]"
                places.append((prefix, number))
        elif key := _KEY.match(line):
            places.append((f"{prefix}.{key[1]}" if prefix else key[1], number))
    return places
