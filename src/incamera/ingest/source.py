"""What a source format is to this room: a shape to recognise and a way from its records to drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from incamera.core.errors import Malformed
from incamera.ingest.draft import Draft
from incamera.ingest.report import Report

Record = dict[str, Any]


class Gatherer(Protocol):
    """Collects the records of one thread where a source writes one message a record."""

    def feed(self, record: Record) -> Iterator[list[Record]]:
        """Take one record in; hand out the threads that are complete."""

    def end(self) -> Iterator[list[Record]]:
        """The threads still open when the file ends."""


@dataclass(frozen=True, slots=True)
class Source:
    """One format. `shape` says in words what `recognises` looks for; it is printed when nothing matches.

    `convert` takes the records of one conversation (one, unless `gather` is set) and gives one draft or more.
    `requires` looks at a file's first record and raises where the file cannot be this source's.
    `convert` raises `Damaged` where a record has the format's shape and a part of it that cannot be read.
    """

    name: str
    shape: str
    recognises: Callable[[Record], bool]
    convert: Callable[[list[Record], Report], Iterator[Draft]]
    gather: Callable[[], Gatherer] | None = None
    requires: Callable[[Record, str], None] | None = None


class Damaged(Malformed):
    """A record that cannot be read. The reader turns it into an exception row and goes on."""


def damaged(where: str) -> Damaged:
    """The error for a record whose field *where* is not what its format says."""
    return Damaged(
        "ingest.damaged-record", "the record has the format's shape, but a field is not of the format's type", where=where
    )


def mapping(value: object, where: str) -> Record:
    """*value* as a JSON object; absent counts as empty.

    Raises:
        Damaged: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise damaged(where)
    return value


def item(value: object, where: str) -> Record:
    """*value*, one of a list, as a JSON object.

    Raises:
        Damaged: it is something else, or nothing.
    """
    if not isinstance(value, dict):
        raise damaged(where)
    return value


def listing(value: object, where: str) -> list[Any]:
    """*value* as a JSON array; absent counts as empty.

    Raises:
        Damaged: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise damaged(where)
    return list(value)


def text_or_none(value: object) -> str | None:
    """*value* if it is a string with something in it."""
    return value if isinstance(value, str) and value else None
