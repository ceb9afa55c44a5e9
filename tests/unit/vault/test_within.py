"""Opening: under a grant, after a receipt, inside a step, and sealed again before anything leaves."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from incamera.core.batch import EXAMINED, SEALED
from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.engine.local import LocalRunner
from incamera.testing.ledger import MemoryLedger
from incamera.testing.vaults import CANARY, account, conversation, count, examine, forge, leak
from incamera.vault import within as within_
from incamera.vault.broker import REQUEST_MAX, crefs_root

Fill = Callable[[int], Any]


def opened(place: Any, grant: Any, step: Any = examine, **options: Any) -> list[pa.RecordBatch]:
    step = place.vault.within(grant, step, **options)
    return [batch for fragment in place.vault.fragments() for batch in step(fragment.read())]


def results(place: Any, grant: Any, batches: list[pa.RecordBatch]) -> list[str]:
    return [value.decode() for batch in place.vault.unseal(grant, batches) for value in batch["result"].to_pylist()]


def test_a_step_sees_text_and_account_and_its_result_is_sealed(place: Any) -> None:
    known = account(1)
    place.vault.put((conversation(n) for n in range(20)), {known.subject: known})
    grant = place.grant()
    batches = opened(place, grant)
    assert all(batch.schema.equals(EXAMINED) for batch in batches)
    assert not any(CANARY.encode() in value for batch in batches for value in batch["result"].to_pylist())
    told = sorted(results(place, grant, batches))
    assert len(told) == 20
    assert all(CANARY in line for line in told)
    assert sum("Person 1" in line for line in told) == 3


def test_one_subject_has_one_ledger_key_and_two_have_two(fill: Fill) -> None:
    place = fill(14)
    grant = place.grant()
    keys = {line.rsplit("\n", 1)[1] for line in results(place, grant, opened(place, grant))}
    assert len(keys) == 7


def test_the_receipt_is_durable_before_any_key_is_released(fill: Fill) -> None:
    place = fill(20)
    grant = place.grant()
    step = place.vault.within(grant, examine)
    stream = step(place.vault.fragments()[0].read())
    assert "key.released" not in place.ledger.acts()
    next(stream)
    entry = place.ledger.entries[-1]
    assert entry.act == "key.released"
    assert entry.fields["conversations"] == 20
    assert entry.fields["grant"] == grant.receipt.index
    assert entry.fields["root"] == crefs_root([bytes.fromhex(ref) for ref in place.refs().values()])


def test_without_a_ledger_no_key_is_released(fill: Fill) -> None:
    place = fill(5)
    grant = place.grant()
    step = place.vault.within(grant, examine)
    place.ledger.broken = True
    with pytest.raises(Unavailable) as caught:
        list(step(place.vault.fragments()[0].read()))
    assert caught.value.code == "ledger.io"


def test_it_travels_to_worker_processes_without_keys(fill: Fill) -> None:
    place = fill(40)
    grant = place.grant()
    step = place.vault.within(grant, examine)
    frozen = pickle.dumps((step, place.vault.fragments()))
    assert place.vault.grant_key not in frozen
    with LocalRunner(processes=2) as runner:
        batches = list(runner.map(step, place.vault.fragments(place.refs().values(), rows=10), schema=EXAMINED))
    assert len(results(place, grant, batches)) == 40
    assert place.ledger.acts().count("key.released") >= 4


def test_groups_of_one_subject_open_too(fill: Fill) -> None:
    place = fill(21)
    grant = place.grant()
    with LocalRunner(processes=0) as runner:
        batches = list(runner.group(place.vault.within(grant, examine), place.vault.fragments(), by="uref", schema=EXAMINED))
    assert sorted(batch.num_rows for batch in batches) == [3] * 7


def test_chosen_conversations_are_read_exactly(fill: Fill) -> None:
    place = fill(40)
    some = [place.refs()[f"c{n}"] for n in (3, 17, 31)]
    rows = [row for f in place.vault.fragments(some) for b in f.read() for row in b.to_pylist()]
    assert {row["cref"].hex() for row in rows} == set(some)
    assert all(batch.schema.equals(SEALED) for f in place.vault.fragments(some) for batch in f.read())


def test_fragment_ids_depend_on_what_is_read_only(fill: Fill) -> None:
    place = fill(40)
    refs = list(place.refs().values())
    ids = [f.id for f in place.vault.fragments(refs, rows=16)]
    assert ids == [f.id for f in place.vault.fragments(reversed(refs), rows=16)]
    assert len(set(ids)) == 3
    assert ids != [f.id for f in place.vault.fragments(refs, rows=15)]
    place.reopen()
    assert ids == [f.id for f in place.vault.fragments(refs, rows=16)]


def test_an_unknown_reference_is_refused(fill: Fill) -> None:
    with pytest.raises(Malformed) as caught:
        fill(3).vault.fragments(["0" * 32])
    assert caught.value.code == "vault.unknown-conversation"


@pytest.mark.parametrize(("step", "column"), [(leak, "words")])
def test_a_column_that_could_carry_text_is_refused(fill: Fill, step: Any, column: str) -> None:
    place = fill(5)
    with pytest.raises(Refused) as caught:
        opened(place, place.grant(), step)
    assert (caught.value.code, caught.value.where) == ("vault.clear-column", column)
    assert len(opened(place, place.grant(), step, clear={column})) == 1


def test_a_result_without_its_conversation_is_refused() -> None:
    with pytest.raises(Refused):
        within_.check_clear(pa.schema([pa.field("result", pa.large_binary())]), frozenset())


def test_fixed_size_columns_pass(fill: Fill) -> None:
    place = fill(5)
    (batch,) = opened(place, place.grant(), count)
    assert all(size > 100 for size in batch["bytes"].to_pylist())


def test_a_result_under_a_conversation_never_opened_is_refused(fill: Fill) -> None:
    place = fill(5)
    with pytest.raises(Refused) as caught:
        opened(place, place.grant(), forge)
    assert caught.value.code == "vault.foreign-row"


def test_results_of_one_matter_do_not_open_in_another(fill: Fill) -> None:
    place = fill(5)
    batches = opened(place, place.grant())
    with pytest.raises(Unverified):
        list(place.vault.unseal(place.grant(matter="m-2"), batches))


def test_a_result_moved_to_another_conversation_does_not_open(fill: Fill) -> None:
    place = fill(5)
    grant = place.grant()
    (batch,) = opened(place, grant)
    values = batch["result"].to_pylist()
    moved = batch.set_column(2, EXAMINED.field(2), pa.array(values[1:] + values[:1], pa.large_binary()))
    with pytest.raises(Unverified):
        list(place.vault.unseal(grant, [moved]))


# --- grants -------------------------------------------------------------------------------------------------------


def refusal(place: Any, grant: Any) -> str:
    with pytest.raises(Error) as caught:
        place.vault.within(grant, examine)
    with pytest.raises(Error) as again:
        place.vault.broker.release(grant, [bytes.fromhex(ref) for ref in place.refs().values()])
    assert again.value.code == caught.value.code
    assert "key.released" not in place.ledger.acts()
    return caught.value.code


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "mallory"},
        {"matter": "m-2"},
        {"purpose": "training"},
        {"max_records": 10**6},
        {"tag": "0" * 64},
        {"approvals": ()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_altered_grant_is_refused(fill: Fill, change: dict[str, Any]) -> None:
    place = fill(3)
    assert refusal(place, replace(place.grant(), **change)) == "crypto.bad-grant-tag"


def test_a_grant_of_another_home_is_refused(fill: Fill) -> None:
    from incamera.testing.grants import issue

    place = fill(3)
    assert refusal(place, issue(b"x" * 32, place.ledger, now=place.clock.now())) == "crypto.bad-grant-tag"


def test_a_grant_whose_receipt_is_of_another_ledger_is_refused(fill: Fill) -> None:
    from incamera.testing.grants import issue

    place = fill(3)
    assert refusal(place, issue(place.vault.grant_key, MemoryLedger(), now=place.clock.now())) == "vault.receipt"


def test_a_receipt_that_proves_another_leaf_is_refused(fill: Fill) -> None:
    from incamera.core.crypto import grant_tag

    place = fill(3)
    grant = place.grant()
    forged = replace(grant, receipt=replace(grant.receipt, leaf="0" * 64))
    forged = replace(forged, tag=grant_tag(place.vault.grant_key, forged))
    assert refusal(place, forged) == "vault.receipt"


def test_time_boxes_hold(fill: Fill) -> None:
    place = fill(3)
    now = place.clock.now()
    assert refusal(place, place.grant(expires_at=now)) == "vault.grant-expired"
    assert refusal(place, place.grant(not_before=now + timedelta(seconds=1))) == "vault.grant-early"


def test_a_grant_that_expires_in_flight_is_refused_at_the_next_batch(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(within_, "WINDOW_ROWS", 1)
    place = fill(40)
    grant = place.grant()
    (fragment,) = place.vault.fragments()
    step = place.vault.within(grant, examine)
    stream = step(batch.slice(n, 1) for batch in fragment.read() for n in range(batch.num_rows))
    next(stream)
    place.clock.move(days=2)
    with pytest.raises(Refused) as caught:
        list(stream)
    assert caught.value.code == "vault.grant-expired"


def test_a_clock_that_runs_backwards_is_refused_across_restarts(fill: Fill) -> None:
    place = fill(3)
    grant = place.grant()
    place.clock.move(hours=30)
    fresh = place.grant()
    opened(place, fresh)
    place.clock.move(hours=-20)
    for _ in range(2):
        assert_code(place, grant, "vault.clock-backwards")
        place.reopen()
    place.clock.move(hours=20)
    opened(place, fresh)


def assert_code(place: Any, grant: Any, code: str) -> None:
    with pytest.raises(Error) as caught:
        place.vault.within(grant, examine)
    assert caught.value.code == code


def test_the_record_cap_counts_each_conversation_once_and_survives_a_restart(fill: Fill) -> None:
    place = fill(20)
    grant = place.grant(max_records=12)
    refs = [bytes.fromhex(ref) for ref in place.refs().values()]
    place.vault.broker.release(grant, refs[:10])
    place.vault.broker.release(grant, refs[:10])
    place.reopen()
    place.vault.broker.release(grant, refs[5:12])
    released = place.ledger.acts().count("key.released")
    with pytest.raises(Refused) as caught:
        place.vault.broker.release(grant, refs[11:13])
    assert caught.value.code == "vault.record-cap"
    assert place.ledger.acts().count("key.released") == released
    assert len(place.vault.broker.open(grant, [ref.hex() for ref in refs[:12]])) == 12


def test_a_revoked_grant_is_refused(fill: Fill) -> None:
    place = fill(3)
    grant, unused = place.grant(), place.grant()
    refs = [bytes.fromhex(ref) for ref in place.refs().values()]
    place.vault.broker.release(grant, refs)
    place.vault.broker.revoke(grant)
    place.vault.broker.revoke(unused)
    for one in (grant, unused):
        assert_code(place, one, "vault.grant-revoked")
        with pytest.raises(Refused):
            place.vault.broker.release(one, refs)


def test_an_unknown_purpose_is_refused(fill: Fill) -> None:
    place = fill(3)
    assert refusal(place, place.grant(purpose="curiosity")) == "vault.purpose"


def test_a_request_is_bounded(fill: Fill) -> None:
    place = fill(1)
    many = [n.to_bytes(16, "big") for n in range(REQUEST_MAX + 1)]
    with pytest.raises(Refused) as caught:
        place.vault.broker.release(place.grant(), many)
    assert caught.value.code == "vault.request-size"
    assert place.vault.broker.release(place.grant(), []).keys == {}


def test_errors_of_the_broker_come_back_through_its_door(fill: Fill) -> None:
    place = fill(3)
    grant = place.grant()
    step = place.vault.within(grant, examine)
    place.vault.broker.revoke(grant)
    with pytest.raises(Refused) as caught:
        list(step(place.vault.fragments()[0].read()))
    assert caught.value.code == "vault.grant-revoked"


def test_an_altered_key_row_is_told_and_opens_nothing(fill: Fill) -> None:
    place = fill(3)
    keys = place.vault.keyring.database
    with keys.begin() as connection:
        first = keys.execute(connection, "SELECT cref, wrapped FROM conversation_key ORDER BY cref").all()
        keys.execute(connection, "UPDATE conversation_key SET wrapped = ? WHERE cref = ?", (first[1][1], first[0][0]))
    with pytest.raises(Unverified) as caught:
        opened(place, place.grant())
    assert caught.value.code == "vault.not-authentic"
    assert first[0][0].hex() in caught.value.where
