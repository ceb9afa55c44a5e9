"""Wrapped keys by column: whatever lies where, the rows are those that were asked for, and each is checked as it is alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from incamera.core.errors import Unverified
from incamera.testing.places import Place
from incamera.vault import keyrows
from incamera.vault.keyrows import KeyRow, KeyRows, Stored
from incamera.vault.keys import Subject

ORDER = "ab" * 32


def stored(place: Place) -> dict[bytes, KeyRow]:
    query = "SELECT slot, cref, uref, wrapped, version, class FROM conversation_key WHERE state <> 'shredded'"
    return {row[1]: KeyRow(*row) for row in place.vault.keyring.database.rows(query)}  # type: ignore[attr-defined]


def read(place: Place, crefs: list[bytes]) -> Stored:
    return keyrows.read(place.vault.keyring.database, crefs)  # type: ignore[attr-defined]


def opened(place: Place, found: Stored) -> dict[bytes, bytes]:
    keyring, subjects = place.vault.keyring, found.subjects
    keys: dict[bytes, Subject] = {}
    for uref, row in subjects.items():
        keys[uref] = keyring.unwrap_subject(uref, row.epoch, row.version, row.wrapped, row.secret)  # type: ignore[attr-defined]
    one_by_one = {
        row.cref: keyring.unwrap_conversation(  # type: ignore[attr-defined]
            keys[row.uref], row.cref, row.wrapped, version=row.version, kind=row.kind
        )
        for row in found.rows
    }
    together: dict[bytes, bytes] = keyring.unwrap_many(keys, found.rows)  # type: ignore[attr-defined]
    assert together == one_by_one
    return together


def test_neighbours_strangers_and_what_is_not_there(fill: Callable[[int], Place]) -> None:
    place = fill(60)
    rows = stored(place)
    order = sorted(rows, key=lambda cref: rows[cref].slot)
    for asked in (order, order[10:20], order[::7], order[::-1], [order[0], order[-1]], order[3:4], [*order[5:8], *order[5:8]]):
        found = read(place, asked)
        assert {row.cref: row for row in found.rows} == {cref: rows[cref] for cref in asked}
        assert len(found.rows) == len(set(asked)) and not found.pending
        assert set(found.subjects) == {rows[cref].uref for cref in asked}
        assert set(opened(place, found)) == set(asked)
    assert len(read(place, [bytes(16), *order[:3]]).rows) == 3
    assert read(place, []).rows == read(place, [bytes(16)]).rows == KeyRows()


def test_a_shred_takes_its_row_alone_and_a_held_one_is_pending(fill: Callable[[int], Place]) -> None:
    place = fill(60)
    refs, rows = place.refs(), stored(place)
    order = sorted(rows, key=lambda cref: rows[cref].slot)
    place.vault.place_hold("H", [refs["c3"]], matter="m", order=ORDER)  # type: ignore[arg-type]
    for name in ("c3", "c12"):
        place.vault.shred_conversation(refs[name], actor="holder", reason="request")
    held, gone = bytes.fromhex(refs["c3"]), bytes.fromhex(refs["c12"])
    found = read(place, order)
    assert {row.cref for row in found.rows} == set(order) - {gone}
    assert found.pending == {held}
    assert {row.cref: row for row in found.rows} == stored(place)  # also those that the shred wrapped under a fresh key
    assert len(opened(place, found)) == 59
    place.vault.place_hold("H2", [refs["c1"]], matter="m", order=ORDER)  # type: ignore[arg-type]
    subject = place.vault.subjects(["person-1@example.org"])["person-1@example.org"]
    assert subject is not None
    place.vault.shred_subject(subject, actor="holder", reason="request")
    waiting = {cref for cref, row in rows.items() if row.uref.hex() == subject}
    assert read(place, order).pending == {held, *waiting}


@pytest.mark.parametrize("column", ["wrapped", "version", "cref", "uref", "class"])
def test_one_altered_row_among_neighbours_is_named(column: str, fill: Callable[[int], Place]) -> None:
    place = fill(60)
    database = place.vault.keyring.database  # type: ignore[attr-defined]
    rows = list(stored(place).values())
    bad, other = rows[30], next(row for row in rows if row.uref != rows[30].uref)
    changed = {"wrapped": other.wrapped, "version": 2, "cref": b"x" * 16, "uref": other.uref, "class": 1}[column]
    with database.begin() as connection:
        database.execute(connection, f"UPDATE conversation_key SET {column} = ? WHERE slot = ?", (changed, bad.slot))
    found = read(place, list(stored(place)))
    with pytest.raises(Unverified) as caught:
        opened(place, found)
    cref = b"x" * 16 if column == "cref" else bad.cref
    assert (caught.value.code, caught.value.where) == ("vault.not-authentic", cref.hex())
    keys = {
        uref: place.vault.keyring.unwrap_subject(uref, row.epoch, row.version, row.wrapped, row.secret)  # type: ignore[attr-defined]
        for uref, row in found.subjects.items()
    }
    with pytest.raises(Unverified) as caught:
        place.vault.keyring.unwrap_many(keys, found.rows)  # type: ignore[attr-defined]
    assert (caught.value.code, caught.value.where) == ("vault.not-authentic", cref.hex())
