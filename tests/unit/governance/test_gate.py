"""Grants for other purposes, and the policies at the moment of opening."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from incamera.core.errors import Awaiting, Malformed, Refused
from incamera.core.ids import digest
from incamera.governance.gate import Gate
from incamera.governance.grant import issue_standing
from incamera.governance.identity import Identity
from incamera.governance.policy import PURPOSES, ShardFacts, shipped
from incamera.governance.request import STANDING_PURPOSES, approve, standing_request, subject_scope

from .conftest import NOW

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
            not_after=NOW + timedelta(days=3),
        )
        usual = {
            "signers": order.signers,
            "actor": Identity(name="indexer", roles=(ROLES[purpose],), how="service", mfa=True),
            "mac_key": bytes(32),
            "appender": ledger,
            "clock": clock,
            "policy": shipped(),
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
        standing_request(matter="m", purpose=purpose, scope=digest(b""), document=digest(b""), max_records=1, policy=digest(b""))
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
