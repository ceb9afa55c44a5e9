"""Requests, approvals and grants: what two people can permit, and every way in which they did not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.canon import grant_bytes
from incamera.core.crypto import verify_grant_tag
from incamera.core.errors import Awaiting, Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.records import Entry
from incamera.governance.grant import LIFETIME, issue
from incamera.governance.history import History
from incamera.governance.identity import Identity, local
from incamera.governance.policy import Policy, shipped
from incamera.governance.request import (
    WHOLE_FRAME,
    AccessRequest,
    SignedApproval,
    approval_digest,
    approve,
    read_approval,
    request_for,
    verify_approval,
    write_approval,
)

from .conftest import LOG, NOW

MAC = bytes(range(32))


@pytest.fixture(scope="session")
def policy() -> Policy:
    return shipped()


@pytest.fixture
def request_(order, policy) -> AccessRequest:
    return request_for(order, policy=policy.digest, log=LOG)


@pytest.fixture
def approvals(request_, people) -> list[SignedApproval]:
    return [approve(request_, people[role], role=role, now=NOW) for role in ("counsel", "privacy")]


@pytest.fixture
def attempt(order, request_, policy, ledger, clock):
    def run(approvals, request=request_, **changed):
        usual = {"order": order, "actor": local("operator"), "mac_key": MAC, "appender": ledger, "clock": clock}
        usual |= {"policy": policy, "log": LOG}
        return issue(request, approvals, **{**usual, **changed})

    return run


def refused(code: str, call, *args, **kwargs) -> Error:
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, caught.value
    return caught.value


# --- the request ----------------------------------------------------------------------------------------------------


def test_the_request_follows_from_the_order_alone(write_order, policy) -> None:
    one, two = (request_for(write_order(), policy=policy.digest, log=LOG) for _ in range(2))
    assert one == two and one.digest == two.digest
    other = request_for(write_order((r"min_run = 12", "min_run = 13")), policy=policy.digest, log=LOG)
    assert other.digest != one.digest and other.scope == one.scope
    assert one.max_records == WHOLE_FRAME and one.not_after is None and one.matter == "26-cv-0001-abc"


def test_an_approval_for_one_home_is_nothing_in_another(attempt, approvals, request_) -> None:
    """A second home of the holder has another log; the same order and the same two signatures open nothing there."""
    other = replace(request_, log=LOG.replace("1f3a", "2f3a"))
    flaw = refused("access.other-request", attempt, approvals, request=other, log=other.log)
    assert "log differ" in flaw.hint
    refused("access.other-request", attempt, approvals, log=other.log)
    attempt(approvals)


def test_a_grant_carries_its_list_under_the_tag_and_in_the_ledger(attempt, approvals, ledger) -> None:
    root = "ab" * 32
    grant = attempt(approvals, listed=root)
    assert grant.listed == root == ledger.entries[-1].fields["listed"]
    verify_grant_tag(MAC, grant)
    for changed in (None, "cd" * 32):
        with pytest.raises(Unverified):
            verify_grant_tag(MAC, replace(grant, listed=changed))
    assert b'"v":"incamera/grant/2"' in grant_bytes(grant) and b'"v":"incamera/grant/1"' in grant_bytes(attempt(approvals))


def test_the_cap_is_the_sample_and_a_hold_that_ends_is_no_end_of_access(write_order, policy, order_text) -> None:
    key = order_text.split('key = "')[1].split('"')[0]
    order = write_order(
        add=f"[sample]\nsize = 40\n[[sample.commitments]]\nparty='a'\ncommitment='{'0' * 64}'\nkey='{key}'\n"
        "[hold]\nuntil = 2026-12-24\n"
    )
    request = request_for(order, policy=policy.digest, log=LOG)
    assert request.max_records == 40
    assert request.not_after is None


# --- approvals ------------------------------------------------------------------------------------------------------


def test_an_approval_file_round_trips(tmp_path: Path, approvals) -> None:
    write_approval(approvals[0], tmp_path / "a.json")
    got = read_approval(tmp_path / "a.json")
    assert got == approvals[0]
    verify_approval(got)
    assert approval_digest(got) == approval_digest(approvals[0])
    with pytest.raises(Unavailable):
        write_approval(approvals[1], tmp_path / "a.json")


@pytest.mark.parametrize("name", ["request", "role", "key", "at", "expires_at"])
def test_an_approval_altered_in_any_field_does_not_verify(approvals, people, name: str) -> None:
    from incamera.core.crypto import public_text

    changed = {
        "request": "0" * 64,
        "role": "court",
        "key": public_text(people["stranger"]),
        "at": NOW - timedelta(days=1),
        "expires_at": NOW + timedelta(days=300),
    }[name]
    with pytest.raises(Unverified) as caught:
        verify_approval(replace(approvals[0], **{name: changed}))
    assert caught.value.code == "crypto.bad-signature"


@pytest.mark.parametrize(
    "change",
    [
        lambda v: [v],
        lambda v: {**v, "note": "please"},
        lambda v: {k: x for k, x in v.items() if k != "role"},
        lambda v: {**v, "v": "incamera/approval/2"},
        lambda v: {**v, "at": "yesterday"},
        lambda v: {**v, "at": 3},
        lambda v: {**v, "terms": {**v["terms"], "max_records": 5}},
        lambda v: {**v, "terms": "all"},
    ],
)
def test_a_file_that_is_no_approval_is_named(tmp_path: Path, approvals, change) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(change(json.loads(approvals[0].json()))))
    with pytest.raises(Malformed) as caught:
        read_approval(path)
    assert caught.value.code == "access.bad-approval"
    assert caught.value.where == "a.json"


@given(st.binary(max_size=100) | st.text(max_size=50).map(str.encode))
def test_any_bytes_are_an_approval_or_a_named_flaw(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("a") / "a.json"
    path.write_bytes(data)
    with pytest.raises(Malformed):
        read_approval(path)


def test_a_bad_key_in_an_approval_is_named(tmp_path: Path, approvals) -> None:
    value = {**json.loads(approvals[0].json()), "key": "ed25519:AAAA"}
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(Malformed, match=r"crypto\.bad-key.*a\.json"):
        read_approval(tmp_path / "a.json")


def test_who_may_approve_and_for_how_long(request_, people) -> None:
    refused("access.role-cannot-approve", approve, request_, people["requester"], role="requester", now=NOW)
    with pytest.raises(Malformed) as caught:
        approve(request_, people["counsel"], role="counsel", now=NOW, days=0)
    assert caught.value.code == "access.bad-days"
    ends = replace(request_, not_after="2026-11-03T00:00:00Z")
    assert approve(ends, people["counsel"], role="counsel", now=NOW).expires_at == NOW.replace(day=3, hour=0)
    ended = replace(request_, not_after="2026-10-31T00:00:00Z")
    refused("access.request-ended", approve, ended, people["counsel"], role="counsel", now=NOW)


# --- the grant ------------------------------------------------------------------------------------------------------


def test_two_people_make_a_grant(attempt, approvals, ledger, request_, order) -> None:
    grant = attempt(approvals)
    assert ledger.acts() == ["access.requested", "access.approved", "access.approved", "access.granted"]
    assert grant.receipt.index == 3
    assert (grant.scope, grant.matter, grant.purpose) == (order.scope, order.matter.id, "court_order")
    assert grant.approvals == tuple(approval_digest(a) for a in approvals)
    assert grant.expires_at == NOW + LIFETIME
    verify_grant_tag(MAC, grant)
    granted = ledger.entries[-1].fields
    assert granted["request"] == request_.digest and granted["policies"] == ["permit-court-order"]


@pytest.mark.parametrize(
    "name", ["actor", "matter", "purpose", "scope", "max_records", "not_before", "expires_at", "approvals", "receipt"]
)
def test_the_tag_covers_every_field(attempt, approvals, name: str) -> None:
    grant = attempt(approvals)
    changed = {
        "max_records": grant.max_records - 1,
        "not_before": grant.not_before - timedelta(seconds=1),
        "expires_at": grant.expires_at + timedelta(seconds=1),
        "approvals": grant.approvals[:1],
        "receipt": replace(grant.receipt, index=grant.receipt.index + 1),
    }.get(name, "other")
    with pytest.raises(Unverified) as caught:
        verify_grant_tag(MAC, replace(grant, **{name: changed}))
    assert caught.value.code == "crypto.bad-grant-tag"
    with pytest.raises(Unverified):
        verify_grant_tag(bytes(32), grant)
    assert grant_bytes(grant) != grant_bytes(replace(grant, **{name: changed}))


def test_nobody_or_one_person_is_awaited_not_refused(attempt, approvals, ledger) -> None:
    for given_, said in (([], "not approved yet"), (approvals[:1], "approved by counsel; needs 1 more of neutral, privacy")):
        with pytest.raises(Awaiting) as caught:
            attempt(given_)
        assert caught.value.code == "access.awaiting-approval"
        assert said in caught.value.hint
        assert caught.value.exit_code == 8
    assert ledger.acts() == ["access.requested", "access.refused"] * 2
    assert "access.granted" not in ledger.acts()


def test_two_people_of_one_role_are_not_two_roles(write_order, people, policy, ledger, clock) -> None:
    order = write_order((r'role = "privacy"', 'role = "counsel"'))
    request = request_for(order, policy=policy.digest, log=LOG)
    both = [approve(request, people[name], role="counsel", now=NOW) for name in ("counsel", "privacy")]
    with pytest.raises(Awaiting):
        issue(request, both, order=order, actor=local("op"), mac_key=MAC, appender=ledger, clock=clock, policy=policy, log=LOG)


def test_more_than_two_are_welcome(attempt, approvals, request_, people) -> None:
    third = approve(request_, people["neutral"], role="neutral", now=NOW)
    assert len(attempt([*approvals, third]).approvals) == 3


def test_a_grant_ends_with_its_first_bound(attempt, approvals, request_, people) -> None:
    short = approve(request_, people["privacy"], role="privacy", now=NOW, days=2)
    assert attempt([approvals[0], short]).expires_at == NOW + timedelta(days=2)
    assert attempt(approvals, lifetime=timedelta(hours=1)).expires_at == NOW + timedelta(hours=1)


def test_every_refusal_is_in_the_ledger(attempt, approvals, ledger, people, request_) -> None:
    stranger = approve(request_, people["stranger"], role="privacy", now=NOW)
    refused("access.unknown-key", attempt, [approvals[0], stranger])
    last = ledger.entries[-1]
    assert (last.act, last.fields["code"], last.fields["approvals"]) == ("access.refused", "access.unknown-key", 2)


def test_a_request_of_another_order_is_refused(attempt, approvals, request_) -> None:
    refused("access.other-request", attempt, approvals, request=replace(request_, max_records=10**6))


def test_an_approval_of_another_order_says_what_differs(attempt, approvals, write_order, policy, people) -> None:
    other = request_for(write_order((r"min_run = 12", "min_run = 13")), policy=policy.digest, log=LOG)
    foreign = approve(other, people["privacy"], role="privacy", now=NOW)
    assert "order differ" in refused("access.other-request", attempt, [approvals[0], foreign]).hint


def test_other_policies_make_another_request(attempt, approvals, policy) -> None:
    from importlib.resources import files

    here = files("incamera.governance").joinpath("policies")
    text = here.joinpath("access.cedar").read_text().replace("unless { context.mfa }", "unless { context.mfa || true }")
    changed = Policy(text, here.joinpath("access.cedarschema").read_text())
    assert changed.digest != policy.digest
    refused("access.other-request", attempt, approvals, policy=changed)


def test_policies_have_the_last_word(attempt, approvals, ledger) -> None:
    nobody = Identity(name="operator", roles=(), how="local", mfa=True)
    assert "default" in refused("access.denied-by-policy", attempt, approvals, actor=nobody).hint
    no_factor = Identity(name="operator", roles=("examiner",), how="oidc", mfa=False)
    refused("access.denied-by-policy", attempt, approvals, actor=no_factor)
    assert ledger.entries[-1].fields["policies"] == ["forbid-no-mfa"]


def test_a_ledger_that_cannot_write_means_no_grant(attempt, approvals) -> None:
    class Full:
        def append(self, entry: Entry) -> None:
            raise Unavailable("ledger.disk-full", "no space")

    with pytest.raises(Unavailable):
        attempt(approvals, appender=Full())


def test_a_moment_without_a_zone_is_never_signed(request_, people) -> None:
    with pytest.raises(Malformed) as caught:
        approve(request_, people["counsel"], role="counsel", now=NOW.replace(tzinfo=None))
    assert caught.value.code == "canon.naive-time"


def test_an_actor_is_named_by_a_pseudonym() -> None:
    with pytest.raises(Malformed) as caught:
        local("Jane Doe")
    assert caught.value.code == "access.bad-actor"


# --- time and history -----------------------------------------------------------------------------------------------


class Told:
    def __init__(self, at, act, **fields) -> None:
        self.at = at
        self.entry = Entry(act=act, matter="m", actor="a", fields=fields)


def test_expired_and_postdated_approvals(attempt, approvals, clock) -> None:
    clock.advance(days=-1)
    refused("access.postdated-approval", attempt, approvals)
    clock.advance(days=31)
    refused("access.expired-approval", attempt, approvals)


def test_a_clock_behind_the_ledger_is_not_believed(attempt, approvals) -> None:
    ahead = History.of([Told(NOW + timedelta(hours=1), "run.started")])
    refused("access.clock-behind", attempt, approvals, history=ahead)
    attempt(approvals, history=History.of([Told(NOW + timedelta(seconds=30), "run.started")]))


def test_revocation_voids_what_was_signed_before_it(attempt, approvals, request_, people) -> None:
    history = History.of([Told(NOW, "access.revoked", request=request_.digest, reason="x")])
    refused("access.revoked-approval", attempt, approvals, history=history)
    later = [approve(request_, people[r], role=r, now=NOW + timedelta(minutes=1)) for r in ("counsel", "privacy")]
    attempt(later, history=history)


def test_an_approval_serves_one_production(attempt, approvals, request_, people) -> None:
    names = [approval_digest(a) for a in approvals]
    resumed = History.of([Told(NOW, "access.granted", approvals=names)])
    attempt(approvals, history=resumed)  # killed and run again: the work was not finished
    done = History.of([Told(NOW, "access.granted", approvals=names), Told(NOW, "production.sealed")])
    refused("access.replayed-approval", attempt, approvals, history=done)
