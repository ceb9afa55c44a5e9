"""The document lane: load file, natives and texts, each rendered again from the row it must show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from incamera_verify import loadfile, logs, render, rsmf
from incamera_verify.errors import VerificationError

#: Files in one folder of TEXT or NATIVES.
FOLDER_FILES = 1000


class Form(Protocol):
    """The facts of a volume that its document lane depends on."""

    @property
    def volume(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def designation(self) -> str: ...
    @property
    def documents(self) -> int: ...
    @property
    def first_bates(self) -> str: ...
    @property
    def last_bates(self) -> str: ...


def text_path(number: int, bates: str) -> str:
    """Where the text of the *number*-th document (from 0) lies."""
    return f"TEXT/{number // FOLDER_FILES + 1:04d}/{bates}.txt"


def native_path(number: int, bates: str) -> str:
    """Where its native lies."""
    return f"NATIVES/{number // FOLDER_FILES + 1:04d}/{bates}.rsmf"


def dat_path(volume: str) -> str:
    """Where the load file lies."""
    return f"DATA/{volume}.DAT"


def check(
    volume: Path, present: Iterable[str], form: Form, rows: Iterable[Mapping[str, Any]] | None, index: logs.LogIndex
) -> tuple[str, int]:
    """Load file, natives and texts say what the rows say, and nothing else.

    Args:
        rows: The rows of the bulk lane, streaming; None where they are sealed, and then form, hashes and agreement among the
            three are checked, but not what the rows say.

    Returns:
        What was checked, in a phrase, and how many characters the load file carries as escapes.

    Raises:
        VerificationError: `documents.*`, `loadfile.*`, `rsmf.*`.
    """
    place = dat_path(form.volume)
    table = loadfile.parse((volume / place).read_bytes(), place)
    if table.fields != loadfile.FIELDS:
        raise VerificationError("documents.other-fields", "the load file has other fields than this format", place)
    records = table.records()
    _numbering(records, form, place)
    _files(records, present)
    escaped = sum(loadfile.encode_value(value)[1] for record in records for value in record.values())
    if rows is None:
        for record in records:
            _native(volume, record)
        return f"{len(records)} natives linted, hashes and numbers agree; what they say needs the sealed rows", escaped
    numbers = {record["BEGBATES"]: n for n, record in enumerate(records)}
    for row in rows:
        if row["bates"] is None:
            continue
        if row["bates"] not in numbers:
            raise VerificationError("documents.missing", "a row has a Bates number that the load file lacks", row["bates"])
        number = numbers.pop(row["bates"])
        _shows(volume, row, number=number, record=records[number], form=form, index=index)
    if numbers:
        raise VerificationError("documents.not-a-row", "a document shows no row of the bulk lane", next(iter(numbers)))
    return f"{len(records)} documents rendered again from their rows, equal in load file, native and text", escaped


def _numbering(records: list[dict[str, str]], form: Form, place: str) -> None:
    bates = [record["BEGBATES"] for record in records]
    if len(bates) != form.documents or (form.first_bates, form.last_bates) != ((bates[0], bates[-1]) if bates else ("", "")):
        raise VerificationError(
            "documents.wrong-count", "the load file has another number or range of documents than the volume", place
        )
    shape = re.compile(re.escape(form.prefix) + rf"[0-9]{{{form.width}}}")
    if not all(shape.fullmatch(number) for number in bates):
        raise VerificationError("documents.bad-bates", "a Bates number is not of the volume's prefix and width", place)
    counted = [int(number[len(form.prefix) :]) for number in bates]
    if counted != list(range(counted[0], counted[0] + len(counted))) if counted else False:
        raise VerificationError("documents.bad-bates", "Bates numbers are not contiguous", place)


def _files(records: list[dict[str, str]], present: Iterable[str]) -> None:
    expected = {path(n, record["BEGBATES"]) for n, record in enumerate(records) for path in (text_path, native_path)}
    found = {path for path in present if path.startswith(("TEXT/", "NATIVES/"))}
    for odd in sorted(expected ^ found):
        raise VerificationError("documents.other-files", "texts, natives and load file do not name the same documents", odd)
    for n, record in enumerate(records):
        paths = (record["TEXTPATH"].replace("\\", "/"), record["NATIVEPATH"].replace("\\", "/"))
        if paths != (text_path(n, record["BEGBATES"]), native_path(n, record["BEGBATES"])):
            raise VerificationError(
                "documents.other-files", "the load file points at other files than the document's own", record["BEGBATES"]
            )


def _native(volume: Path, record: Mapping[str, str]) -> tuple[bytes, rsmf.Native]:
    """The linted native of a record, whose hashes are the stated ones and whose text is the text file's."""
    place = record["NATIVEPATH"].replace("\\", "/")
    data = (volume / place).read_bytes()
    if render.hashes(data) != (record["MD5HASH"], record["SHA256HASH"]):
        raise VerificationError("documents.wrong-hash", "the load file states other hashes than the native has", place)
    native = rsmf.lint(data, place)
    if (volume / record["TEXTPATH"].replace("\\", "/")).read_bytes() != native.text.encode():
        raise VerificationError("documents.other-text", "the text is not the native's extracted text", record["BEGBATES"])
    return data, native


def _shows(
    volume: Path, row: Mapping[str, Any], *, number: int, record: Mapping[str, str], form: Form, index: logs.LogIndex
) -> None:
    bates = row["bates"]
    native, shown = _native(volume, record)
    document = render.Document(row, form.designation)
    if shown.text != document.text:
        raise VerificationError("documents.other-text", "the text is not what the row gives", bates)
    if shown.manifest != document.manifest:
        raise VerificationError("documents.other-native", "the native is not what the row gives", bates)
    if dict(shown.headers) != document.headers:
        raise VerificationError("documents.other-native", "the native's headers are not what the row gives", bates)
    expected = document.record(
        volume=form.volume,
        text_path=text_path(number, bates),
        native_path=native_path(number, bates),
        native=native,
        replaced=index.by_conversation.get(row["conversation"], logs.Replaced()),
    )
    if record != {name: loadfile.decode_value(loadfile.encode_value(value)[0]) for name, value in expected.items()}:
        raise VerificationError("documents.other-record", "the load file's record is not what the row gives", bates)
