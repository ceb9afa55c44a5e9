"""What is held cannot be erased, what is shredded cannot be read, and the ledger tells both."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ids import digest
from incamera.testing.vaults import PASSPHRASE, account, conversation, examine
from incamera.vault.kms import LocalKms
from incamera.vault.register import Derived
from incamera.vault.store import Vault

Fill = Callable[[int], Any]
ORDER = digest(b"order")


def hold(place: Any, *ids: str, name: str = "h-1", matter: str = "m-1") -> int:
    refs = place.refs()
    return int(place.vault.place_hold(name, [refs[i] for i in ids], matter=matter, order=ORDER))


def readable(place: Any, grant: Any | None = None) -> set[str]:
    return place.readable(grant)  # type: ignore[no-any-return]


def subject_of(place: Any, number: int) -> str:
    return str(place.subject(number))


# --- shredding ------------------------------------------------------------------------------------------------------


def test_a_shredded_subject_is_gone_and_the_others_are_not(fill: Fill) -> None:
    place = fill(21)
    subject = subject_of(place, 1)
    report = place.vault.shred_subject(subject, actor="holder", reason="request", request=digest(b"letter"))
    assert (report.outcome, report.conversations) == ("shredded", 3)
    assert readable(place) == {f"c{n}" for n in range(21)} - {"c1", "c8", "c15"}
    entry = place.ledger.entries[-2] if place.ledger.entries[-1].act == "key.released" else place.ledger.entries[-1]
    entry = next(e for e in place.ledger.entries if e.act == "subject.shredded")
    assert entry.fields["subject"] == subject
    assert entry.fields["effective_by"] == report.effective_by
    assert place.vault.stats().shredded == 3


def test_what_stays_of_a_shredded_subject_says_nothing(fill: Fill) -> None:
    place = fill(14)
    known = account(1)
    place.vault.put([conversation(1)], {known.subject: known})
    subject = bytes.fromhex(subject_of(place, 1))
    place.vault.shred_subject(subject.hex(), actor="holder", reason="request")
    keys, state = place.vault.keyring.database, place.vault._state
    assert keys.one("SELECT wrapped, secret, state FROM subject_key WHERE uref = ?", (subject,)) == (b"", b"", "shredded")
    assert keys.rows("SELECT DISTINCT wrapped FROM conversation_key WHERE uref = ?", (subject,)) == [(b"",)]
    assert state.one("SELECT dedupe, account, account_mark FROM subject WHERE uref = ?", (subject,)) == (None, None, None)
    assert state.rows("SELECT DISTINCT mark, day, region, tier, turns FROM conversation WHERE uref = ?", (subject,)) == [
        (None, None, None, None, 0)
    ]
    assert subject.hex() not in {found.subject for found in place.vault.facts()}
    assert keys.one("SELECT kind, reason FROM tombstone WHERE ref = ?", (subject,)) == ("subject", "request")


def test_the_wrapped_keys_of_a_shredded_subject_are_nowhere_in_the_files(fill: Fill) -> None:
    place = fill(14)
    subject = bytes.fromhex(subject_of(place, 1))
    keys = place.vault.keyring.database
    wrapped = [bytes(keys.one("SELECT wrapped FROM subject_key WHERE uref = ?", (subject,))[0])]
    wrapped += [bytes(w) for (w,) in keys.rows("SELECT wrapped FROM conversation_key WHERE uref = ?", (subject,))]
    place.vault.shred_subject(subject.hex(), actor="holder", reason="request")
    for path in place.home.rglob("*"):
        if path.is_file():
            assert not [w for w in wrapped if w in path.read_bytes()], path.name


def test_a_shredded_conversation_takes_its_old_backup_row_with_it(fill: Fill) -> None:
    place = fill(14)
    cref = place.refs()["c1"]
    keys = place.vault.keyring.database
    row = keys.one("SELECT wrapped, version, state FROM conversation_key WHERE cref = ?", (bytes.fromhex(cref),))
    assert place.vault.shred_conversation(cref, actor="holder", reason="request").outcome == "shredded"
    assert readable(place) == {f"c{n}" for n in range(14)} - {"c1"}
    with keys.begin() as connection:  # somebody puts the old row back
        keys.execute(
            connection,
            "UPDATE conversation_key SET wrapped = ?, version = ?, state = ? WHERE cref = ?",
            (*row, bytes.fromhex(cref)),
        )
    from incamera.core.errors import Unverified

    with pytest.raises(Unverified):
        readable(place)


def test_what_was_shredded_is_not_taken_in_again(fill: Fill) -> None:
    place = fill(7)
    place.vault.shred_conversation(place.refs()["c1"], actor="holder", reason="request")
    place.vault.shred_subject(subject_of(place, 2), actor="holder", reason="request")
    report = place.vault.put(conversation(n) for n in range(7))
    assert (report.stored, report.duplicates, report.shredded) == (0, 5, 2)


def test_a_subject_who_comes_back_is_another_subject(fill: Fill) -> None:
    place = fill(7)
    before = subject_of(place, 1)
    place.vault.shred_subject(before, actor="holder", reason="request")
    place.vault.put([conversation(1 + 7 * 9)])
    assert subject_of(place, 1) != before


def test_a_writer_with_cached_keys_learns_of_a_roll_by_another(fill: Fill) -> None:
    place = fill(14)
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)
    other = Vault.open(
        place.home, kms, appender=place.ledger, clock=place.clock, grant_key=place.vault.grant_key, log=[place.ledger.verifier]
    )
    other.shred_conversation(place.refs()["c1"], actor="holder", reason="request")
    other.close()
    place.vault.put(conversation(n) for n in range(14, 21))
    assert readable(place) == {f"c{n}" for n in range(21)} - {"c1"}


def test_shredding_twice_is_shredding_once(fill: Fill) -> None:
    place = fill(7)
    subject = subject_of(place, 1)
    assert place.vault.shred_subject(subject, actor="holder", reason="request").outcome == "shredded"
    assert place.vault.shred_subject(subject, actor="holder", reason="request").outcome == "absent"


def test_an_unknown_reference_is_refused(fill: Fill) -> None:
    place = fill(1)
    for shred in (place.vault.shred_subject, place.vault.shred_conversation):
        with pytest.raises(Malformed) as caught:
            shred("0" * 32, actor="holder", reason="request")
        assert caught.value.code == "vault.unknown-reference"


def test_without_a_ledger_the_request_is_kept_and_runs_at_the_next_opening(fill: Fill) -> None:
    place = fill(7)
    place.ledger.broken = True
    with pytest.raises(Unavailable):
        place.vault.shred_subject(subject_of(place, 1), actor="holder", reason="request")
    assert place.vault.stats().shredded == 0
    assert place.vault.stats().pending_shred == 1
    place.ledger.broken = False
    assert place.reopen().stats().shredded == 1
    assert place.vault.shredder.pending() == 0


def test_the_working_set_dies_with_the_conversation(fill: Fill) -> None:
    place = fill(7)
    grant = place.grant()
    step = place.vault.within(grant, examine)
    batches = [batch for fragment in place.vault.fragments() for batch in step(fragment.read())]
    place.vault.shred_conversation(place.refs()["c3"], actor="holder", reason="request")
    left = [v.decode().split("\n")[0] for b in place.vault.unseal(grant, batches) for v in b["result"].to_pylist()]
    assert sorted(left) == ["c0", "c1", "c2", "c4", "c5", "c6"]


# --- the register --------------------------------------------------------------------------------------------------


def test_the_register_is_named_in_the_shreds_leaf_and_its_keepers_are_called(fill: Fill) -> None:
    place = fill(7)
    erased: list[str] = []
    place.vault.register.add(
        Derived(name="cache", kind="cache", reach="erased-at-shred", key_path="vault/cache"), lambda c: len(erased.extend(c) or c)
    )
    place.vault.register.add(Derived(name="vol-1", kind="production", reach="not-reachable", key_path="-", note="delivered"))
    place.vault.register.add(
        Derived(name="vol-1", kind="production", reach="not-reachable", key_path="-", note="delivered twice")
    )
    report = place.vault.shred_subject(subject_of(place, 1), actor="holder", reason="request")
    assert report.erased == 1
    assert erased == [place.refs()["c1"]]
    entry = next(e for e in place.ledger.entries if e.act == "subject.shredded")
    assert (entry.fields["derived"], entry.fields["unreachable"]) == (1, 1)
    assert entry.fields["register"] == place.vault.register.digest()
    assert [d.note for d in place.reopen().register.all()] == ["", "delivered twice"]


# --- holds, lock by lock --------------------------------------------------------------------------------------------


def test_no_shred_of_n_succeeds_under_a_hold(fill: Fill) -> None:
    place = fill(14)
    hold(place, *(f"c{n}" for n in range(14)))
    outcomes = {place.vault.shred_conversation(ref, actor="holder", reason="request").outcome for ref in place.refs().values()}
    outcomes |= {place.vault.shred_subject(subject_of(place, n), actor="holder", reason="request").outcome for n in range(7)}
    assert outcomes == {"pending"}
    assert place.vault.stats().shredded == 0
    assert place.vault.stats().held == 14
    assert len(readable(place)) == 14


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM conversation_key",
        "DELETE FROM subject_key",
        "UPDATE conversation_key SET wrapped = zeroblob(60)",
        "UPDATE conversation_key SET state = 'shredded'",
        "UPDATE subject_key SET wrapped = zeroblob(60)",
        "UPDATE subject_key SET secret = zeroblob(60)",
        "UPDATE subject_key SET state = 'shredded'",
        "UPDATE subject_key SET wrapped = zeroblob(0), version = version + 1",
        "UPDATE conversation_key SET uref = zeroblob(16)",
        "UPDATE conversation_key SET hold_count = 0",
        "UPDATE subject_key SET hold_count = 0",
        "DELETE FROM held",
        "UPDATE held SET hold_id = 'other'",
        "DELETE FROM hold",
        "UPDATE hold SET matter = 'm-9'",
        "UPDATE hold SET order_digest = ''",
    ],
)
def test_the_database_itself_refuses_to_lose_a_held_key(fill: Fill, statement: str) -> None:
    place = fill(7)
    hold(place, *(f"c{n}" for n in range(7)))
    keys = place.vault.keyring.database
    with pytest.raises(Refused) as caught, keys.begin() as connection:
        keys.execute(connection, statement)
    assert caught.value.code == "vault.held"
    assert len(readable(place)) == 7


def test_the_same_statements_pass_without_a_hold(fill: Fill) -> None:
    """So that the test above cannot pass for another reason."""
    place = fill(7)
    keys = place.vault.keyring.database
    for statement in (
        "UPDATE conversation_key SET wrapped = zeroblob(60)",
        "DELETE FROM conversation_key",
        "DELETE FROM subject_key",
    ):
        with keys.begin() as connection:
            keys.execute(connection, statement)
    assert readable(place) == set()


def test_a_hold_is_idempotent_and_may_grow(fill: Fill) -> None:
    place = fill(14)
    assert hold(place, "c1", "c2") == 2
    assert hold(place, "c1", "c2", "c3") == 1
    assert place.vault.holds.count(place.refs()["c1"]) == 1
    assert hold(place, "c1", name="h-2", matter="m-2") == 1
    assert place.vault.holds.count(place.refs()["c1"]) == 2
    assert [(h.id, h.conversations) for h in place.vault.holds.all()] == [("h-1", 3), ("h-2", 1)]


def test_a_hold_of_one_id_serves_one_matter(fill: Fill) -> None:
    place = fill(3)
    hold(place, "c1")
    with pytest.raises(Refused) as caught:
        hold(place, "c2", matter="m-2")
    assert caught.value.code == "vault.hold-differs"


def test_what_is_not_there_cannot_be_held(fill: Fill) -> None:
    place = fill(3)
    with pytest.raises(Malformed) as caught:
        place.vault.place_hold("h-1", ["0" * 32], matter="m-1", order=ORDER)
    assert caught.value.code == "vault.unknown-conversation"


def test_release_runs_the_queue_when_the_last_hold_ends(fill: Fill) -> None:
    place = fill(14)
    hold(place, "c1")
    hold(place, "c1", name="h-2", matter="m-2")
    subject = subject_of(place, 1)
    report = place.vault.shred_subject(subject, actor="holder", reason="request")
    assert (report.outcome, report.holds) == ("pending", ("h-1", "h-2"))
    assert [r.outcome for r in place.vault.release_hold("h-1")] == ["pending"]
    assert [r.outcome for r in place.vault.release_hold("h-2")] == ["shredded"]
    assert place.ledger.acts().count("shred.pending") == 1
    assert readable(place) == {f"c{n}" for n in range(14)} - {"c1", "c8"}


def test_a_released_hold_is_not_revived(fill: Fill) -> None:
    place = fill(3)
    hold(place, "c1")
    place.vault.release_hold("h-1")
    for again in (lambda: hold(place, "c1"), lambda: place.vault.release_hold("h-1")):
        with pytest.raises(Refused) as caught:
            again()
        assert caught.value.code == "vault.hold-released"
    with pytest.raises(Refused) as caught:
        place.vault.release_hold("h-9")
    assert caught.value.code == "vault.no-hold"


def test_what_awaits_shredding_is_seen_by_its_matter_and_by_nobody_else(fill: Fill) -> None:
    place = fill(14)
    hold(place, "c1")
    place.vault.shred_subject(subject_of(place, 1), actor="holder", reason="request")
    rest = {f"c{n}" for n in range(14)} - {"c1", "c8"}
    assert readable(place, place.grant(matter="m-1")) == rest | {"c1"}
    assert readable(place, place.grant(matter="m-2")) == rest
    assert readable(place, place.grant(matter="m-1", purpose="training")) == rest
    assert {found.cref for found in place.vault.facts()} == {place.refs()[name] for name in rest}
    assert {found.cref for found in place.vault.facts(matter="m-1")} == {place.refs()[name] for name in (*rest, "c1")}


def test_one_held_conversation_keeps_its_subjects_others_out_of_sight_too(fill: Fill) -> None:
    place = fill(14)
    hold(place, "c1")
    place.vault.shred_conversation(place.refs()["c8"], actor="holder", reason="request")
    assert readable(place) == {f"c{n}" for n in range(14)} - {"c8"}
    assert place.vault.keyring.check(held_only=True) == 1


# --- epochs -----------------------------------------------------------------------------------------------------------


def test_a_roll_rewraps_every_key_and_no_data(fill: Fill) -> None:
    place = fill(21)
    hold(place, "c1")
    before = {path.name: path.read_bytes() for path in (place.home / "vault").glob("*.parquet")}
    report = place.vault.roll_epoch(actor="holder")
    assert (report.epoch, report.rewrapped, report.destroyed) == (2, 7, (1,))
    assert before == {path.name: path.read_bytes() for path in (place.home / "vault").glob("*.parquet")}
    assert len(readable(place)) == 21
    place.reopen()
    assert len(readable(place)) == 21
    place.vault.put(conversation(n) for n in range(21, 30))
    assert len(readable(place)) == 30
    assert place.ledger.acts().count("epoch.rolled") == 2


def test_a_restored_old_backup_opens_nothing_after_the_roll(fill: Fill, tmp_path: Any) -> None:
    place = fill(14)
    backup = tmp_path / "backup"
    place.vault.keyring.database.checkpoint()
    shutil.copytree(place.home, backup, ignore=shutil.ignore_patterns("backup", "kms.json"))
    place.vault.shred_subject(subject_of(place, 1), actor="holder", reason="request")
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)

    # Until the roll the backup still opens what was shredded: the residual risk that the threat model names.
    restored = tmp_path / "restored"
    shutil.copytree(backup, restored)
    key = place.vault.grant_key
    old = Vault.open(restored, kms, appender=place.ledger, clock=place.clock, grant_key=key, log=[place.ledger.verifier])
    step = old.within(place.grant(), examine)
    assert sum(batch.num_rows for f in old.fragments() for batch in step(f.read())) == 14
    old.close()

    place.vault.roll_epoch(actor="holder")
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)
    with pytest.raises(Unavailable) as caught:
        Vault.open(backup, kms, appender=place.ledger, clock=place.clock, log=[place.ledger.verifier])
    assert caught.value.code == "vault.epoch-destroyed"
    assert len(readable(place)) == 12


def test_a_grace_keeps_the_old_epoch_for_a_while(fill: Fill) -> None:
    from datetime import timedelta

    place = fill(7)
    assert place.vault.roll_epoch(actor="holder", grace=timedelta(days=7)).destroyed == ()
    place.clock.move(days=7)
    assert place.vault.roll_epoch(actor="holder", grace=timedelta(days=7)).destroyed == (1,)
    place.clock.move(days=7)
    assert place.vault.roll_epoch(actor="holder", grace=timedelta(days=7)).destroyed == (2,)


def test_the_kms_gate_keeps_an_epoch_that_still_holds_keys(fill: Fill) -> None:
    place = fill(7)
    with pytest.raises(Refused) as caught:
        place.vault.keyring.destroy(1)
    assert caught.value.code == "vault.epoch-open"
    keys = place.vault.keyring.database
    row = keys.one("SELECT uref, epoch, wrapped FROM subject_key ORDER BY uref")
    place.vault.keyring.roll()
    with keys.begin() as connection:
        keys.execute(connection, "UPDATE subject_key SET epoch = ?, wrapped = ? WHERE uref = ?", (row[1], row[2], row[0]))
    with pytest.raises(Refused) as caught:
        place.vault.keyring.destroy(1)
    assert caught.value.code == "vault.epoch-in-use"


def test_the_kms_gate_opens_every_held_key_before_it_destroys(fill: Fill) -> None:
    from incamera.core.errors import Unverified

    place = fill(7)
    hold(place, "c1")
    place.vault.keyring.roll()
    keys = place.vault.keyring.database
    with keys.begin() as connection:  # a hostile re-wrap: right form, higher version, no key in it
        keys.execute(connection, "UPDATE subject_key SET wrapped = zeroblob(60), version = version + 1 WHERE hold_count > 0")
    with pytest.raises(Unverified) as caught:
        place.vault.keyring.destroy(1)
    assert caught.value.code == "vault.not-authentic"
    kms = place.vault.keyring.kms
    assert kms.unwrap(*_first_epoch(place)) is not None  # and the root key is still there


def _first_epoch(place: Any) -> tuple[str, bytes, dict[str, str]]:
    row = place.vault.keyring.database.one("SELECT root, wrapped FROM epoch WHERE number = 1")
    return row[0], row[1], {"use": "incamera/epoch/1", "tenant": place.vault.keyring.tenant.hex(), "epoch": "1"}


def test_a_writer_from_before_the_roll_goes_on_under_the_new_epoch(fill: Fill) -> None:
    place = fill(7)
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)
    other = Vault.open(place.home, kms, appender=place.ledger, clock=place.clock, log=[place.ledger.verifier])
    place.vault.roll_epoch(actor="holder")
    assert other.put(conversation(n, subjects=99) for n in range(7, 14)).stored == 7
    other.close()
    assert len(readable(place)) == 14


# --- compaction --------------------------------------------------------------------------------------------------------


def test_compaction_purges_the_rows_of_what_was_shredded(fill: Fill) -> None:
    place = fill(21)
    (path,) = (place.home / "vault").glob("*.parquet")
    place.vault.shred_subject(subject_of(place, 1), actor="holder", reason="request")
    report = place.vault.compact()
    assert (report.files, report.purged) == (1, 3)
    assert report.bytes_freed > 0
    assert not path.exists()
    assert len(readable(place)) == 18
    assert place.vault.check() == 18
    assert place.vault.compact() == place.vault.compact()
    place.reopen()
    refs = [place.refs()[f"c{n}"] for n in (0, 20)]
    assert sum(b.num_rows for f in place.vault.fragments(refs) for b in f.read()) == 2


def test_compaction_of_a_file_without_survivors_leaves_none(fill: Fill) -> None:
    place = fill(7)
    for n in range(7):
        place.vault.shred_subject(subject_of(place, n), actor="holder", reason="request")
    assert place.vault.compact().purged == 7
    assert list((place.home / "vault").glob("*.parquet")) == []
    assert place.vault.fragments() == []
    assert place.vault.put([conversation(50)]).stored == 1
    assert place.vault.check() == 1
