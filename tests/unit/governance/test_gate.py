"""Grants for other purposes, and the policies at the moment of opening."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from incamera.core.errors import Awaiting, Malformed, Refused
from incamera.core.ids import digest
from incamera.core.records import Entry
from incamera.governance.breakglass import Reviews, break_glass
from incamera.governance.consent import change
from incamera.governance.gate import Gate
from incamera.governance.grant import issue_standing
from incamera.governance.identity import Identity
from incamera.governance.policy import PURPOSES, ShardFacts, shipped
from incamera.governance.request import STANDING_PURPOSES, approve, standing_request, subject_scope
from incamera.governance.standing import Standing

from .conftest import LOG, NOW, ListAppender

PERSON, OTHER = "a" * 32, "b" * 32
ROLES = {
    "support": "service",
    "training": "service",
    "analytics": "service",
    "data_subject_request": "rights",
    "safety_escalation": "safety",
}


@pytest.fixture
def standing(order, people, ledger, clock):
    def run(purpose: str, by: tuple[str, ...] = ("counsel", "privacy"), *, subject: str | None = None, **changed):
        request = standing_request(
            matter="desk-1",
            purpose=purpose,
            scope=subject_scope(subject) if subject else digest(b"scope"),
            document=digest(b"record of processing"),
            max_records=10,
            policy=shipped().digest,
            log=LOG,
            not_after=NOW + timedelta(days=3),
        )
        usual = {
            "signers": order.signers,
            "actor": Identity(name="indexer", roles=(ROLES[purpose],), how="service", mfa=True),
            "mac_key": bytes(32),
            "appender": ledger,
            "clock": clock,
            "policy": shipped(),
            "log": LOG,
            "subject": subject,
        }
        approvals = [approve(request, people[role], role=role, now=NOW) for role in by]
        return issue_standing(request, approvals, **{**usual, **changed})

    return run


@pytest.mark.parametrize("purpose", STANDING_PURPOSES)
def test_each_purpose_needs_its_approvals(standing, ledger, purpose: str) -> None:
    subject = PERSON if purpose == "data_subject_request" else None
    grant = standing(purpose, subject=subject)
    assert grant.purpose == purpose and grant.expires_at == NOW + timedelta(days=3)
    with pytest.raises(Awaiting) as caught:
        standing(purpose, (), subject=subject)
    assert f"needs {2 if purpose == 'safety_escalation' else 1} more" in caught.value.hint
    if purpose == "safety_escalation":
        with pytest.raises(Awaiting):
            standing(purpose, ("privacy",))
    else:
        standing(purpose, ("privacy",), subject=subject)
    assert ledger.acts().count("access.granted") == (1 if purpose == "safety_escalation" else 2)


def test_the_asker_must_be_in_the_purposes_role(standing) -> None:
    wrong = Identity(name="indexer", roles=("examiner",), how="service", mfa=True)
    with pytest.raises(Refused) as caught:
        standing("training", actor=wrong)
    assert caught.value.code == "access.denied-by-policy"


def test_a_persons_request_is_about_that_person(standing) -> None:
    with pytest.raises(Refused) as caught:
        standing("data_subject_request")
    assert caught.value.code == "access.other-subject"


def test_a_request_whose_time_is_over(standing, clock) -> None:
    clock.advance(days=4)
    with pytest.raises(Refused) as caught:
        standing("training")
    assert caught.value.code == "access.request-ended"


@pytest.mark.parametrize("purpose", ["court_order", "curiosity"])
def test_a_courts_order_is_not_standing(purpose: str) -> None:
    with pytest.raises(Malformed) as caught:
        standing_request(
            matter="m", purpose=purpose, scope=digest(b""), document=digest(b""), max_records=1, policy=digest(b""), log=LOG
        )
    assert caught.value.code == "access.bad-purpose"


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


def test_a_person_sees_the_own_rows(standing) -> None:
    grant = standing("data_subject_request", subject=PERSON)
    assert opened(grant, ShardFacts(id="1", subject=PERSON), ShardFacts(id="2", subject=OTHER), ShardFacts(id="3")) == [
        True,
        False,
        False,
    ]


def test_an_altered_grant_opens_what_its_fields_say_and_the_broker_has_checked_its_tag(standing) -> None:
    grant = standing("training")
    mine = ShardFacts(id="1", matters=("desk-1",), consents=("training",))
    for purpose in PURPOSES:
        allowed = opened(replace(grant, purpose=purpose), mine)[0]
        assert allowed == (purpose in ("training", "court_order", "safety_escalation"))


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
    grant = standing("safety_escalation", listed="ab" * 32)
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
    ledger.append(Entry(act="access.revoked", matter="desk-1", actor="holder", fields={"request": request, "reason": "x"}))
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
