"""Conversations that their subject holds, and switches of class: re-sealed, recorded, refused under hold, safe to kill."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.canon import canonical
from incamera.core.crypto import public_text, sign
from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.ids import digest
from incamera.testing.places import Place
from incamera.testing.vaults import CANARY, account, conversation, examine
from incamera.vault import escrow, held
from incamera.vault.custody import Custody
from incamera.vault.held import Envelope, Facts
from incamera.vault.pairs import TRUSTEES
from incamera.vault.upkeep import Upkeep

EVERYTHING = {f"c{n}" for n in range(14)}
OF_ONE = {"c1", "c8"}
MINE = X25519PrivateKey.generate()
SIGNER = Ed25519PrivateKey.generate()


def keys_of(*keys: X25519PrivateKey) -> dict[bytes, X25519PrivateKey]:
    return {key.public_key().public_bytes_raw(): key for key in keys}


def upload(number: int, key: X25519PrivateKey = MINE, *, subject: str = "alone@example.org") -> tuple[Envelope, Facts]:
    said = replace(conversation(number), id=f"h{number}", subject=subject)
    facts = Facts(id=said.id, subject=subject, source="test", started_at=said.started_at, region="DE")
    return held.seal(said, key.public_key()), facts


@pytest.fixture(scope="module")
def trustees() -> Mapping[str, X25519PrivateKey]:
    return {name: X25519PrivateKey.generate() for name in TRUSTEES}


@pytest.fixture
def filled(place: Place, trustees: Mapping[str, X25519PrivateKey]) -> Place:
    public = {name: key.public_key().public_bytes_raw().hex() for name, key in trustees.items()}
    place.vault.recovery.name_trustees(public)
    known = account(1)
    place.vault.put((conversation(n) for n in range(14)), {known.subject: known})
    return place


def unseal(place: Place, grant: Any, trustees: Mapping[str, X25519PrivateKey], names: set[str] = OF_ONE) -> None:
    refs = place.refs()
    request = escrow.read_request(place.vault.unsealing.ask(grant, [refs[name] for name in names]))
    place.vault.unsealing.admit(grant, escrow.unseal_alone(request, {n: trustees[n] for n in ("court", "holder")}))


def refs_of(place: Place, *names: str) -> list[Any]:
    return list(place.vault.lookup(names).values())


class TestHeldBySubject:
    def test_ciphertext_goes_in_and_the_same_ciphertext_comes_out(self, filled: Place) -> None:
        uploads = [upload(n) for n in range(3)]
        report = filled.vault.put_held(iter(uploads))
        assert (report.stored, report.held_by_subject, report.subjects) == (3, 3, 1)
        back = filled.vault.held_envelopes(refs_of(filled, "h0", "h1", "h2"))
        assert sorted(back, key=lambda one: one.cref) == sorted((one for one, _ in uploads), key=lambda one: one.cref)
        opened = [held.open_envelope(one, keys_of(MINE)) for one in back]
        assert {one.id for one in opened} == {"h0", "h1", "h2"}
        assert all(CANARY in one.turns[0].parts[0].text for one in opened)

    def test_no_grant_opens_it_and_the_rest_opens(self, filled: Place) -> None:
        filled.vault.put_held([upload(0)])
        grant = filled.grant()
        assert filled.readable(grant) == EVERYTHING
        assert filled.vault.broker.release(grant, [bytes.fromhex(ref) for ref in refs_of(filled, "h0")]).keys == {}

    def test_frame_and_counts_show_it(self, filled: Place) -> None:
        filled.vault.put_held([upload(0)])
        (ref,) = refs_of(filled, "h0")
        (facts,) = [one for one in filled.vault.facts() if one.custody == "user"]
        assert (facts.cref, facts.region, facts.month, facts.source) == (ref, "DE", "2025-01", "test")
        assert dict(filled.vault.stats().custody) == {"operator": 14, "escrowed": 0, "user": 1}
        assert filled.vault.check() == 15

    def test_the_answer_is_ciphertext_and_a_signed_statement(self, filled: Place) -> None:
        filled.vault.put_held([upload(0), upload(1)])
        envelopes, statement = filled.vault.answer_held(refs_of(filled, "h0", "h1"), matter="m-1", actor="holder", key=SIGNER)
        stated = held.check_statement(statement, envelopes, key=public_text(SIGNER))
        assert (stated["matter"], stated["conversations"], stated["recipients"], stated["keys_held"]) == ("m-1", 2, 1, 0)
        told = filled.ledger.entries[-1]
        assert (told.act, told.fields["digest"], told.fields["records"]) == ("export.made", digest(statement), 2)
        assert CANARY.encode() not in statement + b"".join(held.write_line(one) for one in envelopes)

    def test_a_statement_about_other_envelopes_or_by_another_hand_is_refused(self, filled: Place) -> None:
        filled.vault.put_held([upload(0), upload(1)])
        envelopes, statement = filled.vault.answer_held(refs_of(filled, "h0", "h1"), matter="m-1", actor="holder", key=SIGNER)
        good = public_text(SIGNER)
        changed = replace(envelopes[0], body=envelopes[0].body[:-1] + bytes([envelopes[0].body[-1] ^ 1]))
        for others in (envelopes[:1], [*envelopes, envelopes[0]], [changed, envelopes[1]]):
            with pytest.raises(Unverified) as caught:
                held.check_statement(statement, others, key=good)
            assert caught.value.code == "vault.statement"
        with pytest.raises(Unverified) as hand:
            held.check_statement(statement, envelopes, key=public_text(Ed25519PrivateKey.generate()))
        assert hand.value.code == "crypto.bad-signature"
        stated = json.loads(statement)["statement"] | {"keys_held": 2}
        other = {"statement": stated, "signature": sign(SIGNER, held.STATEMENT, canonical(stated))}
        with pytest.raises(Unverified):
            held.check_statement(json.dumps(other).encode(), envelopes, key=good)
        for junk in (b"", b"{}", b"[1]", b'{"statement":{"v":"x"},"signature":""}'):
            with pytest.raises(Malformed):
                held.check_statement(junk, envelopes, key=good)

    def test_nothing_is_stated_while_any_key_is_there(self, filled: Place) -> None:
        """An operator who kept a key after all, whatever the label says."""
        filled.vault.put_held([upload(0)])
        keys = filled.vault.keyring.database
        with keys.begin() as connection:
            keys.execute(connection, "UPDATE conversation_key SET wrapped = ? WHERE class = 2", (b"x" * 60,))
        before = len(filled.ledger.entries)
        with pytest.raises(Unverified) as caught:
            filled.vault.answer_held(refs_of(filled, "h0"), matter="m-1", actor="holder", key=SIGNER)
        assert caught.value.code == "vault.key-held"
        assert len(filled.ledger.entries) == before

    def test_other_classes_are_not_answered_so(self, filled: Place) -> None:
        with pytest.raises(Refused) as caught:
            filled.vault.answer_held(refs_of(filled, "c1"), matter="m-1", actor="holder", key=SIGNER)
        assert caught.value.code == "vault.class-differs"
        with pytest.raises(Malformed) as unknown:
            filled.vault.held_envelopes(["00" * 16])  # type: ignore[list-item]
        assert unknown.value.code == "vault.unknown-conversation"

    def test_the_same_upload_twice_is_a_duplicate_and_a_new_sealing_conflicts(self, filled: Place) -> None:
        one = upload(0)
        filled.vault.put_held([one])
        assert filled.vault.put_held([one]).duplicates == 1
        assert filled.vault.put_held([upload(0)]).conflicting == 1

    def test_a_reference_in_use_is_refused(self, filled: Place) -> None:
        """A client cannot put its bytes in the place of another's."""
        one, facts = upload(0)
        theirs = bytes.fromhex(refs_of(filled, "c1")[0])
        for uploads in ([(replace(one, cref=theirs), facts)], [(one, facts), (one, replace(facts, id="h9"))]):
            with pytest.raises(Refused) as caught:
                filled.vault.put_held(uploads)
            assert caught.value.code == "vault.reference-taken"
        assert filled.vault.stats().conversations == 14

    def test_a_subject_of_another_class_is_refused_both_ways(self, filled: Place) -> None:
        with pytest.raises(Refused) as caught:
            filled.vault.put_held([upload(0, subject=conversation(1).subject)])
        assert caught.value.code == "vault.class-differs"
        filled.vault.put_held([upload(0)])
        with pytest.raises(Refused):
            filled.vault.put([replace(conversation(50), subject="alone@example.org")])
        with pytest.raises(Refused):
            filled.vault.put(
                [replace(conversation(50), subject="new@example.org")],
                {"new@example.org": replace(account(1), subject="new@example.org", custody="user")},
            )
        assert filled.vault.stats().conversations == 15

    def test_rotation_exchanges_the_sealed_key_only(self, filled: Place) -> None:
        filled.vault.put_held([upload(0), upload(1)])
        refs, new = refs_of(filled, "h0", "h1"), X25519PrivateKey.generate()
        before = filled.vault.held_envelopes(refs)
        files = sorted(path.name for path in (filled.home / "vault").glob("*.parquet"))
        assert filled.vault.reseal_held([held.reseal(one, keys_of(MINE), new.public_key()) for one in before]) == 2
        after = filled.vault.held_envelopes(refs)
        assert [one.body for one in after] == [one.body for one in before]
        assert {held.open_envelope(one, keys_of(new)).id for one in after} == {"h0", "h1"}
        with pytest.raises(Unverified) as caught:
            held.open_envelope(after[0], keys_of(MINE))
        assert caught.value.code == "vault.no-such-key"
        assert sorted(path.name for path in (filled.home / "vault").glob("*.parquet")) == files

    def test_a_rotation_does_not_carry_another_body_in(self, filled: Place) -> None:
        filled.vault.put_held([upload(0)])
        (one,) = filled.vault.held_envelopes(refs_of(filled, "h0"))
        with pytest.raises(Unverified) as caught:
            filled.vault.reseal_held([replace(upload(1)[0], cref=one.cref)])
        assert caught.value.code == "vault.envelope-differs"

    def test_a_hold_keeps_ciphertext_and_sealed_key(self, filled: Place) -> None:
        filled.vault.put_held([upload(0)])
        (ref,) = refs_of(filled, "h0")
        filled.vault.place_hold("h-1", [ref], matter="m-1", order=digest(b"order"))
        (one,) = filled.vault.held_envelopes([ref])
        with pytest.raises(Refused) as caught:
            filled.vault.reseal_held([held.reseal(one, keys_of(MINE), MINE.public_key())])
        assert caught.value.code == "vault.held"
        assert filled.vault.shred_conversation(ref, actor="holder", reason="request").outcome == "pending"
        assert filled.vault.held_envelopes([ref]) == [one]
        assert filled.vault.release_hold("h-1")[0].outcome == "shredded"

    def test_a_shred_takes_the_sealed_key_and_compaction_the_body(self, filled: Place) -> None:
        filled.vault.put_held([upload(0), upload(1)])
        ref, other = refs_of(filled, "h0", "h1")
        (one,) = filled.vault.held_envelopes([ref])
        filled.vault.shred_conversation(ref, actor="holder", reason="request")
        with pytest.raises(Malformed):
            filled.vault.held_envelopes([ref])
        filled.vault.compact()
        filled.vault.close()
        blob = b"".join(path.read_bytes() for path in filled.home.rglob("*") if path.is_file())
        assert one.key not in blob
        filled.reopen()
        assert held.open_envelope(filled.vault.held_envelopes([other])[0], keys_of(MINE)).id == "h1"

    def test_a_relabelled_operator_row_does_not_vanish(self, filled: Place) -> None:
        keys = filled.vault.keyring.database
        with keys.begin() as connection:
            keys.execute(
                connection, "UPDATE conversation_key SET class = 2 WHERE cref = ?", (bytes.fromhex(refs_of(filled, "c1")[0]),)
            )
        with pytest.raises(Unverified) as caught:
            filled.readable()
        assert caught.value.code == "vault.not-authentic"
        with pytest.raises(Unverified) as mismatch:
            filled.vault.check()
        assert mismatch.value.code == "vault.class-mismatch"


class TestEnvelopes:
    def test_lines_round_trip(self) -> None:
        one, facts = upload(3)
        assert list(held.read_lines([held.write_line(one, facts), held.write_line(one)])) == [(one, facts), (one, None)]

    @given(st.binary(max_size=200))
    def test_lines_that_are_none_are_refused(self, data: bytes) -> None:
        with pytest.raises(Malformed) as caught:
            list(held.read_lines([data], where="upload.jsonl"))
        assert (caught.value.code, caught.value.where) == ("vault.envelope", "upload.jsonl:1")

    @pytest.mark.parametrize(
        "change",
        [{"v": "incamera/held/2"}, {"cref": "00"}, {"key": ""}, {"body": "AAAA"}, {"extra": 1}, {"facts": {}}, {"commit": None}],
        ids=str,
    )
    def test_an_altered_line_is_refused(self, change: dict[str, Any]) -> None:
        line = json.loads(held.write_line(*upload(3))) | change
        with pytest.raises(Malformed):
            list(held.read_lines([json.dumps(line).encode()]))

    @pytest.mark.parametrize(
        "facts",
        [{"id": ""}, {"subject": 3}, {"started_at": "2025-01-01"}, {"temporary": 1}, {"region": 5}, {"words": "x"}],
        ids=str,
    )
    def test_altered_facts_are_refused(self, facts: dict[str, Any]) -> None:
        line = json.loads(held.write_line(*upload(3)))
        line["facts"] |= facts
        with pytest.raises(Malformed):
            list(held.read_lines([json.dumps(line).encode()]))

    @pytest.mark.parametrize("field", ["cref", "commit", "key", "body"])
    def test_every_part_is_bound(self, field: str) -> None:
        one, two = upload(1)[0], upload(2)[0]
        with pytest.raises(Unverified):
            held.open_envelope(replace(one, **{field: getattr(two, field)}), keys_of(MINE))

    def test_an_envelope_does_not_open_as_another_class(self, filled: Place) -> None:
        """The class is in the associated data of the body: a subject's envelope is no operator's row."""
        from incamera.vault import bodies

        one, _ = upload(1)
        key = held._key(one, keys_of(MINE))
        for kind in range(3):
            row = bodies.Sealed(one.cref, bytes(16), one.commit, one.body)
            with pytest.raises(Unverified):
                bodies.open_body(filled.vault.keyring.bind, bodies.Codec(), row, key=key, kind=kind)

    def test_a_conversation_beyond_a_gibibyte_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(held, "BODY_BYTES_MAX", 10)
        with pytest.raises(Malformed) as caught:
            upload(1)
        assert caught.value.code == "vault.too-large"

    def test_an_envelope_without_a_subject_is_refused(self, filled: Place) -> None:
        one, facts = upload(1)
        with pytest.raises(Malformed):
            filled.vault.put_held([(one, replace(facts, subject=""))])

    def test_it_is_silent(self) -> None:
        one, _ = upload(1)
        assert repr(one) == f"<Envelope cref={one.cref.hex()}>"


class TestSwitch:
    def test_to_escrowed_and_back(self, filled: Place, trustees: Mapping[str, X25519PrivateKey]) -> None:
        subject = filled.subject(1)
        assert filled.vault.switch_class(subject, "escrowed", grant=filled.grant()) == 2
        assert filled.readable() == EVERYTHING - OF_ONE
        assert filled.vault.check() == 14
        with pytest.raises(Refused) as caught:
            filled.vault.switch_class(subject, "operator", grant=filled.grant())
        assert caught.value.code == "vault.escrow-sealed"
        grant = filled.grant()
        unseal(filled, grant, trustees)
        assert filled.vault.switch_class(subject, "operator", grant=grant) == 2
        assert filled.readable() == EVERYTHING
        told = [entry.fields for entry in filled.ledger.entries if entry.act == "class.switched"]
        assert [(one["from"], one["to"], one["conversations"]) for one in told] == [
            ("operator", "escrowed", 2),
            ("escrowed", "operator", 2),
        ]
        assert {one["subject"] for one in told} == {subject}

    def test_to_the_subject(self, filled: Place) -> None:
        subject, refs = filled.subject(1), refs_of(filled, "c1", "c8")
        assert filled.vault.switch_class(subject, "user", grant=filled.grant(), recipient=MINE.public_key()) == 2
        assert filled.readable() == EVERYTHING - OF_ONE
        envelopes, _ = filled.vault.answer_held(refs, matter="m-1", actor="holder", key=SIGNER)
        assert {held.open_envelope(one, keys_of(MINE)).id for one in envelopes} == OF_ONE
        assert filled.vault.check() == 14
        with pytest.raises(Refused) as caught:
            filled.vault.switch_class(subject, "operator", grant=filled.grant())
        assert caught.value.code == "vault.class-held"

    def test_conversations_to_come_follow(self, filled: Place) -> None:
        filled.vault.switch_class(filled.subject(1), "escrowed", grant=filled.grant())
        assert filled.vault.put([conversation(15)]).escrowed == 1
        assert filled.readable() == EVERYTHING - OF_ONE

    def test_a_subject_without_conversations_switches_too(self, filled: Place) -> None:
        subject = filled.subject(1)
        for ref in refs_of(filled, "c1", "c8"):
            filled.vault.shred_conversation(ref, actor="holder", reason="request")
        assert filled.vault.switch_class(subject, "escrowed", grant=filled.grant()) == 0
        assert filled.vault.put([conversation(15)]).escrowed == 1

    def test_old_keys_and_old_rows_open_nothing_of_it(self, filled: Place) -> None:
        """What the operator could open yesterday is under fresh keys, its bodies are gone, its old key rows open nothing."""
        keyring = filled.vault.keyring
        query = "SELECT cref, uref, wrapped, version, class FROM conversation_key WHERE cref = ?"
        (old,) = keyring.database.rows(query, (bytes.fromhex(refs_of(filled, "c1")[0]),))
        before = keyring.subjects([bytes(old[1])])[bytes(old[1])]
        key = keyring.unwrap_conversation(before, bytes(old[0]), bytes(old[2]), version=old[3], kind=old[4])
        files = {path.name for path in (filled.home / "vault").glob("*.parquet")}
        filled.vault.switch_class(filled.subject(1), "escrowed", grant=filled.grant())
        assert not files & {path.name for path in (filled.home / "vault").glob("*.parquet")}
        after = keyring.subjects([bytes(old[1])])[bytes(old[1])]
        assert after.key != before.key
        with pytest.raises(Unverified):
            keyring.unwrap_conversation(after, bytes(old[0]), bytes(old[2]), version=old[3], kind=old[4])
        rows = [row for name in files_of(filled) for row in filled.vault._upkeep.rows(name) if row.cref == bytes(old[0])]
        from incamera.vault.envelope import key_commitment

        assert key_commitment(key) not in {row.commit for row in rows}

    def test_working_sets_made_before_end_with_it(self, filled: Place) -> None:
        grant = filled.grant()
        step = filled.vault.within(grant, examine)
        batches = [batch for fragment in filled.vault.fragments() for batch in step(fragment.read())]
        filled.vault.switch_class(filled.subject(1), "escrowed", grant=grant)
        left = [row for batch in filled.vault.unseal(grant, batches) for row in batch["cref"].to_pylist()]
        assert len(left) == 12

    @pytest.mark.parametrize("to", ["escrowed", "user"])
    def test_it_is_refused_under_a_hold(self, filled: Place, to: Any) -> None:
        filled.vault.place_hold("h-1", refs_of(filled, "c1"), matter="m-1", order=digest(b"order"))
        recipient = MINE.public_key() if to == "user" else None
        with pytest.raises(Refused) as caught:
            filled.vault.switch_class(filled.subject(1), to, grant=filled.grant(), recipient=recipient)
        assert caught.value.code == "vault.held"
        assert "class.switched" not in filled.ledger.acts()
        assert filled.readable() == EVERYTHING

    def test_the_database_refuses_it_under_a_hold_too(self, filled: Place) -> None:
        """The third lock: whoever goes past the room meets the trigger."""
        (ref,) = refs_of(filled, "c1")
        filled.vault.place_hold("h-1", [ref], matter="m-1", order=digest(b"order"))
        keys = filled.vault.keyring.database
        for change in ("class = 1, version = version + 1, wrapped = zeroblob(444)", "class = 2, wrapped = x''", "class = 1"):
            with pytest.raises(Refused) as caught, keys.begin() as connection:
                keys.execute(connection, f"UPDATE conversation_key SET {change} WHERE cref = ?", (bytes.fromhex(ref),))
            assert caught.value.code == "vault.held"

    def test_it_needs_a_grant_that_opens_everything_of_the_subject(self, filled: Place) -> None:
        with pytest.raises(Refused) as caught:
            filled.vault.switch_class(filled.subject(1), "escrowed", grant=filled.grant(max_records=1))
        assert caught.value.code == "vault.record-cap"
        assert filled.readable() == EVERYTHING
        assert "class.switched" not in filled.ledger.acts()

    def test_its_arguments_are_checked(self, filled: Place) -> None:
        grant, subject = filled.grant(), filled.subject(1)
        for to, recipient in (("user", None), ("escrowed", MINE.public_key())):
            with pytest.raises(Malformed) as caught:
                filled.vault.switch_class(subject, to, grant=grant, recipient=recipient)  # type: ignore[arg-type]
            assert caught.value.code == "vault.no-recipient"
        with pytest.raises(Malformed) as unknown:
            filled.vault.switch_class("00" * 16, "escrowed", grant=grant)  # type: ignore[arg-type]
        assert unknown.value.code == "vault.unknown-reference"
        assert filled.vault.switch_class(subject, "operator", grant=grant) == 0

    def test_with_the_ledger_away_it_waits_and_nothing_is_lost(self, filled: Place) -> None:
        grant, ledger = filled.grant(), filled.ledger
        original = Custody._tell

        def away(*args: Any) -> None:
            ledger.broken = True
            original(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Custody, "_tell", away)
            with pytest.raises(Unavailable):
                filled.vault.switch_class(filled.subject(1), "escrowed", grant=grant)
        with pytest.raises(Unavailable):  # nothing else is written before it is finished
            filled.vault.put([conversation(15)])
        ledger.broken = False
        assert filled.vault.put([conversation(15)]).escrowed == 1
        assert filled.ledger.acts().count("class.switched") == 1
        assert filled.readable() == EVERYTHING - OF_ONE
        assert filled.vault.check() == 15


def files_of(place: Place) -> list[str]:
    return [path.name for path in (place.home / "vault").glob("*.parquet")]


POINTS = [(Upkeep, "write"), (Custody, "settle"), (Custody, "_tell"), (Custody, "_point"), (Upkeep, "remove")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[name for _, name in POINTS])
def test_a_switch_killed_half_way_is_finished_or_undone(filled: Place, owner: Any, name: str, after: bool) -> None:
    grant, subject = filled.grant(), filled.subject(1)
    filled.vault.close()
    pid = os.fork()
    if pid == 0:
        try:
            vault = filled.again()
            original = getattr(owner, name)

            def die(*args: Any, **options: Any) -> Any:
                if after:
                    original(*args, **options)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(owner, name, die)
            if name == "settle":  # it runs at the start of every write too: the one that finishes the switch is meant
                filled.vault = vault
                switch_killed_at_settle(vault, subject, grant, original, die)
            vault.switch_class(subject, "escrowed", grant=grant)
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    filled.reopen()
    custody = dict(filled.vault.stats().custody)
    assert custody in ({"operator": 14, "escrowed": 0, "user": 0}, {"operator": 12, "escrowed": 2, "user": 0})
    assert filled.readable() == (EVERYTHING - OF_ONE if custody["escrowed"] else EVERYTHING)
    assert filled.vault.check() == 14
    assert filled.vault.keyring.database.one("SELECT count(*) FROM switching")[0] == 0
    assert len(files_of(filled)) == filled.vault.stats().files
    filled.vault.switch_class(subject, "escrowed", grant=grant)
    assert filled.readable() == EVERYTHING - OF_ONE


def switch_killed_at_settle(vault: Any, subject: Any, grant: Any, original: Any, die: Any) -> None:
    """Let the first call, at the start of the write, pass."""
    calls: Iterator[Any] = iter((original, die))
    Custody.settle = lambda self: next(calls)(self)  # type: ignore[method-assign]


def test_errors_show_no_text(filled: Place) -> None:
    filled.vault.put_held([upload(0)])
    with pytest.raises(Error) as caught:
        filled.vault.put_held([upload(1, subject=conversation(1).subject)])
    assert "person-" not in str(caught.value)
