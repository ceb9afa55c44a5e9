"""Escrowed conversations: the holder alone opens nothing; two of three trustees do, for one grant and a stated time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from incamera.core.errors import Malformed, Refused, Unavailable, Unverified
from incamera.core.ids import digest
from incamera.core.records import Account
from incamera.testing.places import Place
from incamera.testing.vaults import CHEAP, PASSPHRASE, account, conversation
from incamera.vault import escrow
from incamera.vault.envelope import Class
from incamera.vault.kms import LocalKms
from incamera.vault.pairs import PAIRS, TRUSTEES
from incamera.vault.recovering import recover
from incamera.vault.store import Vault

Keys = Mapping[str, X25519PrivateKey]
ESCROWED = {"c1", "c8"}
EVERYTHING = {f"c{n}" for n in range(14)}


def escrowed(number: int) -> Account:
    return replace(account(number), custody="escrowed")


@pytest.fixture(scope="module")
def keys() -> Keys:
    return {name: X25519PrivateKey.generate() for name in TRUSTEES}


@pytest.fixture
def sealed(place: Place, keys: Keys) -> Place:
    """Fourteen conversations of seven subjects; those of person-1 (c1 and c8) are escrowed."""
    place.vault.recovery.name_trustees({name: key.public_key().public_bytes_raw().hex() for name, key in keys.items()})
    report = place.vault.put((conversation(n) for n in range(14)), {"person-1@example.org": escrowed(1)})
    assert (report.stored, report.escrowed) == (14, 2)
    return place


def asked(place: Place, grant: Any, names: set[str] = ESCROWED) -> escrow.Request:
    refs = place.refs()
    return escrow.read_request(place.vault.unsealing.ask(grant, [refs[name] for name in names]))


def by(request: escrow.Request, keys: Keys, inner: str = "court", outer: str = "neutral") -> bytes:
    return escrow.unseal(request, escrow.peel(request, outer=outer, inner=inner, key=keys[outer]), key=keys[inner])


def test_a_grant_alone_opens_everything_but_the_escrowed(sealed: Place) -> None:
    grant = sealed.grant()
    assert sealed.readable(grant) == EVERYTHING - ESCROWED
    released = [entry for entry in sealed.ledger.entries if entry.act == "key.released"]
    assert released[-1].fields["conversations"] == 12
    assert released[-1].fields["used"] == 12


def test_the_vault_holds_nothing_that_opens_them(sealed: Place, keys: Keys) -> None:
    """Every secret of the operator, tried on what is stored: the subject key opens a wrapping, and inside there is no key."""
    database, keyring = sealed.vault.keyring.database, sealed.vault.keyring
    rows = database.rows("SELECT cref, uref, wrapped, version, class FROM conversation_key WHERE class = 1")
    assert len(rows) == 2
    for cref, uref, wrapped, version, kind in rows:
        subject = keyring.subjects([uref])[uref]
        inside = keyring.unwrap_conversation(subject, cref, wrapped, version=version, kind=kind)
        assert len(inside) == escrow.SEALED_BYTES
        ids = escrow.Ids(keyring.tenant, uref, cref)
        for place, (inner, outer) in enumerate(PAIRS):
            for name in TRUSTEES:
                if name != outer:
                    with pytest.raises(Unverified):
                        ids.pairs.peel(escrow.shells(inside)[place], keys[name], inner=inner, outer=outer)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_any_two_trustees_unseal_for_one_grant(sealed: Place, keys: Keys, pair: tuple[str, str]) -> None:
    grant = sealed.grant()
    refs = sealed.refs()
    still = {refs[name] for name in ESCROWED}
    assert set(sealed.vault.unsealing.sealed(grant, refs.values())) == still
    answer = by(asked(sealed, grant), keys, *pair)
    assert set(sealed.vault.unsealing.sealed(grant, refs.values())) == still, "to ask is not to open"
    assert sealed.vault.unsealing.admit(grant, answer) == 2
    assert sealed.vault.unsealing.sealed(grant, refs.values()) == []
    assert set(sealed.vault.unsealing.sealed(sealed.grant(), refs.values())) == still
    assert sealed.vault.unsealing.sealed(grant, []) == []
    assert sealed.readable(grant) == EVERYTHING
    assert sealed.readable(sealed.grant()) == EVERYTHING - ESCROWED  # another grant sees none of it


def test_the_receipt_comes_before_any_key(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant()
    request = asked(sealed, grant)
    answer = by(request, keys)
    sealed.ledger.broken = True
    with pytest.raises(Unavailable):
        sealed.vault.unsealing.admit(grant, answer)
    sealed.ledger.broken = False
    assert sealed.vault.keyring.database.one("SELECT count(*) FROM unsealed")[0] == 0
    assert sealed.readable(grant) == EVERYTHING - ESCROWED
    assert sealed.vault.unsealing.admit(grant, answer) == 2  # nothing was lost: the answer can be given again
    told = next(entry for entry in sealed.ledger.entries if entry.act == "key.unsealed")
    assert (told.fields["conversations"], told.fields["trustees"]) == (2, ["court", "neutral"])
    assert (told.fields["request"], told.fields["grant"]) == (request.digest, grant.receipt.index)


def test_the_time_is_boxed(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant(expires_at=sealed.clock.now() + timedelta(days=30))
    sealed.vault.unsealing.admit(grant, by(asked(sealed, grant), keys))
    sealed.clock.move(hours=71, minutes=59)
    assert sealed.readable(grant) == EVERYTHING
    sealed.clock.move(minutes=1)
    assert sealed.readable(grant) == EVERYTHING - ESCROWED
    assert len(sealed.vault.unsealing.sealed(grant, sealed.refs().values())) == 2
    assert sealed.vault.unsealing.expire() == 2
    assert sealed.vault.keyring.database.rows("SELECT name FROM secret WHERE name LIKE 'unseal/%'") == []


def test_an_answer_that_comes_late_opens_nothing(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant(expires_at=sealed.clock.now() + timedelta(days=30))
    request = asked(sealed, grant)
    answer = by(request, keys)
    sealed.clock.move(hours=72)
    with pytest.raises(Refused) as caught:
        sealed.vault.unsealing.admit(grant, answer)
    assert caught.value.code == "vault.unseal-unknown"
    with pytest.raises(Refused) as late:
        request.check([sealed.ledger.verifier], now=sealed.clock.now())
    assert late.value.code == "vault.unseal-expired"


def test_the_trustees_can_check_what_they_are_asked(sealed: Place) -> None:
    from incamera.testing.ledger import MemoryLedger

    grant = sealed.grant(max_records=7)
    request = asked(sealed, grant)
    request.check([sealed.ledger.verifier], now=sealed.clock.now())
    assert (request.grant["purpose"], request.grant["max_records"], len(request.sealed)) == ("court_order", 7, 2)
    with pytest.raises(Unverified) as caught:
        request.check([MemoryLedger().verifier], now=sealed.clock.now())
    assert caught.value.code == "vault.receipt"


def test_one_trustee_alone_opens_nothing(sealed: Place, keys: Keys) -> None:
    request = asked(sealed, sealed.grant())
    for name in TRUSTEES:
        with pytest.raises(Refused) as caught:
            escrow.unseal_alone(request, {name: keys[name]})
        assert caught.value.code == "vault.recovery-pair"
        stranger = {other: X25519PrivateKey.generate() for other in TRUSTEES if other != name}
        with pytest.raises(Unverified):
            escrow.unseal_alone(request, {name: keys[name]} | stranger)


def test_a_share_is_of_no_use_to_the_third(sealed: Place, keys: Keys) -> None:
    request = asked(sealed, sealed.grant())
    share = escrow.peel(request, outer="holder", inner="court", key=keys["holder"])
    for name in ("holder", "neutral"):
        with pytest.raises(Unverified) as caught:
            escrow.unseal(request, share, key=keys[name])
        assert caught.value.code == "vault.recovery-share"
    with pytest.raises(Refused):
        escrow.peel(request, outer="court", inner="holder", key=keys["court"])


def test_a_share_or_an_answer_of_another_request_is_refused(sealed: Place, keys: Keys) -> None:
    grant, other = sealed.grant(), sealed.grant(matter="m-2")
    one, two = asked(sealed, grant), asked(sealed, grant, {"c1"})
    with pytest.raises(Unverified) as caught:
        escrow.unseal(two, escrow.peel(one, outer="neutral", inner="court", key=keys["neutral"]), key=keys["court"])
    assert caught.value.code == "vault.unseal-differs"
    with pytest.raises(Refused) as foreign:
        sealed.vault.unsealing.admit(other, by(one, keys))
    assert foreign.value.code == "vault.unseal-unknown"
    moved = json.loads(by(one, keys)) | {"request": two.digest}
    with pytest.raises(Unverified):
        sealed.vault.unsealing.admit(grant, json.dumps(moved).encode())


def test_an_answer_with_other_keys_is_refused(sealed: Place, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """An inner trustee who lies is found out by the commitment, and one who answers in part by the list."""
    grant = sealed.grant()
    request = asked(sealed, grant)
    info = escrow._answer_info(request.digest, "court", "neutral")

    def forged(rows: bytes) -> bytes:
        value = json.loads(by(request, keys)) | {"sealed": escrow._text(escrow.seal_to(request.public, rows, info))}
        return json.dumps(value).encode()

    lies = b"".join(cref + bytes(32) for cref in request.sealed)
    differs = "vault.unseal-differs"
    for rows, code in ((lies, "vault.key-commitment"), (lies[:48], differs), (lies + bytes(48), differs)):
        with pytest.raises(Unverified) as caught:
            sealed.vault.unsealing.admit(grant, forged(rows))
        assert caught.value.code == code
    with pytest.raises(Malformed) as torn:
        sealed.vault.unsealing.admit(grant, forged(lies[:-1]))
    assert torn.value.code == "vault.unseal-document"
    assert "key.unsealed" not in sealed.ledger.acts()


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"v":"incamera/unseal-share/1"}', b"[" * 100_000])
def test_documents_that_are_none_are_refused(sealed: Place, keys: Keys, data: bytes) -> None:
    grant = sealed.grant()
    request = asked(sealed, grant)
    for attempt in (
        lambda: escrow.read_request(data),
        lambda: escrow.unseal(request, data, key=keys["court"]),
        lambda: sealed.vault.unsealing.admit(grant, data),
    ):
        with pytest.raises(Malformed) as caught:
            attempt()
        assert caught.value.code == "vault.unseal-document"


@pytest.mark.parametrize("field", ["tenant", "cref", "uref", "sealed"])
def test_shares_moved_to_another_conversation_subject_or_vault_do_not_open(sealed: Place, keys: Keys, field: str) -> None:
    value = json.loads(asked(sealed, sealed.grant()).data)
    one, two = value["conversations"]
    if field == "tenant":
        value["tenant"] = "00" * 16
    elif field == "sealed":
        one["sealed"], two["sealed"] = two["sealed"], one["sealed"]
    else:
        one[field] = "00" * 16
    with pytest.raises(Unverified) as caught:
        escrow.unseal_alone(escrow.read_request(json.dumps(value).encode()), keys)
    assert caught.value.code == "vault.recovery-share"


def test_an_expired_a_revoked_or_a_forged_grant_asks_nothing(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant()
    answer = by(asked(sealed, grant), keys)
    with pytest.raises(Unverified):
        sealed.vault.unsealing.ask(replace(grant, max_records=10**6), [sealed.refs()["c1"]])
    sealed.vault.broker.revoke(grant)
    for attempt in (lambda: asked(sealed, grant), lambda: sealed.vault.unsealing.admit(grant, answer)):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.code == "vault.grant-revoked"


def test_a_request_is_bounded_by_its_grant(sealed: Place) -> None:
    with pytest.raises(Refused) as caught:
        asked(sealed, sealed.grant(max_records=1))
    assert caught.value.code == "vault.record-cap"
    with pytest.raises(Refused) as nothing:
        asked(sealed, sealed.grant(), {"c2"})
    assert nothing.value.code == "vault.nothing-escrowed"


def test_what_was_unsealed_survives_a_restart_and_an_epoch_and_ends_on_demand(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant()
    sealed.vault.unsealing.admit(grant, by(asked(sealed, grant), keys))
    sealed.reopen()
    sealed.vault.roll_epoch(actor="holder")
    assert sealed.readable(grant) == EVERYTHING
    assert sealed.vault.unsealing.end(grant) == 2
    assert sealed.readable(grant) == EVERYTHING - ESCROWED


def test_an_answer_can_be_admitted_after_a_roll(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant()
    answer = by(asked(sealed, grant), keys)
    sealed.vault.roll_epoch(actor="holder")
    sealed.reopen()
    assert sealed.vault.unsealing.admit(grant, answer) == 2


def test_a_shred_reaches_what_was_unsealed(sealed: Place, keys: Keys) -> None:
    grant = sealed.grant()
    request = asked(sealed, grant)
    sealed.vault.unsealing.admit(grant, by(request, keys))
    sealed.vault.shred_conversation(sealed.refs()["c1"], actor="holder", reason="request")
    # The subject has a fresh key: what lay under the old one has to be asked for again.
    assert sealed.readable(grant) == EVERYTHING - ESCROWED
    sealed.vault.unsealing.admit(grant, by(asked(sealed, grant, {"c8"}), keys))
    assert sealed.readable(grant) == EVERYTHING - {"c1"}
    sealed.vault.shred_subject(sealed.subject(1), actor="holder", reason="request")
    assert sealed.vault.keyring.database.one("SELECT count(*) FROM unsealed")[0] == 0
    assert sealed.readable(grant) == EVERYTHING - ESCROWED


def test_held_escrowed_evidence_is_recovered_still_sealed(sealed: Place, keys: Keys) -> None:
    """The drill for escrowed rows: keys.db and the KMS are gone; recovery brings back shares, and two trustees open them."""
    refs = sealed.refs()
    sealed.vault.place_hold("h-1", [refs["c1"], refs["c2"]], matter="m-1", order=digest(b"order"))
    grant_key = sealed.vault.grant_key
    sealed.vault.close()
    for name in ("keys.db", "keys.db-wal", "keys.db-shm", "kms.json"):
        (sealed.home / name).unlink(missing_ok=True)
    kms = LocalKms.create(sealed.home / "kms.json", PASSPHRASE, cost=CHEAP)
    two = {name: keys[name] for name in ("court", "holder")}
    assert recover(sealed.home, kms, two, clock=sealed.clock) == 2
    sealed.vault = Vault.open(
        sealed.home, kms, appender=sealed.ledger, clock=sealed.clock, log=[sealed.ledger.verifier], grant_key=grant_key
    )
    grant = sealed.grant()
    assert sealed.readable(grant) == {"c2"}
    sealed.vault.unsealing.admit(grant, by(asked(sealed, grant), keys, "holder", "neutral"))
    assert sealed.readable(grant) == {"c1", "c2"}


def test_without_trustees_nothing_is_escrowed_and_nothing_stored(place: Place) -> None:
    with pytest.raises(Unavailable) as caught:
        place.vault.put([conversation(1)], {"person-1@example.org": escrowed(1)})
    assert caught.value.code == "vault.no-trustees"
    assert place.vault.stats().conversations == 0


def test_a_subject_stays_in_its_class(sealed: Place) -> None:
    assert sealed.vault.put([conversation(15)]).escrowed == 1  # of person-1; nobody has to say it again
    sealed.reopen()
    assert sealed.vault.put([conversation(22)]).escrowed == 1
    for stated in (replace(account(1), custody="operator"), escrowed(2)):
        number = 29 if stated.custody == "operator" else 16
        with pytest.raises(Refused) as caught:
            sealed.vault.put([conversation(number)], {stated.subject: stated})
        assert caught.value.code == "vault.class-differs"
        assert "person-" not in str(caught.value)


def test_facts_and_counts_show_the_class(sealed: Place) -> None:
    shown = {facts.cref: facts.custody for facts in sealed.vault.facts()}
    refs = sealed.refs()
    assert {name for name, ref in refs.items() if shown[ref] == "escrowed"} == ESCROWED
    assert dict(sealed.vault.stats().custody) == {"operator": 12, "escrowed": 2, "user": 0}


@pytest.mark.parametrize("change", ["class = 0", "class = 2", "class = 2, wrapped = ''"])
def test_a_relabelled_row_is_found(sealed: Place, change: str) -> None:
    """A DBA who changes a label so that a conversation drops out of answers, or into them."""
    keys = sealed.vault.keyring.database
    with keys.begin() as connection:
        keys.execute(connection, f"UPDATE conversation_key SET {change} WHERE class = 1", ())
    with pytest.raises(Unverified) as caught:
        if "wrapped" in change:
            sealed.vault.check()
        sealed.readable()
    assert caught.value.code in ("vault.not-authentic", "vault.class-mismatch")


@pytest.mark.parametrize("kinds", list(itertools.permutations(Class, 2)), ids=lambda kinds: f"{kinds[0]}-{kinds[1]}")
def test_a_key_of_one_class_does_not_pass_for_another(sealed: Place, kinds: tuple[Class, Class]) -> None:
    keyring, uref = sealed.vault.keyring, bytes.fromhex(sealed.subject(2))
    subject, cref = keyring.subjects([uref])[uref], bytes(16)
    wrapped = keyring.wrap_conversation(subject, cref, b"k" * 32, kinds[0])
    assert keyring.unwrap_conversation(subject, cref, wrapped, version=subject.version, kind=kinds[0]) == b"k" * 32
    with pytest.raises(Unverified):
        keyring.unwrap_conversation(subject, cref, wrapped, version=subject.version, kind=kinds[1])
