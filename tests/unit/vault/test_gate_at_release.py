"""Key release: the list that a grant covers, the policies at this moment, and a refusal that the ledger remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Error, Refused
from incamera.core.ids import Digest, new_ref
from incamera.core.ports import Shard
from incamera.core.records import Grant
from incamera.testing.places import Place
from incamera.vault import broker as broker_
from incamera.vault import listing
from incamera.vault.broker import crefs_root
from incamera.vault.listing import Listing
from incamera_verify import merkle

Fill = Callable[[int], Place]


class Says:
    """A gate that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Callable[[Shard], bool]) -> None:
        self.answer = answer
        self.asked: list[list[Shard]] = []
        self.used: list[int] = []

    def allowed(self, grant: Grant, shards: Sequence[Shard], *, now: datetime, used_records: int) -> list[bool]:
        self.asked.append(list(shards))
        self.used.append(used_records)
        return [self.answer(shard) for shard in shards]


def crefs(place: Place) -> list[bytes]:
    return [bytes.fromhex(ref) for ref in place.refs().values()]


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(Error) as caught:
        call()
    return caught.value.code


def gated(place: Place, answer: Callable[[Shard], bool]) -> Says:
    gate = Says(answer)
    place.vault.close()
    place.vault = place.again(gate=gate)
    return gate


# --- the list ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=60), st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_membership_is_that_of_a_set(listed: list[bytes], others: list[bytes]) -> None:
    # Same first halves, so that the second half has to decide.
    near = [cref[:8] + bytes(8) for cref in listed]
    asked = [*listed, *others, *near]
    found = Listing([*listed, *near[::2]])
    assert found.strangers(asked) == [cref for cref in asked if cref not in {*listed, *near[::2]}]
    assert len(found) == len({*listed, *near[::2]})


def test_the_root_is_that_of_a_receipt_over_the_same_conversations(tmp_path: Path) -> None:
    some = [bytes.fromhex(new_ref()) for _ in range(300)]
    root = listing.keep(tmp_path / "lists", Listing(some))
    assert root == crefs_root(some)
    assert bytes(listing.load(tmp_path / "lists", root)) == bytes(Listing(some))


def test_the_root_of_a_bulk_release_holds_64_references_to_a_leaf() -> None:
    some = sorted(bytes.fromhex(new_ref()) for _ in range(1025))
    leaves = [b"".join(some[low : low + 64]) for low in range(0, 1025, 64)]
    assert len(leaves) == 17 and len(leaves[-1]) == 16
    assert crefs_root(some[::-1]) == merkle.root(map(merkle.leaf_hash, leaves)).hex()
    assert crefs_root(some[:1024]) == merkle.root(map(merkle.leaf_hash, some[:1024])).hex()
    assert len({crefs_root(some), crefs_root(some[1:]), crefs_root(some[:-1]), crefs_root([*some[:-1], bytes(16)])}) == 4


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda data: data[:-1],
    "one-less": lambda data: data[:-16],
    "one-twice": lambda data: data + data[-16:],
    "other-version": lambda data: b"incamera/listing/9" + data[18:],
    "one-altered": lambda data: data[:30] + b"x" + data[31:],
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_an_altered_list_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    root = listing.keep(tmp_path, Listing(bytes([n] * 16) for n in range(9)))
    (tmp_path / root).write_bytes(spoil((tmp_path / root).read_bytes()))
    assert refusal(lambda: listing.load(tmp_path, root)) == "vault.listing"


def test_a_list_is_found_by_root_and_by_nothing_else(tmp_path: Path) -> None:
    for root in ("ab" * 32, "../../etc/passwd", "", "AB" * 32):
        assert refusal(lambda root=root: listing.load(tmp_path, Digest(root))) == "vault.no-listing"


def test_a_grant_over_a_list_opens_its_list_only(fill: Fill) -> None:
    place = fill(14)
    refs = list(place.refs().values())
    mine, theirs = refs[:5], refs[5:]
    grant = place.grant(listed=place.vault.list_for_grant(mine))
    assert len(place.vault.broker.open(grant, mine)) == 5
    assert refusal(lambda: place.vault.broker.open(grant, [*mine, theirs[0]])) == "vault.not-listed"
    assert place.ledger.entries[-1].fields["code"] == "vault.not-listed"
    assert place.vault.broker._usage.others(grant, []) == 5


def test_a_list_that_is_gone_opens_nothing(fill: Fill) -> None:
    place = fill(7)
    grant = place.grant(listed="ab" * 32)
    assert refusal(lambda: place.vault.broker.release(grant, crefs(place))) == "vault.no-listing"


def test_a_list_cannot_be_taken_off_a_grant(fill: Fill) -> None:
    place = fill(7)
    grant = place.grant(listed=place.vault.list_for_grant(list(place.refs().values())[:1]))
    assert refusal(lambda: place.vault.broker.release(replace(grant, listed=None), crefs(place))) == "crypto.bad-grant-tag"


# --- the gate ----------------------------------------------------------------------------------------------------------


def test_the_gate_is_asked_for_each_release_and_decides_row_by_row(fill: Fill) -> None:
    place = fill(14)
    mine = place.subject(1)
    gate = gated(place, lambda shard: shard.subject == mine)
    grant = place.grant()
    released = place.vault.broker.release(grant, crefs(place))
    assert len(released.keys) == 2
    entry = place.ledger.entries[-1]
    assert (entry.act, entry.fields["conversations"], entry.fields["denied"]) == ("key.released", 2, 12)
    assert entry.fields["root"] == crefs_root(list(released.keys))
    place.vault.broker.release(grant, list(released.keys))
    assert len(gate.asked) == 2


def test_what_the_gate_denies_as_a_whole_is_refused_and_recorded_once(fill: Fill) -> None:
    place = fill(7)
    gated(place, lambda shard: False)
    grant = place.grant()
    for _ in range(3):
        assert refusal(lambda: place.vault.broker.release(grant, crefs(place))) == "vault.denied-by-policy"
    refused = [entry for entry in place.ledger.entries if entry.act == "access.refused"]
    assert [entry.fields["code"] for entry in refused] == ["vault.denied-by-policy"]
    assert refused[0].fields["grant"] == grant.receipt.index
    assert "key.released" not in place.ledger.acts()


def test_the_gate_sees_holds_matters_and_what_awaits_shredding(fill: Fill) -> None:
    place = fill(14)
    gate = gated(place, lambda shard: True)
    refs = place.refs()
    place.vault.place_hold("HOLD-1", [refs["c0"], refs["c1"]], matter="m-1", order="ab" * 32)  # type: ignore[arg-type]
    place.vault.place_hold("HOLD-2", [refs["c1"]], matter="m-2", order="ab" * 32)  # type: ignore[arg-type]
    place.vault.shred_conversation(refs["c0"], actor="holder", reason="request")
    asked = [bytes.fromhex(refs[name]) for name in ("c0", "c1", "c2")]

    def seen(grant: Grant) -> dict[tuple[str, ...], tuple[tuple[str, ...], bool]]:
        place.vault.broker.release(grant, asked)
        return {shard.holds: (shard.matters, shard.pending_shred) for shard in gate.asked[-1]}

    assert seen(place.grant()) == {
        ("HOLD-1",): (("m-1",), True),
        ("HOLD-1", "HOLD-2"): (("m-1", "m-2"), False),
        (): ((), False),
    }
    listed = place.vault.list_for_grant([refs[name] for name in ("c0", "c1", "c2")])
    other = seen(place.grant(matter="m-2", listed=listed))
    assert other == {("HOLD-1", "HOLD-2"): (("m-1", "m-2"), False), (): (("m-2",), False)}  # c0 awaits erasure: not theirs to see


def test_a_resumed_run_at_its_cap_opens_the_same_again_and_nothing_else(fill: Fill) -> None:
    place = fill(10)
    gate = gated(place, lambda shard: True)
    every = crefs(place)
    grant = place.grant(max_records=6)
    place.vault.broker.release(grant, every[:6])
    place.vault.broker.release(grant, every[:6])
    place.vault.broker.release(grant, every[:2])
    assert gate.used == [0, 0, 4]
    assert refusal(lambda: place.vault.broker.release(grant, every[5:7])) == "vault.record-cap"
    assert gate.used[-1] == 5


def test_a_flood_of_forged_grants_fills_neither_ledger_nor_memory(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    place = fill(3)
    monkeypatch.setattr(broker_, "REFUSALS_TOLD", 5)
    true = place.grant()
    for n in range(40):
        assert refusal(lambda n=n: place.vault.broker.check(replace(true, tag=f"{n:064x}"))) == "crypto.bad-grant-tag"
    refused = [entry for entry in place.ledger.entries if entry.act == "access.refused"]
    assert len(refused) == 5
    assert {(entry.matter, entry.actor) for entry in refused} == {("", "broker")}, "a forged grant names nobody"


def test_a_refusal_stands_though_the_ledger_is_away(fill: Fill) -> None:
    place = fill(3)
    grant = place.grant()
    place.ledger.broken = True
    with pytest.raises(Refused):
        place.vault.broker.release(replace(grant, tag=grant.tag), [bytes(16)] * (broker_.REQUEST_MAX + 1))
