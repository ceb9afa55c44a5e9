"""Consent, breaking the glass, and service accounts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.crypto import public_text, verify_grant_tag
from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.records import Entry
from incamera.governance.breakglass import Reviews, break_glass, review
from incamera.governance.consent import Consents, change
from incamera.governance.identity import Identity
from incamera.governance.policy import shipped
from incamera.governance.service import ServiceAccount, Services, assertion

from .conftest import NOW, SetClock

MAC = bytes(range(32))
SUBJECT = "a" * 32


class Past:
    def __init__(self, index: int, entry: Entry, at=NOW) -> None:
        self.index, self.entry, self.at = index, entry, at


def past(ledger, at=NOW) -> list[Past]:
    return [Past(i, entry, at) for i, entry in enumerate(ledger.entries)]


def refused(code: str, call, *args, kind: type[Error] = Refused, **kwargs) -> None:
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code


# --- consent --------------------------------------------------------------------------------------------------------


def test_silence_is_no_consent_and_the_last_word_counts(ledger) -> None:
    assert Consents().purposes(SUBJECT) == ()
    for purpose, given_ in (("training", True), ("support", True), ("training", False), ("analytics", False)):
        change(SUBJECT, purpose, given=given_, actor="portal", appender=ledger)
    change("b" * 64, "training", given=True, actor="portal", appender=ledger, request="c" * 64)
    consents = Consents.of(past(ledger))
    assert consents.purposes(SUBJECT) == ("support",)
    assert consents.purposes("b" * 64) == ("training",)


@pytest.mark.parametrize("purpose", ["court_order", "safety_escalation", "data_subject_request", "everything"])
def test_consent_decides_about_the_holders_own_purposes_only(ledger, purpose: str) -> None:
    refused("consent.not-consentable", change, SUBJECT, purpose, given=True, actor="portal", appender=ledger)
    assert not ledger.entries


# --- breaking the glass ---------------------------------------------------------------------------------------------


class Pager:
    def __init__(self, unreachable: tuple[str, ...] = ()) -> None:
        self.unreachable = unreachable
        self.paged: list[str] = []

    def page(self, person: str, notice: str) -> None:
        if person in self.unreachable:
            raise Unavailable("pager.down", "not delivered")
        self.paged.append(person)


SAFETY = Identity(name="officer-1", roles=("safety",), how="oidc", mfa=True)
OTHER = Identity(name="officer-2", roles=("safety",), how="oidc", mfa=True)


@pytest.fixture
def smash(ledger, clock):
    def run(**changed):
        usual = {
            "actor": SAFETY,
            "matter": "incident-7",
            "scope": "d" * 64,
            "max_records": 3,
            "minutes": 30,
            "reason": "imminent-harm",
            "listed": "e" * 64,
            "people": ["Head of safety", "Privacy officer"],
            "pager": Pager(),
            "reviews": Reviews(),
            "policy": shipped(),
            "mac_key": MAC,
            "appender": ledger,
            "clock": clock,
        }
        return break_glass(**{**usual, **changed})

    return run


def test_the_glass_breaks_for_minutes_in_the_open(smash, ledger) -> None:
    pager = Pager()
    grant = smash(pager=pager)
    verify_grant_tag(MAC, grant)
    assert grant.purpose == "safety_escalation" and grant.approvals == ()
    assert grant.expires_at - grant.not_before == timedelta(minutes=30)
    assert ledger.acts() == ["access.requested", "access.break_glass"]
    assert ledger.entries[1].fields["paged"] == 2 and grant.receipt.index == 1
    assert pager.paged == ["head of safety", "privacy officer"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"people": ["One"]}, "access.page-two"),
        ({"people": ["One", " one "]}, "access.page-two"),
        ({"people": ["One", "officer-1"]}, "access.page-two"),
        ({"pager": Pager(unreachable=("privacy officer",))}, "access.page-two"),
        ({"actor": Identity(name="operator", roles=("examiner",), how="oidc", mfa=True)}, "access.denied-by-policy"),
        ({"actor": Identity(name="officer-1", roles=("safety",), how="oidc", mfa=False)}, "access.denied-by-policy"),
        ({"max_records": 0}, "access.denied-by-policy"),
    ],
)
def test_the_glass_holds(smash, ledger, changed: dict, code: str) -> None:
    refused(code, smash, **changed)
    assert ledger.acts() == ["access.requested", "access.refused"]
    assert ledger.entries[1].fields["code"] == code


@pytest.mark.parametrize("minutes", [0, 61])
def test_an_hour_at_most(smash, ledger, minutes: int) -> None:
    refused("access.bad-minutes", smash, minutes=minutes, kind=Malformed)
    assert not ledger.entries


def test_without_its_review_the_role_locks(smash, ledger, clock: SetClock) -> None:
    smash()
    clock.advance(hours=71)
    smash(reviews=Reviews.of(past(ledger)), actor=OTHER)
    clock.advance(hours=2)
    open_ = Reviews.of(past(ledger))
    assert set(open_.open) == {1, 3}
    refused("access.denied-by-policy", smash, reviews=open_, actor=OTHER)
    assert ledger.entries[-1].fields["code"] == "access.denied-by-policy"
    for entry, by in ((1, OTHER), (3, SAFETY)):
        review(entry, "justified", matter="incident-7", reviewer=by, reviews=open_, appender=ledger, report="e" * 64)
    assert Reviews.of(past(ledger)).open == {}
    smash(reviews=Reviews.of(past(ledger)))


def test_nobody_reviews_themselves_or_twice_or_nothing(smash, ledger) -> None:
    smash()
    open_ = Reviews.of(past(ledger))
    call = {"matter": "incident-7", "reviews": open_, "appender": ledger}
    refused("access.own-review", review, 1, "justified", reviewer=SAFETY, **call)
    refused("access.nothing-to-review", review, 0, "justified", reviewer=OTHER, **call)
    review(1, "unjustified", reviewer=OTHER, **call)
    refused("access.nothing-to-review", review, 1, "justified", reviewer=OTHER, **{**call, "reviews": Reviews.of(past(ledger))})


# --- service accounts -----------------------------------------------------------------------------------------------

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def services(clock) -> Services:
    account = ServiceAccount(name="indexer", key=public_text(KEY), roles=("service",))
    return Services([account], audience="broker", clock=clock)


def said(key=KEY, **changed) -> bytes:
    return assertion(key, **{"service": "indexer", "audience": "broker", "now": NOW, **changed})


def test_a_service_proves_itself_once(services) -> None:
    data = said()
    identity = services.sign_in(data)
    assert (identity.name, identity.roles, identity.how, identity.mfa) == ("indexer", ("service",), "service", True)
    refused("service.replayed", services.sign_in, data)
    services.sign_in(said())


@pytest.mark.parametrize(
    ("data", "code", "kind"),
    [
        (lambda: said(service="other"), "service.unknown", Refused),
        (lambda: said(audience="portal"), "service.other-audience", Refused),
        (lambda: said(now=NOW - timedelta(minutes=6)), "service.expired", Refused),
        (lambda: said(now=NOW + timedelta(minutes=6)), "service.expired", Refused),
        (lambda: said(lifetime=timedelta(hours=1)), "service.expired", Refused),
        (lambda: said(key=Ed25519PrivateKey.generate()), "service.bad-signature", Unverified),
        (lambda: json.dumps({**json.loads(said()), "audience": "portal"}).encode(), "service.bad-signature", Unverified),
        (lambda: json.dumps({**json.loads(said()), "role": "safety"}).encode(), "service.bad-assertion", Malformed),
        (lambda: b"{}", "service.bad-assertion", Malformed),
        (lambda: b"[" * 10**5, "service.bad-assertion", Malformed),
    ],
)
def test_a_service_that_is_not_itself(services, data, code: str, kind: type[Error]) -> None:
    refused(code, services.sign_in, data(), kind=kind)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_statement_or_a_named_flaw(data: bytes) -> None:
    with pytest.raises(Error):
        Services([], audience="broker", clock=SetClock()).sign_in(data)


def test_used_statements_are_forgotten_when_they_expire(services, clock: SetClock) -> None:
    services.sign_in(said())
    clock.advance(minutes=20)
    services.sign_in(said(now=clock.now()))
    assert len(services._used) == 1
