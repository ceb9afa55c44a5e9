"""Threat `compromised-app-server`, with more in its hands: true grants that were kept or copied, and the home's grant key itself.

Everything here goes through the broker's door, as a program of another process would, over a real home and a real ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from incamera.clerk.home import Home
from incamera.core.crypto import grant_tag
from incamera.core.errors import Error
from incamera.core.ids import digest
from incamera.core.records import Entry, Grant
from incamera.testing.grants import issue
from incamera.testing.vaults import conversation
from incamera.vault.wire import Client


@pytest.fixture
def home(tmp_path: Path, cheap_kms: None) -> Iterator[Home]:
    with Home.create(tmp_path / "home", origin="holder.example/ledger", passphrase="x") as made:
        made.vault.put(conversation(n) for n in range(14))
        yield made


@pytest.fixture
def grant(home: Home) -> Grant:
    """A true grant of this home over the first five conversations."""
    return given(home, crefs(home)[:5])


def given(home: Home, listed: list[bytes], **changed: object) -> Grant:
    root = home.vault.list_for_grant(cref.hex() for cref in listed)  # type: ignore[misc]
    stated = {"listed": root, "now": home.clock.now(), "max_records": 10, **changed}
    return issue(home.grant_key, home.ledger, **stated)  # type: ignore[arg-type]


def crefs(home: Home) -> list[bytes]:
    return sorted(bytes.fromhex(facts.cref) for facts in home.vault.facts())


def ask(home: Home, grant: Grant, wanted: list[bytes]) -> str:
    """What the door answers: how many keys, or the code of its refusal."""
    door = Client(home.vault.address)
    try:
        return f"{len(door.release(grant, wanted).keys)} keys"
    except Error as flaw:
        return flaw.code
    finally:
        door.close()


def told(home: Home) -> list[tuple[str, str]]:
    return [
        (past.entry.act, past.entry.fields.get("code", ""))
        for past in home.ledger.entries()
        if past.entry.act in ("access.refused", "key.released")
    ]


def test_a_true_grant_opens_its_list_and_nothing_beside_it(home: Home, grant: Grant) -> None:
    every = crefs(home)
    assert ask(home, grant, every[:5]) == "5 keys"
    for stranger in every[5:]:
        assert ask(home, grant, [every[0], stranger]) == "vault.not-listed"
    assert told(home) == [("key.released", ""), ("access.refused", "vault.not-listed")]


def test_a_revoked_grant_that_was_kept_opens_nothing_from_that_moment(home: Home, grant: Grant) -> None:
    """Nobody has to tell the broker: it reads the ledger at every release."""
    assert ask(home, grant, crefs(home)[:5]) == "5 keys"
    fields = {"request": digest(b"request"), "reason": "counsel-withdrew"}
    home.ledger.append(Entry(act="access.revoked", matter="m-1", actor="holder", fields=fields))
    assert ask(home, grant, crefs(home)[:5]) == "access.revoked-grant"
    assert ask(home, given(home, crefs(home)[:5]), crefs(home)[:5]) == "5 keys"


def test_with_the_stolen_grant_key_a_grant_can_be_tagged_and_still_opens_nothing(home: Home, grant: Grant) -> None:
    every = crefs(home)
    root = home.vault.list_for_grant(cref.hex() for cref in every)  # type: ignore[misc]
    wider = [
        replace(grant, listed=root),
        replace(grant, listed=None),
        replace(grant, max_records=10**9),
        replace(grant, expires_at=grant.expires_at + timedelta(days=300)),
        replace(grant, purpose="data_subject_request"),
        replace(grant, actor="somebody-else"),
        replace(grant, approvals=()),
        replace(grant, receipt=home.ledger.inclusion(0)),
    ]
    for forged in wider:
        tagged = replace(forged, tag=grant_tag(home.grant_key, forged))
        assert ask(home, tagged, every[:5]) in ("access.unknown-grant", "vault.listing"), forged
    assert ("key.released", "") not in told(home)


def test_a_receipt_of_an_act_that_is_no_grant_is_no_receipt(home: Home, grant: Grant) -> None:
    """Any leaf of the log proves inclusion; only the one that gave this grant gives it."""
    receipt = home.ledger.append(Entry(act="policy.changed", matter="", actor="x", fields={"policy": "ab" * 32}))
    forged = replace(grant, receipt=receipt)
    assert ask(home, replace(forged, tag=grant_tag(home.grant_key, forged)), crefs(home)[:1]) == "access.unknown-grant"


def test_a_grant_of_a_second_home_opens_nothing_here(home: Home, tmp_path: Path) -> None:
    with Home.create(tmp_path / "second", origin="holder.example/ledger", passphrase="x") as second:
        second.vault.put(conversation(n) for n in range(3))
        foreign = given(second, crefs(second))
    assert ask(home, foreign, crefs(home)[:1]) == "crypto.bad-grant-tag"
    assert [past.entry.actor for past in home.ledger.entries() if past.entry.act == "access.refused"] == ["broker"]


def test_a_hold_placed_since_takes_conversations_out_of_a_training_grant(home: Home) -> None:
    every = crefs(home)
    training = given(home, every, purpose="training", max_records=100)
    assert ask(home, training, every) == "vault.denied-by-policy", "nobody consented"
    for facts in home.vault.facts():
        fields = {"subject": facts.subject, "purpose": "training", "state": "given"}
        home.ledger.append(Entry(act="consent.changed", matter="", actor="desk", fields=fields))
    assert ask(home, training, every) == "14 keys"
    home.vault.place_hold("HOLD-1", [cref.hex() for cref in every[:4]], matter="m-1", order=digest(b"order"))  # type: ignore[misc]
    assert ask(home, training, every) == "10 keys"
    last = [past.entry.fields for past in home.ledger.entries() if past.entry.act == "key.released"][-1]
    assert (last["conversations"], last["denied"]) == (10, 4)
