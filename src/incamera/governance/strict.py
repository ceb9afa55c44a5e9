"""A strict reader of TOML: every key is asked for by name, every key left over is an error, every default is noted.

An order that is half understood is worse than one that is refused, so nothing here guesses.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, TypeVar

from incamera.core.errors import Malformed, Refused

T = TypeVar("T")


class _Required:
    """Marks a key without default: `REQUIRED` if the file is incomplete without it, `DECIDED` if only the court can say."""


REQUIRED: Final = _Required()
DECIDED: Final = _Required()

_SECTION = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")


class Document:
    """One TOML document, its places, and what it left open.

    Args:
        text: The document.
        file: Its name, for messages.
        silence: `section.key` -> what it means that the key is not there, where the default itself does not say it.
    Raises:
        Malformed: `order.not-toml`, with the line.
    """

    def __init__(self, text: str, file: str, silence: Mapping[str, str] = MappingProxyType({})) -> None:
        self.file = file
        self.silence = silence
        self.defaults: list[tuple[str, str]] = []
        self.paragraphs: dict[str, str] = {}
        self._lines = _lines(text)
        self._opened: set[str] = set()
        try:
            self._values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as flaw:
            found = re.search(r"line (\d+)", str(flaw))
            raise Malformed(
                "order.not-toml",
                "the file is not TOML: look for a missing quote or bracket",
                where=f"{file}:{found[1] if found else 1}",
            ) from None

    def section(self, name: str) -> Section:
        """The section of that name, empty if the document has none."""
        self._opened.add(name)
        values = self._values.get(name, {})
        if not isinstance(values, dict):
            raise Malformed("order.bad-value", "expected a section, [name]", where=self.where(name))
        return Section(self, name, values)

    def close(self) -> None:
        """Raises `Malformed` (`order.unknown-section`) if the document holds a section nobody asked for."""
        for name in self._values:
            if name not in self._opened:
                known = ", ".join(sorted(self._opened))
                raise Malformed("order.unknown-section", f"known sections are {known}", where=self.where(name))

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

    def text(self, key: str, default: str | _Required | None = REQUIRED, *, pattern: str = "", hint: str = "") -> Any:
        """Non-empty text; with *pattern*, text that matches it whole."""

        def check(value: object) -> str:
            if not isinstance(value, str) or not value.strip() or (pattern and not re.fullmatch(pattern, value)):
                raise self.bad(key, hint or "expected text that is not empty")
            return value

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
                    if not isinstance(item, str) or not item.strip():
                        raise self.bad(f"{place}.{name}", "expected text that is not empty")
            return [(f"{key}[{number}]", row) for number, row in enumerate(value)]

        taken: list[tuple[str, dict[str, str]]] = self._take(key, REQUIRED if required else [], check)
        return taken

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


def _lines(text: str) -> dict[str, int]:
    """`section.key` (and `section.key[0].name` of arrays of tables) to its first line; only for messages, so it may be coarse."""
    lines: dict[str, int] = {}
    seen: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _SECTION.match(line):
            prefix = header[2]
            if header[1] == "[[":
                lines.setdefault(prefix, number)
                seen[prefix] = seen.get(prefix, -1) + 1
                prefix = f"{prefix}[{seen[prefix]}]"
            lines.setdefault(prefix, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{prefix}.{key[1]}" if prefix else key[1], number)
    return lines
