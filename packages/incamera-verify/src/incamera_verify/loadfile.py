"""Concordance load files (.DAT): one dialect, written and read by the same two functions.

Fields stand between thorns (U+00FE), apart by DC4 (0x14), one record a line (CRLF), UTF-8 without a byte order mark, and
U+00AE is a line end inside a field. A character that would break this, or hide in it, is written as `{U+00FE}`: the
substitution is visible to a reader, reversible by a program, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from incamera_verify.errors import VerificationError

SEPARATOR = "\x14"
QUALIFIER = "\u00fe"
NEWLINE = "\u00ae"
ROW_END = "\r\n"

#: Controls (tab and line ends aside), line and paragraph separators, byte order marks, lone surrogates, the dialect's own
#: three characters, and an opening brace that would otherwise start an escape.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff" + QUALIFIER + NEWLINE + "]|\\{(?=U\\+)",
)
_ESCAPE = re.compile(r"\{U\+([0-9A-F]{4,6})\}")
_LINE_END = re.compile("\r\n|\r")

#: Fields of the document lane, in order. Names are fixed by the trade; `docs/formats/dat.md` says what each holds.
FIELDS = (
    "BEGBATES", "ENDBATES", "BEGATTACH", "ENDATTACH", "PRODVOL", "CUSTODIAN", "CONVERSATIONID", "PLATFORM", "MODEL",
    "DATESTART", "TIMESTART", "DATEEND", "MSGCOUNT", "USERTURNS", "ASSTTURNS", "LANGUAGE", "STRATUM", "SAMPLEWEIGHT",
    "DRAWRANK", "DELETEDFLAG", "TEMPCHATFLAG", "PARTYACCOUNTFLAG", "TOOLUSE", "TOPICCLASS", "CONFIDENTIALITY", "REDACTED",
    "REDACTIONREASONS", "REDACTEDCHARS", "PRIVLOGID", "WITHHELDREASON", "NEARDUPGROUP", "MD5HASH", "SHA256HASH", "TEXTPATH",
    "NATIVEPATH", "PRODBEGDATE", "SUPERSEDES",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A parsed load file: field names and one tuple of values per record."""

    fields: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """All values of one field. Raises `VerificationError` (`loadfile.missing-field`)."""
        try:
            at = self.fields.index(name)
        except ValueError:
            raise VerificationError("loadfile.missing-field", "the load file lacks a field it needs", name) from None
        return [row[at] for row in self.rows]

    def records(self) -> list[dict[str, str]]:
        """The same as one mapping per record."""
        return [dict(zip(self.fields, row, strict=True)) for row in self.rows]


def encode_value(value: str) -> tuple[str, int]:
    """*value* as it stands between two thorns, and how many characters had to be substituted (line ends not counted)."""
    escaped, count = _UNSAFE.subn(lambda hit: f"{{U+{ord(hit[0]):04X}}}", _LINE_END.sub("\n", value))
    return escaped.replace("\n", NEWLINE), count


def decode_value(field: str, where: str = "") -> str:
    """The value that `encode_value` encoded, with every line end as LF.

    Raises:
        VerificationError: `loadfile.bad-value`, a raw character that only an escape may carry, or an escape of any other.
    """

    def character(hit: re.Match[str]) -> str:
        code = int(hit[1], 16)
        known = chr(code) if code <= 0x10FFFF else ""
        if known != "{" and not (known and _UNSAFE.fullmatch(known)):
            raise VerificationError("loadfile.bad-value", "an escape stands for a character that needs none", where)
        return known

    text = field.replace(NEWLINE, "\n")
    if any(hit[0] != "{" for hit in _UNSAFE.finditer(text)):
        raise VerificationError("loadfile.bad-value", "a field holds a character that must be escaped", where)
    return _ESCAPE.sub(character, text)


def encode_row(values: Iterable[str]) -> tuple[bytes, int]:
    """One line of the load file and its count of substituted characters."""
    pairs = [encode_value(value) for value in values]
    line = SEPARATOR.join(f"{QUALIFIER}{text}{QUALIFIER}" for text, _ in pairs) + ROW_END
    return line.encode("utf-8"), sum(count for _, count in pairs)


def encode(fields: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[bytes, int]:
    """A whole load file and its count of substituted characters."""
    lines = [encode_row(row) for row in (fields, *rows)]
    return b"".join(line for line, _ in lines), sum(count for _, count in lines)


def parse(data: bytes, where: str = "") -> Table:
    """Read a load file of this dialect, strictly.

    Raises:
        VerificationError: `loadfile.not-utf8`, `loadfile.bad-line`, `loadfile.bad-value`, `loadfile.column-count`,
            `loadfile.duplicate-field`.
    Source: Concordance delimiters as receiving platforms document them; see `docs/formats/dat.md`.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as flaw:
        raise VerificationError("loadfile.not-utf8", "the load file is not UTF-8", f"{where} byte {flaw.start}") from None
    lines = text.split(ROW_END)
    if lines.pop() != "" or not lines:
        raise VerificationError("loadfile.bad-line", "the last line does not end in CRLF", where)
    header, *rows = [_split(line, f"{where} line {number}") for number, line in enumerate(lines, start=1)]
    if len(set(header)) != len(header):
        raise VerificationError("loadfile.duplicate-field", "a field is named twice", where)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise VerificationError(
                "loadfile.column-count", "a line has more or fewer values than fields", f"{where} line {number}"
            )
    return Table(fields=header, rows=tuple(rows))


def _split(line: str, where: str) -> tuple[str, ...]:
    values = line.split(SEPARATOR)
    for value in values:
        if len(value) < 2 or value[0] != QUALIFIER or value[-1] != QUALIFIER:
            raise VerificationError("loadfile.bad-line", "a value does not stand between two thorns", where)
    return tuple(decode_value(value[1:-1], where) for value in values)
