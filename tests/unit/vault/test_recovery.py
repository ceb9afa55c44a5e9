"""The drill: keys.db and the KMS are gone, and two of three trustees bring every held conversation back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.ids import digest
from incamera.testing.places import Place
from incamera.testing.vaults import CHEAP, PASSPHRASE, account, conversation
from incamera.vault import recovering
from incamera.vault.kms import LocalKms
from incamera.vault.pairs import TRUSTEES, Pairs, trustees_from
from incamera.vault.recovering import recover
from incamera.vault.recovery import VERSION, RecoveryFile
from incamera.vault.store import Vault

Keys = Mapping[str, X25519PrivateKey]
ORDER = digest(b"order")


@pytest.fixture
def keys() -> Keys:
    return {name: X25519PrivateKey.generate() for name in TRUSTEES}


def named(keys: Keys) -> dict[str, str]:
    return {name: key.public_key().public_bytes_raw().hex() for name, key in keys.items()}


@pytest.fixture
def held(place: Place, keys: Keys) -> Place:
    """c0 to c9 held in one matter, c5 to c12 in another, c13 shredded, the rest live."""
    place.vault.recovery.name_trustees(named(keys))
    known = account(1)
    place.vault.put((conversation(n) for n in range(20)), {known.subject: known})
    refs = place.refs()
    place.vault.place_hold("h-1", [refs[f"c{n}"] for n in range(8)], matter="m-1", order=ORDER)
    place.vault.place_hold("h-1", [refs[f"c{n}"] for n in range(10)], matter="m-1", order=ORDER)
    place.vault.place_hold("h/2 ü", [refs[f"c{n}"] for n in range(5, 13)], matter="m-2", order=ORDER)
    place.vault.shred_conversation(refs["c13"], actor="holder", reason="request")
    return place


def lose(place: Place) -> LocalKms:
    place.vault.close()
    for name in ("keys.db", "keys.db-wal", "keys.db-shm", "kms.json"):
        (place.home / name).unlink(missing_ok=True)
    return LocalKms.create(place.home / "kms.json", PASSPHRASE, cost=CHEAP)


@pytest.mark.parametrize("pair", list(itertools.combinations(TRUSTEES, 2)), ids="-".join)
def test_any_two_bring_back_what_is_held_and_nothing_else(held: Place, keys: Keys, pair: tuple[str, str]) -> None:
    kms = lose(held)
    assert recover(held.home, kms, {name: keys[name] for name in pair}, clock=held.clock) == 13
    held.vault = Vault.open(held.home, kms, appender=held.ledger, clock=held.clock, log=[held.ledger.verifier])
    assert held.readable() == {f"c{n}" for n in range(13)}
    assert held.vault.stats().conversations == 13
    assert {facts.cref for facts in held.vault.facts()} == {held.refs()[f"c{n}"] for n in range(13)}
    assert [(h.id, h.matter, h.conversations) for h in held.vault.holds.all()] == [("h-1", "m-1", 10), ("h/2 ü", "m-2", 8)]
    assert held.vault.shred_conversation(held.refs()["c1"], actor="holder", reason="request").outcome == "pending"
    assert held.vault.put(conversation(n) for n in range(13)).duplicates == 13


def test_accounts_and_commitment_keys_come_back_too(held: Place, keys: Keys) -> None:
    grant = held.grant()
    before = held.vault.broker.release(grant, [bytes.fromhex(held.refs()["c1"])])
    kms = lose(held)
    recover(held.home, kms, keys, clock=held.clock)
    held.vault = Vault.open(
        held.home, kms, appender=held.ledger, clock=held.clock, log=[held.ledger.verifier], grant_key=held.vault.grant_key
    )
    after = held.vault.broker.release(grant, [bytes.fromhex(held.refs()["c1"])])
    assert after.keys == before.keys
    assert after.parties == before.parties
    assert next(iter(after.parties.values())).account is not None


@pytest.mark.parametrize("name", TRUSTEES)
def test_one_alone_opens_nothing(held: Place, keys: Keys, name: str) -> None:
    kms = lose(held)
    with pytest.raises(Refused) as caught:
        recover(held.home, kms, {name: keys[name]}, clock=held.clock)
    assert caught.value.code == "vault.recovery-pair"
    stranger = {other: X25519PrivateKey.generate() for other in TRUSTEES if other != name}
    with pytest.raises(Unverified) as mixed:
        recover(held.home, kms, {name: keys[name]} | stranger, clock=held.clock)
    assert mixed.value.code == "vault.recovery-share"
    assert not (held.home / "keys.db").exists()


def test_the_share_one_hands_over_is_of_no_use_alone(held: Place, keys: Keys) -> None:
    """Two machines: the outer trustee peels, the inner one opens."""
    file = held.vault.recovery.file("h-1")
    handed = file.share("holder", "court", keys["holder"])
    for name in ("holder", "neutral"):
        with pytest.raises(Unverified):
            Pairs(VERSION, b"h-1").open(handed, keys[name], inner="court", outer="holder")
    assert len(Pairs(VERSION, b"h-1").open(handed, keys["court"], inner="court", outer="holder")) == 32
    with pytest.raises(Refused):
        file.share("court", "holder", keys["court"])


def test_a_released_hold_leaves_nothing_to_recover(held: Place, keys: Keys) -> None:
    held.vault.release_hold("h-1")
    held.vault.shred_conversation(held.refs()["c1"], actor="holder", reason="request")
    kms = lose(held)
    assert recover(held.home, kms, keys, clock=held.clock) == 8
    held.vault = Vault.open(held.home, kms, appender=held.ledger, clock=held.clock, log=[held.ledger.verifier])
    assert held.readable() == {f"c{n}" for n in range(5, 13)}


def test_the_file_shows_no_key_and_no_reference(held: Place) -> None:
    data = b"".join(path.read_bytes() for path in (held.home / "recovery").iterdir())
    for ref in held.refs().values():
        assert ref.encode() not in data
        assert bytes.fromhex(ref) not in data


@pytest.mark.parametrize("flaw", ["pair", "chunk", "header", "swap"])
def test_an_altered_file_is_refused(held: Place, keys: Keys, flaw: str) -> None:
    path = held.vault.recovery.file("h-1").path
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if flaw == "pair":
        sealed = lines[0]["pairs"][0]["sealed"]
        lines[0]["pairs"][0]["sealed"] = ("B" if sealed[0] == "A" else "A") + sealed[1:]
    elif flaw == "chunk":
        lines[1]["body"] = lines[1]["body"][:-4] + "AAA="
    elif flaw == "header":
        lines[0]["hold"] = "h-9"
    else:
        other = [json.loads(line) for line in held.vault.recovery.file("h/2 ü").path.read_text().splitlines()]
        lines[1] = other[1]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(Error) as caught:
        RecoveryFile(path).open(keys)
    assert caught.value.code in ("vault.recovery-share", "vault.not-authentic", "vault.recovery-file")


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\n"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, keys: Keys, content: bytes) -> None:
    (tmp_path / "x.recovery").write_bytes(content)
    with pytest.raises(Malformed) as caught:
        RecoveryFile(tmp_path / "x.recovery").open(keys)
    assert caught.value.code == "vault.recovery-file"


def test_a_torn_last_line_costs_nothing_that_was_promised(held: Place, keys: Keys) -> None:
    path = held.vault.recovery.file("h-1").path
    path.write_bytes(path.read_bytes() + b'{"body":"AAAA')
    assert len(RecoveryFile(path).open(keys).keys) == 10
    held.vault.place_hold("h-1", [held.refs()["c19"]], matter="m-1", order=ORDER)
    assert len(RecoveryFile(path).open(keys).keys) == 11


def test_trustees_are_three_of_the_names_with_keys_of_their_own(place: Place, keys: Keys) -> None:
    good = named(keys)
    for bad in (
        {k: v for k, v in good.items() if k != "court"},
        good | {"friend": good["court"]},
        good | {"court": good["holder"]},
        good | {"court": "00"},
        good | {"court": "zz" * 32},
    ):
        with pytest.raises(Malformed) as caught:
            trustees_from(bad)
        assert caught.value.code == "vault.bad-trustees"
    place.vault.recovery.name_trustees(good)
    with pytest.raises(Unavailable) as again:
        place.vault.recovery.name_trustees(good)
    assert again.value.code == "vault.exists"


def test_nothing_is_recovered_over_a_living_keys_db_or_out_of_nothing(place: Place, keys: Keys) -> None:
    with pytest.raises(Unavailable) as caught:
        recover(place.home, place.kms(), keys, clock=place.clock)
    assert caught.value.code == "vault.exists"
    kms = lose(place)
    with pytest.raises(Unavailable) as nothing:
        recover(place.home, kms, keys, clock=place.clock)
    assert nothing.value.code == "vault.nothing-to-recover"


def test_a_hold_without_trustees_works_and_says_it_is_not_recoverable(fill: Any) -> None:
    place = fill(3)
    place.vault.place_hold("h-1", [place.refs()["c1"]], matter="m-1", order=ORDER)
    assert not place.vault.recovery.ready
    assert not (place.home / "recovery").exists()
    assert recovering.SUFFIX == ".recovery"
