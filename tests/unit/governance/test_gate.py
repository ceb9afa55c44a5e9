"""Grants for other purposes, and the policies at the moment of opening."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.canon import instant
from incamera.core.crypto import public_text
from incamera.core.errors import Awaiting, Malformed, Refused
from incamera.core.ids import digest
from incamera.core.records import Entry
from incamera.governance.breakglass import Reviews, break_glass
from incamera.governance.consent import change
from incamera.governance.gate import Gate
from incamera.governance.grant import issue_standing
from incamera.governance.identity import Identity
from incamera.governance.policy import PURPOSES, ShardFacts, shipped
from incamera.governance.purposes import ROLE_OF, STANDING
from incamera.governance.request import approve
from incamera.governance.standing import Standing
from incamera.governance.standing_terms import StandingTerms, is_standing, parse

from .conftest import LOG, NOW, ListAppender

PERSON, OTHER = "a" * 32, "b" * 32
#: A program's key: what asks is an account, and an account has one.
KEY = public_text(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def terms_of(purpose: str, **changed) -> StandingTerms:
    bounds = STANDING[purpose]
    usual = {
        "id": "c" * 32,
        "purpose": purpose,
        "actor": "indexer",
        "key": KEY,
        "subject": PERSON if bounds.about == "subject" else None,
        "listed": digest(b"list"),
        "conversations": min(10, bounds.records_max),
        "hours": 24,
        "asked_at": instant(NOW),
        "not_after": instant(NOW + timedelta(days=3)),
        "document": digest(b"record of processing"),
        "recipe": digest(b"recipe") if bounds.form == "deidentified" else None,
        "to": "escrowed" if purpose == "class_switch" else None,
    }
    return StandingTerms(**{**usual, **changed})


@pytest.fixture
def standing(order, people, ledger, clock):
    def run(purpose: str, by: tuple[str, ...] = ("counsel", "privacy"), *, terms: dict | None = None, signed=None, **changed):
        asked = terms_of(purpose, **(terms or {}))
        usual = {
            "signers": order.signers,
            "actor": Identity(name="indexer", roles=(ROLE_OF[purpose],), how="service", mfa=True, key=KEY),
            "mac_key": bytes(32),
            "appender": ledger,
            "clock": clock,
            "policy": shipped(),
            "log": LOG,
        }
        request = (signed or asked).request(policy=shipped().digest, log=LOG)
        approvals = [approve(request, people[role], role=role, now=NOW) for role in by]
        return issue_standing(asked, approvals, **{**usual, **changed})

    return run


def refusal(call, *args, **kwargs) -> str:
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    return caught.value.code


@pytest.mark.parametrize("purpose", STANDING)
def test_each_purpose_needs_two_approvals(standing, ledger, purpose: str) -> None:
    grant = standing(purpose)
    assert grant.purpose == purpose and grant.expires_at == NOW + timedelta(hours=24)
    assert grant.matter.startswith(f"{purpose}/"), "no order's matter has a stroke in its name"
    for by, needed in (((), 2), (("privacy",), 1)):
        with pytest.raises(Awaiting) as caught:
            standing(purpose, by)
        assert f"needs {needed} more" in caught.value.hint
    assert ledger.acts().count("access.granted") == 1


def test_a_grant_ends_with_its_request(standing) -> None:
    assert standing("training", terms={"hours": 168}).expires_at == NOW + timedelta(days=3)


def test_the_asker_must_be_in_the_purposes_role(standing) -> None:
    wrong = Identity(name="indexer", roles=("examiner",), how="service", mfa=True, key=KEY)
    assert refusal(standing, "training", actor=wrong) == "access.denied-by-policy"


def test_only_who_asked_may_use_what_is_granted(standing, people) -> None:
    other = Identity(name="another", roles=("service",), how="service", mfa=True, key=KEY)
    assert refusal(standing, "training", actor=other) == "access.other-asker"
    rekeyed = Identity(name="indexer", roles=("service",), how="service", mfa=True, key=public_text(people["stranger"]))
    assert refusal(standing, "training", actor=rekeyed) == "access.other-asker"


def test_an_asker_cannot_approve_with_the_own_key(standing, people) -> None:
    key = public_text(people["counsel"])
    own = Identity(name="indexer", roles=("service",), how="service", mfa=True, key=key)
    assert refusal(standing, "support", actor=own, terms={"key": key}) == "access.own-approval"


@pytest.mark.parametrize(
    "changed",
    [
        {"listed": digest(b"a longer list")},
        {"conversations": 11},
        {"hours": 23},
        {"subject": OTHER},
        {"recipe": digest(b"a milder recipe")},
        {"document": digest(b"another letter")},
        {"id": "d" * 32},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_approval_is_of_these_terms_and_no_others(standing, changed: dict) -> None:
    """List, number, time, person, form: whatever was altered after the signing is another request."""
    assert refusal(standing, "support", signed=terms_of("support"), terms=changed) == "access.other-request"


def test_an_approval_of_one_purpose_is_none_of_another(standing) -> None:
    assert refusal(standing, "training", signed=terms_of("support")) == "access.other-request"
    assert refusal(standing, "safety_escalation", signed=terms_of("data_subject_request")) == "access.other-request"


def test_a_request_whose_time_is_over(standing, clock) -> None:
    clock.advance(days=4)
    assert refusal(standing, "training") == "access.request-ended"


# --- the paper ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", STANDING)
def test_what_is_written_is_read(purpose: str) -> None:
    terms = terms_of(purpose)
    assert is_standing(terms.json()) and not is_standing(b"[matter]")
    assert parse(terms.json()) == terms
    assert parse(terms.json()).digest == terms.digest


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"purpose": "court_order"}, "access.bad-purpose"),
        ({"purpose": "curiosity"}, "access.bad-purpose"),
        ({"conversations": 0}, "access.too-many"),
        ({"conversations": 101}, "access.too-many"),
        ({"hours": 0}, "access.bad-hours"),
        ({"hours": 25}, "access.bad-hours"),
        ({"not_after": instant(NOW)}, "access.bad-request"),
        ({"not_after": instant(NOW + timedelta(days=31))}, "access.bad-request"),
        ({"subject": None}, "access.bad-request"),
        ({"recipe": None}, "access.bad-request"),
        ({"to": "user"}, "access.bad-request"),
        ({"recipient": "age1"}, "access.bad-request"),
        ({"actor": "Indexer One"}, "access.bad-request"),
        ({"form": "raw"}, "access.bad-request"),
        ({"v": "incamera/standing-request/9"}, "access.bad-request"),
        ({"more": 1}, "access.bad-request"),
        ({"conversations": True}, "access.bad-request"),
        ({"key": "ed25519:AAAA"}, "crypto.bad-key"),
    ],
    ids=str,
)
def test_what_an_approver_could_not_judge_is_refused(changed: dict, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(json.dumps({**terms_of("support").terms, **changed}).encode())
    assert caught.value.code == code


def test_who_will_hold_their_own_keys_names_the_key() -> None:
    for changed, sound in (({}, False), ({"recipient": "ab" * 32}, True)):
        data = terms_of("class_switch", to="user", **changed).json()
        with nullcontext() if sound else pytest.raises(Malformed):
            assert parse(data).to == "user"


@given(
    st.binary(max_size=80)
    | st.text(max_size=80).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.dictionaries(st.text(max_size=5), inner)
    )
    .map(json.dumps)
    .map(str.encode)
)
def test_a_paper_that_is_none_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


@given(
    st.sampled_from([field.name for field in fields(StandingTerms)]),
    st.sampled_from(["", "x", -1, 2**60, None, [], {}, 1.5, True]),
)
@settings(max_examples=150)
def test_a_field_of_another_kind_never_passes_for_one(name: str, value: object) -> None:
    """Whatever is read back is either refused or says exactly what was written."""
    body = {**terms_of("data_subject_request").terms, name: value}
    with suppress(Malformed):
        assert parse(json.dumps(body).encode()).terms == body


# --- the gate -------------------------------------------------------------------------------------------------------


def opened(grant, *shards: ShardFacts, used: int = 0, now=NOW) -> list[bool]:
    return Gate(shipped()).allowed(grant, shards, now=now, used_records=used)


def test_consent_opens_row_by_row(standing) -> None:
    grant = standing("training")
    rows = [
        ShardFacts(id="1", consents=("training",)),
        ShardFacts(id="2"),
        ShardFacts(id="3", consents=("support", "training")),
        ShardFacts(id="4", consents=("training",), holds=("h",)),
        ShardFacts(id="5", consents=("training",), key_class="user"),
        ShardFacts(id="6", consents=("training",), pending_shred=True),
    ]
    assert opened(grant, *rows) == [True, False, True, False, False, False]
    assert opened(grant, *rows, used=10) == [False] * 6
    assert opened(grant, *rows, now=NOW + timedelta(days=4)) == [False] * 6


@pytest.mark.parametrize("purpose", ["support", "class_switch"])
def test_one_persons_grant_opens_nothing_of_another(standing, purpose: str) -> None:
    """Not even where the list were wider: the scope is the person."""
    shards = [ShardFacts(id=str(n), subject=one, consents=("support",)) for n, one in enumerate((PERSON, OTHER))]
    assert opened(standing(purpose), *shards, replace(shards[0], holds=("h",))) == [True, False, False]


def test_a_person_sees_the_own_rows(standing) -> None:
    grant = standing("data_subject_request")
    assert opened(grant, ShardFacts(id="1", subject=PERSON), ShardFacts(id="2", subject=OTHER), ShardFacts(id="3")) == [
        True,
        False,
        False,
    ]


def test_an_altered_grant_opens_what_its_fields_say_and_the_broker_has_checked_its_tag(standing) -> None:
    grant = standing("training")
    mine = ShardFacts(id="1", matters=(grant.matter,), consents=("training",))
    for purpose in PURPOSES:
        allowed = opened(replace(grant, purpose=purpose), mine)[0]
        assert allowed == (purpose in ("training", "court_order"))


def test_equal_rows_are_asked_about_once(standing, monkeypatch: pytest.MonkeyPatch) -> None:
    grant, policy = standing("training"), shipped()
    asked = []
    monkeypatch.setattr(policy, "decide", lambda q: (asked.append(q), type(policy).decide(policy, q))[1])
    rows = [ShardFacts(id=str(n), consents=("training",) if n % 2 else ()) for n in range(500)]
    assert sum(Gate(policy).allowed(grant, rows, now=NOW, used_records=0)) == 250
    assert len(asked) == 2


# --- what the ledger tells by now ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """An act as a ledger tells it."""

    index: int
    at: datetime
    entry: Entry


def fold(ledger: ListAppender, at: datetime = NOW) -> Standing:
    standing = Standing()
    for index, entry in enumerate(ledger.entries):
        standing.see(Told(index, at, entry))
    return standing


def test_a_grant_has_to_stand_in_the_ledger_in_its_own_terms(standing, ledger) -> None:
    """Whoever stole the home's grant key can tag what they like; they cannot make the ledger say it."""
    grant = standing("safety_escalation", terms={"listed": "ab" * 32})
    known = fold(ledger)
    known.check(grant)
    forged = [
        replace(grant, receipt=replace(grant.receipt, index=0)),
        replace(grant, max_records=10**9),
        replace(grant, listed="cd" * 32),
        replace(grant, listed=None),
        replace(grant, actor="somebody"),
        replace(grant, matter="another"),
        replace(grant, purpose="court_order"),
        replace(grant, expires_at=grant.expires_at + timedelta(days=1)),
        replace(grant, approvals=()),
    ]
    for other in forged:
        with pytest.raises(Refused) as caught:
            known.check(other)
        assert caught.value.code == "access.unknown-grant"


def test_a_revocation_ends_grants_given_before_it_and_none_after(standing, ledger) -> None:
    early = standing("training")
    request = ledger.entries[-1].fields["request"]
    ledger.append(Entry(act="access.revoked", matter="training/1", actor="holder", fields={"request": request, "reason": "x"}))
    late = standing("training")
    gate = Gate(shipped(), standing=lambda: fold(ledger))
    with pytest.raises(Refused) as caught:
        gate.allowed(early, [ShardFacts(id="1", consents=("training",))], now=NOW, used_records=0)
    assert caught.value.code == "access.revoked-grant"
    assert gate.allowed(late, [ShardFacts(id="1", consents=("training",))], now=NOW, used_records=0) == [True]


def test_consents_are_the_ledgers_of_this_moment(standing, ledger) -> None:
    grant = standing("training")
    gate = Gate(shipped(), standing=lambda: fold(ledger))
    shards = [ShardFacts(id="1", subject=PERSON), ShardFacts(id="2", subject=OTHER)]
    assert gate.allowed(grant, shards, now=NOW, used_records=0) == [False, False]
    change(PERSON, "training", given=True, actor="desk", appender=ledger)
    change(OTHER, "support", given=True, actor="desk", appender=ledger)
    assert gate.allowed(grant, shards, now=NOW, used_records=0) == [True, False]
    change(PERSON, "training", given=False, actor="desk", appender=ledger)
    assert gate.allowed(grant, shards, now=NOW, used_records=0) == [False, False]


def test_while_a_review_is_overdue_no_broken_glass_opens(ledger, clock) -> None:
    officer = Identity(name="officer-1", roles=("safety",), how="oidc", mfa=True)
    grant = break_glass(
        actor=officer, matter="m", scope=digest(b"s"), max_records=3, minutes=60, reason="imminent-harm", listed=digest(b"l"),
        people=["a", "b"], pager=Reached(), reviews=Reviews(), policy=shipped(), mac_key=bytes(32), appender=ledger, clock=clock,
    )  # fmt: skip
    shard = [ShardFacts(id="1")]
    assert Gate(shipped(), standing=lambda: fold(ledger)).allowed(grant, shard, now=NOW, used_records=0) == [True]
    old = fold(ledger, NOW - timedelta(hours=73))
    assert Gate(shipped(), standing=lambda: old).allowed(grant, shard, now=NOW, used_records=0) == [False]
    with pytest.raises(Refused):
        fold(ledger).check(replace(grant, expires_at=grant.expires_at + timedelta(minutes=1)))
    old.see(Told(9, NOW, Entry(act="access.reviewed", matter="m", actor="b", fields={"entry": 1, "finding": "justified"})))
    assert not old.overdue(NOW)


class Reached:
    def page(self, person: str, notice: str) -> None:
        """Everybody is reached."""
