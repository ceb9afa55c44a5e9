"""The same migrations, triggers and behaviour on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Error, Refused, Unavailable, Unverified
from incamera.core.ids import digest
from incamera.testing import postgres
from incamera.testing.places import Place
from incamera.testing.vaults import account, conversation
from incamera.vault.database import HEADS, Database

pytestmark = pytest.mark.skipif(not postgres.available(), reason="PostgreSQL is not installed (Debian: postgresql)")
ORDER = digest(b"order")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    with postgres.server() as running:
        yield running


@pytest.fixture
def place(server: postgres.Postgres, tmp_path: Path) -> Iterator[Place]:
    made = Place.make(tmp_path, keys_url=server.database("keys"), state_url=server.database("state"))
    yield made
    made.vault.close()


def test_put_open_and_put_again(place: Place) -> None:
    known = account(1)
    first = place.vault.put((conversation(n) for n in range(30)), {known.subject: known})
    assert (first.stored, first.subjects, first.accounts) == (30, 7, 1)
    place.reopen()
    assert place.vault.put(conversation(n) for n in range(31)).duplicates == 30
    assert place.readable() == {f"c{n}" for n in range(31)}
    assert place.vault.check() == 31
    assert {facts.day for facts in place.vault.facts()} >= {"2025-01-01"}
    assert not list(place.home.glob("*.db"))


def test_a_vault_in_empty_databases(server: postgres.Postgres, tmp_path: Path) -> None:
    made = Place.make(tmp_path, keys_url=server.database(), state_url=server.database()).fill(3)
    assert len(made.readable()) == 3
    made.vault.close()


def test_both_lineages_stand_at_their_heads(place: Place) -> None:
    keys = place.vault.keyring.database
    assert keys.postgres
    assert keys.one("SELECT version_num FROM migration")[0] == HEADS["keys"]
    keys.migrate()


def test_draws_of_strangers_are_read_by_reference(place: Place) -> None:
    place.fill(40)
    grant = place.grant(max_records=10)
    refs = [bytes.fromhex(place.refs()[f"c{n}"]) for n in (1, 9, 33, 2)]
    assert set(place.vault.broker.release(grant, refs).keys) == set(refs)
    with pytest.raises(Refused) as caught:
        place.vault.broker.release(grant, [bytes.fromhex(ref) for ref in place.refs().values()])
    assert caught.value.code == "vault.record-cap"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM conversation_key",
        "DELETE FROM subject_key",
        r"UPDATE conversation_key SET wrapped = decode(repeat('00', 60), 'hex')",
        "UPDATE conversation_key SET state = 'shredded'",
        r"UPDATE subject_key SET wrapped = decode(repeat('00', 60), 'hex')",
        r"UPDATE subject_key SET secret = decode(repeat('00', 60), 'hex')",
        "UPDATE subject_key SET state = 'shredded'",
        r"UPDATE subject_key SET wrapped = '', version = version + 1",
        "UPDATE conversation_key SET hold_count = 0",
        "UPDATE subject_key SET hold_count = 0",
        "DELETE FROM held",
        "UPDATE held SET cref = cref",
        "DELETE FROM hold",
        "UPDATE hold SET matter = 'm-9'",
    ],
)
def test_the_server_itself_refuses_to_lose_a_held_key(place: Place, statement: str) -> None:
    place.fill(7)
    place.vault.place_hold("h-1", place.refs().values(), matter="m-1", order=ORDER)
    keys = place.vault.keyring.database
    with pytest.raises(Refused) as caught, keys.begin() as connection:
        keys.execute(connection, statement)
    assert caught.value.code == "vault.held"
    assert len(place.readable()) == 7


def test_holds_shreds_rolls_and_compaction(place: Place) -> None:
    place.fill(21)
    refs = place.refs()
    place.vault.place_hold("h-1", [refs["c1"], refs["c2"]], matter="m-1", order=ORDER)
    assert place.vault.shred_subject(place.subject(1), actor="holder", reason="request").outcome == "pending"
    assert place.vault.shred_conversation(refs["c3"], actor="holder", reason="request").outcome == "shredded"
    assert place.vault.roll_epoch(actor="holder").destroyed == (1,)
    assert [report.outcome for report in place.vault.release_hold("h-1")] == ["shredded"]
    assert place.vault.compact().purged == 4
    place.reopen()
    assert place.readable() == {f"c{n}" for n in range(21)} - {"c1", "c3", "c8", "c15"}


def test_a_hold_over_many_conversations_of_one_statement_counts_right(place: Place) -> None:
    place.fill(14)
    place.vault.place_hold("h-1", place.refs().values(), matter="m-1", order=ORDER)
    keys = place.vault.keyring.database
    assert keys.rows("SELECT DISTINCT hold_count FROM conversation_key") == [(1,)]
    assert keys.rows("SELECT DISTINCT hold_count FROM subject_key") == [(2,)]
    place.vault.release_hold("h-1")
    assert keys.rows("SELECT DISTINCT hold_count FROM conversation_key") == [(0,)]


def test_two_brokers_share_one_count(place: Place) -> None:
    place.fill(40)
    grant = place.grant(max_records=25)
    crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
    place.vault.broker.release(grant, crefs[:1])
    other = place.again()
    got: list[bytes] = []
    refused: list[str] = []

    def ask(vault: Any, some: list[bytes]) -> None:
        for cref in some:
            try:
                got.extend(vault.broker.release(grant, [cref]).keys)
            except Error as flaw:
                refused.append(flaw.code)

    threads = [threading.Thread(target=ask, args=(v, crefs[n + 1 :: 2])) for n, v in enumerate((place.vault, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 24
    assert set(refused) == {"vault.record-cap"}
    other.close()


def test_a_tampered_row_is_refused(place: Place) -> None:
    place.fill(7)
    keys = place.vault.keyring.database
    with keys.begin() as connection:
        keys.execute(connection, "UPDATE conversation_key SET version = version + 1")
    with pytest.raises(Unverified):
        place.readable()


def test_an_empty_database_is_no_vault(server: postgres.Postgres, place: Place) -> None:
    with pytest.raises(Unavailable) as caught:
        place.again(keys_url=server.database())
    assert caught.value.code == "vault.missing-database"


def test_a_server_that_is_away_is_told() -> None:
    with pytest.raises(Unavailable) as caught:
        Database("postgresql+psycopg://incamera@/none?host=/nonexistent", "keys").migrate()
    assert caught.value.code == "vault.database"


def test_classes_of_custody(place: Place) -> None:
    """Escrow, unsealing, switches, envelopes and the statement, as on SQLite."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from incamera.vault import escrow, held
    from incamera.vault.pairs import TRUSTEES

    keys, mine = {name: X25519PrivateKey.generate() for name in TRUSTEES}, X25519PrivateKey.generate()
    place.vault.recovery.name_trustees({name: key.public_key().public_bytes_raw().hex() for name, key in keys.items()})
    place.vault.put(conversation(n) for n in range(14))
    refs, subject, everything = place.refs(), place.subject(1), {f"c{n}" for n in range(14)}
    place.vault.place_hold("h-1", [refs["c1"]], matter="m-1", order=ORDER)
    with pytest.raises(Refused):
        place.vault.switch_class(subject, "escrowed", grant=place.grant())
    with pytest.raises(Refused) as trigger, place.vault.keyring.database.begin() as connection:
        change = "UPDATE conversation_key SET class = 2, wrapped = ? WHERE cref = ?"
        place.vault.keyring.database.execute(connection, change, (b"", bytes.fromhex(refs["c1"])))
    assert trigger.value.code == "vault.held"
    place.vault.release_hold("h-1")
    assert place.vault.switch_class(subject, "escrowed", grant=place.grant()) == 2
    grant = place.grant()
    assert place.readable(grant) == everything - {"c1", "c8"}
    request = escrow.read_request(place.vault.unsealing.ask(grant, [refs["c1"], refs["c8"]]))
    answer = escrow.unseal_alone(request, {name: keys[name] for name in ("holder", "neutral")})
    assert place.vault.unsealing.admit(grant, answer) == 2
    place.reopen()
    assert place.readable(grant) == everything
    assert place.vault.switch_class(subject, "user", grant=grant, recipient=mine.public_key()) == 2
    assert place.readable(grant) == everything - {"c1", "c8"}
    envelopes, _ = place.vault.answer_held(
        [refs["c1"], refs["c8"]], matter="m-1", actor="holder", key=Ed25519PrivateKey.generate()
    )
    private = {mine.public_key().public_bytes_raw(): mine}
    assert {held.open_envelope(one, private).id for one in envelopes} == {"c1", "c8"}
    assert place.vault.check() == 14
    place.clock.move(days=4)
    assert place.vault.unsealing.expire() == 0
    assert dict(place.vault.stats().custody) == {"operator": 12, "escrowed": 0, "user": 2}
