"""A vault behind a broker's socket does what one with keys.db in its hands does, and no more than its account's level."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incamera.core.crypto import public_text
from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.core.ids import Ref, digest
from incamera.testing.places import Place
from incamera.testing.vaults import CANARY, account, conversation, examine
from incamera.vault import escrow, held, sessions
from incamera.vault.database import Database
from incamera.vault.held import Facts
from incamera.vault.pairs import TRUSTEES
from incamera.vault.protocol import Level, answered
from incamera.vault.register import Derived
from incamera.vault.serving import NewKey
from incamera.vault.store import Vault
from incamera.vault.wire import Client, Server

ORDER = digest(b"an order")
Keys = Mapping[str, X25519PrivateKey]


@dataclass
class Behind:
    """A vault seen from both sides: `place` has keys.db, `vault` has the socket."""

    place: Place
    vault: Vault
    address: str

    def readable(self) -> set[str]:
        grant = self.place.grant()
        step = self.vault.within(grant, examine)
        batches = [batch for fragment in self.vault.fragments() for batch in step(fragment.read())]
        found = (value for batch in self.vault.unseal(grant, batches) for value in batch["result"].to_pylist())
        return {value.decode().split("\n")[0] for value in found}


@contextmanager
def behind(place: Place, address: Path, level: Level = Level.CUSTODIAN) -> Iterator[Behind]:
    server = Server(place.vault.operations(), address=address, accounts={os.geteuid(): level}).start()
    vault = Vault.connect(place.home, server.address, appender=place.ledger, clock=place.clock)
    try:
        yield Behind(place, vault, server.address)
    finally:
        vault.close()
        server.close()


@pytest.fixture
def door(place: Place, tmp_path: Path) -> Iterator[Behind]:
    with behind(place, tmp_path / "door") as both:
        yield both


@pytest.fixture
def clerk(place: Place, tmp_path: Path) -> Iterator[Behind]:
    with behind(place, tmp_path / "door", Level.CLERK) as both:
        yield both


@pytest.fixture(scope="module")
def keys() -> Keys:
    return {name: X25519PrivateKey.generate() for name in TRUSTEES}


def public(keys: Keys) -> dict[str, str]:
    return {name: key.public_key().public_bytes_raw().hex() for name, key in keys.items()}


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Error) as caught:
        act()
    return caught.value.code


def test_what_a_clerk_stores_opens_under_a_grant_and_is_stored_once(clerk: Behind) -> None:
    known = account(1)
    report = clerk.vault.put((conversation(n) for n in range(14)), {known.subject: known})
    assert (report.stored, report.subjects, report.accounts) == (14, 7, 1)
    again = clerk.vault.put((conversation(n) for n in range(16)), {known.subject: known})
    assert (again.stored, again.duplicates, again.subjects, again.accounts) == (2, 14, 0, 0)
    assert clerk.readable() == {f"c{n}" for n in range(16)}
    assert clerk.place.readable() == {f"c{n}" for n in range(16)}, "the one with keys.db reads what was stored over the socket"
    assert clerk.place.vault.check() == clerk.vault.stats().conversations == 16
    assert clerk.place.vault.keyring.pending() == []


def test_an_account_that_a_clerk_stored_comes_out_under_a_grant(clerk: Behind) -> None:
    known = account(1)
    clerk.vault.put([conversation(1)], {known.subject: known})
    grant = clerk.place.grant()
    step = clerk.vault.within(grant, examine)
    (batch,) = [batch for fragment in clerk.vault.fragments() for batch in step(fragment.read())]
    (value,) = next(iter(clerk.vault.unseal(grant, [batch])))["result"].to_pylist()
    assert f"{CANARY} Person 1".encode() in value


def test_stats_facts_and_lookups_agree_on_both_sides(door: Behind) -> None:
    door.vault.put(conversation(n) for n in range(9))
    assert door.vault.stats() == door.place.vault.stats()
    assert list(door.vault.facts()) == list(door.place.vault.facts())
    assert door.vault.lookup(["c1", "c99"]) == door.place.vault.lookup(["c1", "c99"])
    assert door.vault.keyring.epochs() == door.place.vault.keyring.epochs()
    assert door.vault.check() == 9


def test_a_writer_that_was_killed_is_cleaned_up_after(clerk: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk.vault.put(conversation(n) for n in range(3))
    from incamera.vault.intake import Intake

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "_commit", killed)
        with pytest.raises(KeyboardInterrupt):
            clerk.vault.put([conversation(5)])
    assert clerk.place.vault.keyring.pending() == [2]
    with Vault.connect(clerk.place.home, clerk.address, appender=clerk.place.ledger, clock=clerk.place.clock) as vault:
        assert clerk.place.vault.keyring.pending() == []
        assert vault.put([conversation(5)]).stored == 1
    assert clerk.readable() == {"c0", "c1", "c2", "c5"}


def test_a_batch_that_is_stored_is_neither_added_to_nor_taken_back(clerk: Behind) -> None:
    """The way to destroy keys that a clerk would have: give a stored batch's number, and then give the batch up."""
    clerk.vault.put(conversation(n) for n in range(3))
    ask = Client(clerk.address).ask
    row = NewKey(1 << 20 | 9, os.urandom(16), os.urandom(16), 0, os.urandom(32))
    assert code_of(lambda: ask("insert_keys", object, batch=1, subjects=row.uref, keys=[row])) == "vault.batch-taken"
    ask("settle_batch", object, batch=1, stored=False)
    assert clerk.readable() == {"c0", "c1", "c2"}
    for wrong in (
        NewKey(3 << 20, os.urandom(16), row.uref, 0, os.urandom(32)),  # of another batch
        NewKey(2 << 20, os.urandom(16), row.uref, 0, os.urandom(31)),  # not a key
        NewKey(2 << 20, os.urandom(16), row.uref, 2, os.urandom(32)),  # a key that its subject should hold alone
    ):
        assert code_of(lambda w=wrong: ask("insert_keys", object, batch=2, subjects=w.uref, keys=[w])) == "vault.bad-request"
    stranger = NewKey(2 << 20, os.urandom(16), os.urandom(16), 0, os.urandom(32))
    assert code_of(lambda: ask("insert_keys", object, batch=2, subjects=b"", keys=[stranger])) == "vault.unknown-reference"
    sealing = code_of(lambda: ask("seal_accounts", object, accounts=[(os.urandom(16), b"x")]))
    assert sealing == "vault.unknown-reference"


def test_holds_shreds_and_the_register(door: Behind) -> None:
    vault = door.vault
    vault.put(conversation(n) for n in range(14))
    refs = door.place.refs()
    subject = door.place.subject(1)
    assert vault.place_hold("h-1", [refs["c1"], refs["c2"]], matter="m-1", order=ORDER) == 2
    assert vault.place_hold("h-1", [refs["c1"], refs["c3"]], matter="m-1", order=ORDER) == 1
    assert vault.holds.over(bytes.fromhex(refs["c1"])) == ["h-1"]
    assert vault.holds.held() == {bytes.fromhex(refs[name]) for name in ("c1", "c2", "c3")}
    copy = Derived(name="m-1: working set", kind="working set", reach="dies-with-key", key_path="conversation key")
    vault.register.add(copy)
    assert [one.name for one in vault.register.all()] == ["m-1: working set"]
    report = vault.shred_subject(subject, actor="custodian", reason="request")
    assert (report.outcome, report.holds) == ("pending", ("h-1",))
    assert vault.holds.covered("m-1") == {bytes.fromhex(refs["c1"])}
    assert vault.shredder.pending() == 1
    (done,) = vault.release_hold("h-1")
    assert (done.outcome, done.conversations) == ("shredded", 2)
    assert [hold.released_at is None for hold in vault.holds.all()] == [False]
    assert vault.shred_conversation(refs["c3"], actor="custodian", reason="request").outcome == "shredded"
    assert door.readable() == {f"c{n}" for n in range(14)} - {"c1", "c8", "c3"}
    assert vault.compact().purged == 3
    assert vault.check() == 11


def test_an_empty_hold_stands(door: Behind) -> None:
    assert door.vault.place_hold("h-1", [], matter="m-1", order=ORDER) == 0
    assert [hold.id for hold in door.vault.holds.all()] == ["h-1"]


def test_a_roll_over_the_socket_destroys_what_it_says(door: Behind) -> None:
    door.vault.put(conversation(n) for n in range(7))
    report = door.vault.roll_epoch(actor="custodian")
    assert (report.epoch, report.rewrapped, report.destroyed) == (2, 7, (1,))
    assert door.vault.roll_epoch(actor="custodian", grace=timedelta(days=7)).destroyed == ()
    assert door.vault.put([conversation(8)]).stored == 1
    assert door.readable() == {*(f"c{n}" for n in range(7)), "c8"}


def test_escrow_and_a_switch_of_class(door: Behind, keys: Keys) -> None:
    vault = door.vault
    assert code_of(lambda: vault.put([conversation(1)], {"person-1@example.org": replace(account(1), custody="escrowed")})) == (
        "vault.no-trustees"
    )
    vault.recovery.name_trustees(public(keys))
    report = vault.put((conversation(n) for n in range(14)), {"person-1@example.org": replace(account(1), custody="escrowed")})
    assert (report.stored, report.escrowed) == (14, 2)
    grant, refs = door.place.grant(), door.place.refs()
    both = [refs["c1"], refs["c8"]]
    assert door.readable() == {f"c{n}" for n in range(14)} - {"c1", "c8"}
    request = escrow.read_request(vault.unsealing.ask(grant, both))
    assert set(vault.unsealing.sealed(grant, both)) == set(both)
    assert vault.unsealing.admit(grant, escrow.unseal_alone(request, {n: keys[n] for n in ("court", "holder")})) == 2
    assert vault.unsealing.sealed(grant, both) == []
    assert vault.switch_class(door.place.subject(1), "operator", grant=grant) == 2
    assert vault.unsealing.end(grant) == 0, "the switch put fresh keys in the place of those"
    assert door.readable() == {f"c{n}" for n in range(14)}
    mine = X25519PrivateKey.generate()
    assert vault.switch_class(door.place.subject(2), "user", grant=door.place.grant(), recipient=mine.public_key()) == 2
    theirs = [refs["c2"], refs["c9"]]
    signer = Ed25519PrivateKey.generate()
    envelopes, statement = vault.answer_held(theirs, matter="m-1", actor="holder", key=signer)
    held.check_statement(statement, envelopes, key=public_text(signer))
    assert code_of(lambda: vault.answer_held(both, matter="m-1", actor="holder", key=signer)) == "vault.class-differs"


def test_what_a_subject_sealed_is_stored_without_a_key(clerk: Behind) -> None:
    mine = X25519PrivateKey.generate()
    said = replace(conversation(1), subject="alone@example.org")
    facts = Facts(id=said.id, subject=said.subject, source="test", started_at=said.started_at, region="DE")
    report = clerk.vault.put_held([(held.seal(said, mine.public_key()), facts)])
    assert (report.stored, report.held_by_subject) == (1, 1)
    (row,) = clerk.place.vault.keyring.database.rows("SELECT wrapped, class FROM conversation_key")
    assert (bytes(row[0]), row[1]) == (b"", 2)


CUSTODIANS: list[tuple[str, dict[str, Any]]] = [
    ("release_hold", {"hold": "h-1"}),
    ("shred", {"kind": "subject", "ref": "0" * 32, "actor": "a", "reason": "r", "request": None}),
    ("settle_shreds", {}),
    ("roll", {"actor": "a", "grace_seconds": 0}),
    ("name_trustees", {"keys": {}}),
    ("check_keys", {}),
]


@pytest.mark.parametrize(("operation", "arguments"), CUSTODIANS)
def test_a_clerk_is_no_custodian(clerk: Behind, operation: str, arguments: dict[str, Any]) -> None:
    assert code_of(lambda: Client(clerk.address).ask(operation, object, **arguments)) == "vault.not-permitted"


def test_a_worker_gets_released_keys_and_nothing_else(fill: Any, tmp_path: Path) -> None:
    place = fill(3)
    server = Server(place.vault.operations(), address=tmp_path / "door", accounts={os.geteuid(): Level.WORKER}).start()
    door = Client(server.address)
    permitted = {name for name, one in place.vault.operations().items() if one.level is Level.WORKER}
    assert permitted == {"release", "check_grant", "file_key"}
    for name in place.vault.operations().keys() - permitted:
        assert code_of(lambda n=name: door.ask(n, object)) == "vault.not-permitted"
    crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
    assert len(door.release(place.grant(), crefs).keys) == 3
    with pytest.raises(Refused) as caught:
        Vault.connect(place.home, server.address, appender=place.ledger, clock=place.clock)
    assert caught.value.code == "vault.not-permitted"
    sessions.drop(server.address)
    door.close()
    server.close()


def test_the_client_opens_neither_keys_db_nor_the_kms(fill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = fill(3)
    with behind(place, tmp_path / "door", Level.CLERK) as both:
        at = Database.at.__func__  # type: ignore[attr-defined]
        opened: list[str] = []

        def watching(cls: type[Database], path: Path, lineage: str, *, create: bool) -> Database:
            opened.append(path.name)
            return at(cls, path, lineage, create=create)  # type: ignore[no-any-return]

        monkeypatch.setattr(Database, "at", classmethod(watching))
        with Vault.connect(place.home, both.address, appender=place.ledger, clock=place.clock) as vault:
            vault.put([conversation(7)])
        assert opened == ["state.db"]


@pytest.mark.parametrize(("folder", "facts"), [(0o700, 0o600), (0o2750, 0o660)])
def test_facts_stay_shared_where_the_home_is_and_keys_never_are(place: Place, folder: int, facts: int) -> None:
    """A broker's home is its group's to read and not to write, and state.db in it is the group's to write."""
    place.home.chmod(folder)
    for name in ("state.db", "keys.db"):
        (place.home / name).chmod(0o666)
        Database.at(place.home / name, name.removesuffix(".db"), create=False).close()
    assert [(place.home / name).stat().st_mode & 0o777 for name in ("state.db", "keys.db")] == [facts, 0o600]


# --- what is no request -------------------------------------------------------------------------------------------


def test_a_broker_of_another_version_or_without_the_operation_says_so(fill: Any) -> None:
    operations = fill(1).vault.operations()
    for question, code in (
        ((2, "vault", {}), "vault.bad-request"),
        ((1, "open_sesame", {}), "vault.unknown-operation"),
        ((1, "vault", {"more": 1}), "vault.bad-request"),
        ((1, "vault", []), "vault.bad-request"),
        ((1, "vault", {}, 1), "vault.bad-request"),
        ((1, "pending"), "vault.bad-request"),
        ((1, "place_hold", {"hold": "h", "matter": "m", "order": "0" * 64, "crefs": b"short"}), "vault.bad-request"),
        ((1, "place_hold", {"hold": "", "matter": "m", "order": "0" * 64, "crefs": b""}), "vault.bad-request"),
        ((1, "roll", {"actor": "a", "grace_seconds": -1}), "vault.bad-request"),
    ):
        value, error = msgspec.msgpack.decode(answered(operations, msgspec.msgpack.encode(question), Level.CUSTODIAN))
        assert (value, error[1]) == (None, code), question


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers(-9, 9) | st.text(max_size=5), st.lists).map(msgspec.msgpack.encode)
)
def test_no_bytes_are_more_than_a_refusal(place: Place, question: bytes) -> None:
    value, error = msgspec.msgpack.decode(answered(place.vault.operations(), question, Level.WORKER))
    assert value is None and error[1] in ("vault.bad-request", "vault.unknown-operation", "vault.not-permitted")


def test_a_frame_beyond_its_limit_ends_the_connection_before_it_is_read(clerk: Behind) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(clerk.address)
        raw.sendall(struct.pack(">I", (64 << 20) + 1))
        raw.settimeout(30)
        assert raw.recv(1) == b""
    assert Client(clerk.address).ask("pending", list[int]) == []


def test_an_answer_cannot_name_an_error_that_is_none(tmp_path: Path) -> None:
    from incamera.vault.protocol import value_of

    for family in ("Exception", "annotations", "KeyboardInterrupt", "os"):
        answer = msgspec.msgpack.encode((None, (family, "vault.x", "hint", "")))
        with pytest.raises(Unavailable):
            value_of(answer, object)
    with pytest.raises(Malformed):
        value_of(msgspec.msgpack.encode((None, ("Malformed", "vault.x", "hint", ""))), object)


def test_a_question_of_a_broker_that_went_away_is_told_and_the_next_finds_its_successor(place: Place, tmp_path: Path) -> None:
    with behind(place, tmp_path / "door") as both:
        first = Server(place.vault.operations(), address=tmp_path / "other", accounts={os.geteuid(): Level.CUSTODIAN}).start()
        vault = Vault.connect(place.home, first.address, appender=place.ledger, clock=place.clock)
        first.close()
        assert code_of(lambda: vault.put([conversation(1)])) == "vault.broker-gone"
        second = Server(place.vault.operations(), address=tmp_path / "other", accounts={os.geteuid(): Level.CUSTODIAN}).start()
        assert vault.put([conversation(1)]).stored == 1
        assert both.readable() == {"c1"}
        vault.close()
        second.close()


def test_a_reference_is_sixteen_bytes(clerk: Behind) -> None:
    assert code_of(lambda: clerk.vault.holds.over(b"short")) == "vault.bad-request"
    assert code_of(lambda: clerk.vault.place_hold("h", [Ref("00")], matter="m", order=ORDER)) == "vault.bad-request"
