"""JSON from byte streams in bounded memory: lines, arrays of any length, single values, with damage kept local.

The standard decoder is used on purpose: it keeps lone surrogates as received, which the fast parsers replace or refuse.
Text is decoded so that a bad byte spoils the record that holds it and not the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

#: The largest record, in bytes; a record is the unit that must fit in memory.
MAX_RECORD: Final = 256 << 20
#: How many places are tried behind a damaged element of an array before the rest of the file is given up.
MAX_RESYNC: Final = 2000
_CHUNK: Final = 1 << 20

_DECODER: Final = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\n\r\ufeff]*")
_BETWEEN = re.compile(r"[ \t\n\r,\ufeff]*")
_BAD = re.compile("[\udc80-\udcff]")
_ELEMENT = re.compile(r"[}\]\"\w]\s*,\s*(?=\{)")
_BOM: Final = codecs.BOM_UTF8


@dataclass(frozen=True, slots=True)
class Value:
    """One JSON value and its place: `line 12`, `record 3`."""

    where: str
    data: Any


@dataclass(frozen=True, slots=True)
class Flawed:
    """A place where no value could be read, and why (an error code). The text there is not quoted."""

    where: str
    code: str


def lines(stream: BinaryIO) -> Iterator[Value | Flawed]:
    """JSON Lines: one value a line. A bad line costs that line only; a last line that breaks off says so."""
    number = 0
    while True:
        raw = stream.readline(MAX_RECORD + 1)
        if not raw:
            return
        number += 1
        if len(raw) > MAX_RECORD:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_RECORD + 1)
            yield Flawed(f"line {number}", "ingest.record-too-large")
            continue
        if number == 1:
            raw = raw.removeprefix(_BOM)
        if raw.strip():
            yield _line(raw, number)


def _line(raw: bytes, number: int) -> Value | Flawed:
    where = f"line {number}"
    try:
        return Value(where, _DECODER.decode(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        return Flawed(f"{where}, byte {error.start}", "ingest.encoding")
    except json.JSONDecodeError as error:
        broken_off = not raw.endswith(b"\n") and _incomplete(error, len(error.doc))
        return Flawed(f"{where}, character {error.pos}", "ingest.truncated" if broken_off else "ingest.not-json")
    except RecursionError:
        return Flawed(where, "ingest.too-deep")
    except ValueError:
        return Flawed(where, "ingest.not-json")  # a number of thousands of digits


def _incomplete(error: json.JSONDecodeError, length: int) -> bool:
    """Whether more text might mend *error*: an open string, or an end where more was expected."""
    return error.msg.startswith("Unterminated string") or error.pos >= length - 12


def values(stream: BinaryIO, *, array: bool, accept: Callable[[Any], bool] = lambda _: True) -> Iterator[Value | Flawed]:
    """The elements of one array, or the values that follow each other in a file.

    Args:
        array: The file is one array and its elements are wanted.
        accept: Tells a whole element from a fragment of one when reading goes on behind damage.
    """
    return _Reader(stream, array=array, accept=accept).read()


class _Reader:
    """A window of decoded text over a stream; `start` counts the characters that have left it."""

    def __init__(self, stream: BinaryIO, *, array: bool, accept: Callable[[Any], bool]) -> None:
        self.stream = stream
        self.array = array
        self.accept = accept
        self.decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.text = ""
        self.at = 0
        self.start = 0
        self.start_bytes = 0
        self.ended = False
        self.doubtful = False  # a chunk held bytes that are not UTF-8

    def read(self) -> Iterator[Value | Flawed]:
        self._fill(_CHUNK)
        number = 0
        if self.array:
            self.at = _SPACE.match(self.text).end() + 1  # type: ignore[union-attr]
        while True:
            self._skip()
            if self.at >= len(self.text):
                if self.array:
                    yield Flawed(self._place(number + 1, self.at), "ingest.truncated")
                return
            if self.array and self.text[self.at] == "]":
                if (after := self._after()) is not None:
                    yield Flawed(self._place(number + 1, after), "ingest.not-json")
                return
            number += 1
            found = self._next(number)
            yield found
            if isinstance(found, Flawed) and found.code != "ingest.encoding" and not self._resync():
                return

    def _skip(self) -> None:
        pattern = _BETWEEN if self.array else _SPACE
        while True:
            self.at = pattern.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or self.ended:
                return
            self._fill(_CHUNK)

    def _after(self) -> int | None:
        """Where something stands behind the end of the array, which would otherwise go unread without a word."""
        self.at += 1
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.at
            if self.ended:
                return None
            self._fill(_CHUNK)

    def _next(self, number: int) -> Value | Flawed:
        try:
            data, end = self._decode()
        except json.JSONDecodeError as error:
            code = "ingest.truncated" if _incomplete(error, len(self.text)) else "ingest.not-json"
            return Flawed(self._place(number, error.pos), code)
        except RecursionError:
            return Flawed(self._place(number, self.at), "ingest.too-deep")
        except OverflowError:
            return Flawed(self._place(number, self.at), "ingest.record-too-large")
        except ValueError:
            return Flawed(self._place(number, self.at), "ingest.not-json")
        began, self.at = self.at, end
        if self.doubtful and (bad := _BAD.search(self.text, began, end)):
            offset = self.start_bytes + _size(self.text[: bad.start()])
            return Flawed(f"record {number}, byte {offset}", "ingest.encoding")
        return Value(f"record {number}", data)

    def _decode(self) -> tuple[Any, int]:
        """The value that begins at `at`, reading on while it is unfinished."""
        while True:
            try:
                return _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self.ended or not _incomplete(error, len(self.text)):
                    raise
            if len(self.text) - self.at > MAX_RECORD:
                raise OverflowError
            # Twice as much each time: trying again costs no more than reading did.
            self._fill(max(_CHUNK, len(self.text) - self.at))

    def _resync(self) -> bool:
        """Go on behind a damaged element: at the next place where a whole element of the file's own shape begins."""
        tries = 0
        while self.array and tries < MAX_RESYNC:
            found = _ELEMENT.search(self.text, self.at)
            if found is None:
                if self.ended:
                    return False
                self.at = max(self.at, len(self.text) - 64)
                self._fill(_CHUNK)
                continue
            self.at = found.end()
            tries += 1
            try:
                data, _ = self._decode()
            except (ValueError, RecursionError, OverflowError):
                continue
            if self.accept(data):
                return True
        return False

    def _fill(self, size: int) -> None:
        """Drop what has been read and take *size* bytes more."""
        self.start += self.at
        self.start_bytes += _size(self.text[: self.at])
        raw = self.stream.read(size)
        self.ended = not raw
        fresh = self.decoder.decode(raw, final=self.ended)
        self.doubtful = self.doubtful or (not fresh.isascii() and _BAD.search(fresh) is not None)
        self.text = self.text[self.at :] + fresh
        self.at = 0

    def _place(self, number: int, at: int) -> str:
        return f"record {number}, character {self.start + at}"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
