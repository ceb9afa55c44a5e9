"""The access policies: what they permit, what they forbid, and that an error never permits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Malformed, Refused
from incamera.governance.columns import COLUMNS
from incamera.governance.policy import PURPOSES, GrantFacts, Policy, Question, ShardFacts, shipped
from incamera.governance.purposes import PERSONAL, STANDING

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HERE = files("incamera.governance").joinpath("policies")
POLICIES, SCHEMA = HERE.joinpath("access.cedar").read_text(), HERE.joinpath("access.cedarschema").read_text()

GRANT = GrantFacts(
    purpose="court_order",
    matter="m-1",
    not_before=NOW,
    expires_at=NOW + timedelta(days=1),
    max_records=100,
    approvals=2,
    approved_by=("A. Counsel", "P. Officer"),
    requested_by="operator",
)
SHARD = ShardFacts(id="shard/00", matters=("m-1",))
GOOD = Question(
    actor="operator", roles=("examiner",), action="decrypt", shard=SHARD, now=NOW, grant=GRANT, ledger_index=7, mfa=True
)


def ask(question: Question = GOOD, *, grant: dict | None = None, shard: dict | None = None, **changed):
    if grant is not None:
        changed["grant"] = replace(question.grant, **grant)
    if shard is not None:
        changed["shard"] = replace(question.shard, **shard)
    return shipped().decide(replace(question, **changed))


def test_a_court_order_with_two_approvals_is_allowed() -> None:
    for action in ("search", "decrypt"):
        verdict = ask(action=action)
        assert verdict.allowed and verdict.policies == ("permit-court-order",) and not verdict.errors


@pytest.mark.parametrize(
    ("change", "policy"),
    [
        ({"mfa": False}, "forbid-no-mfa"),
        ({"ledger_index": -1}, "forbid-unlogged"),
        ({"grant": {"approvals": 1}}, "forbid-not-dual"),
        ({"grant": {"approved_by": ("operator", "B")}}, "forbid-own-approval"),
        ({"now": NOW - timedelta(seconds=1)}, "forbid-outside-time"),
        ({"now": NOW + timedelta(days=1)}, "forbid-outside-time"),
        ({"used_records": 100}, "forbid-cap-used-up"),
        ({"shard": {"key_class": "user"}}, "forbid-user-held"),
        ({"shard": {"pending_shred": True}}, "forbid-pending-shred"),
    ],
)
def test_each_forbid_denies_by_itself(change: dict, policy: str) -> None:
    verdict = ask(**change)
    assert not verdict.allowed
    assert verdict.policies == (policy,)
    assert not verdict.errors


@pytest.mark.parametrize(
    "change", [{"roles": ()}, {"roles": ("erasure",)}, {"shard": {"matters": ()}}, {"grant": {"matter": "m-2"}}]
)
def test_what_nothing_permits_is_denied(change: dict) -> None:
    verdict = ask(**change)
    assert not verdict.allowed and verdict.policies == ()


def test_without_a_grant_nothing_opens() -> None:
    assert ask(replace(GOOD, grant=None)).policies == ("forbid-no-grant",)


def test_what_waits_for_erasure_exists_only_for_its_hold() -> None:
    held = {"pending_shred": True, "holds": ("h-1",)}
    assert ask(shard=held).allowed
    assert not ask(shard={**held, "matters": ("m-2",)}).allowed
    other = {"shard": {**held, "consents": PURPOSES}, "roles": ("service", "safety", "rights", "examiner")}
    for purpose in PURPOSES[1:]:
        assert not ask(grant={"purpose": purpose}, **other).allowed


@pytest.mark.parametrize("purpose", ["support", "training", "analytics"])
def test_other_uses_need_consent_and_never_touch_what_is_held(purpose: str) -> None:
    asked = {"roles": ("service",), "grant": {"purpose": purpose, "subject": "u-1"}}
    theirs = {"consents": (purpose,), "subject": "u-1"}
    assert not ask(**asked).allowed
    assert ask(**asked, shard=theirs).allowed
    assert not ask(**asked, shard={**theirs, "consents": tuple(p for p in PURPOSES if p != purpose)}).allowed
    assert not ask(**asked, shard={**theirs, "holds": ("h",)}).allowed
    one = {"purpose": purpose, "subject": "u-1", "approvals": 1}
    assert ask(roles=("service",), grant=one, shard=theirs).policies == ("forbid-not-dual",)
    # consent to a purpose is no consent to a court's, and a court's grant is none to training
    assert not ask(roles=("service",), shard=theirs).allowed


def test_support_is_about_one_person() -> None:
    asked = {"roles": ("service",), "grant": {"purpose": "support", "subject": "u-1"}}
    assert ask(**asked, shard={"consents": ("support",), "subject": "u-1"}).allowed
    assert not ask(**asked, shard={"consents": ("support",), "subject": "u-2"}).allowed
    assert not ask(**asked, shard={"consents": ("support",)}).allowed
    assert not ask(**asked, action="search", shard={"consents": ("support",), "subject": "u-1"}).allowed


@pytest.mark.parametrize(
    ("purpose", "role", "most"), [("support", "service", 100), ("safety_escalation", "safety", 1)], ids=["support", "safety"]
)
def test_what_concerns_one_person_is_small_and_short(purpose: str, role: str, most: int) -> None:
    grant = {"purpose": purpose, "subject": "u-1", "max_records": most}
    asked = {"roles": (role,), "shard": {"consents": (purpose,), "subject": "u-1"}}
    assert ask(**asked, grant=grant).allowed
    assert ask(**asked, grant={**grant, "max_records": most + 1}).policies == ("forbid-too-many",)
    assert ask(**asked, grant={**grant, "expires_at": NOW + timedelta(days=1, seconds=1)}).policies == ("forbid-too-long",)


def test_a_switch_of_class_opens_one_persons_and_nothing_under_a_hold() -> None:
    asked = {"roles": ("custodian",), "grant": {"purpose": "class_switch", "subject": "u-1"}}
    assert ask(**asked, shard={"subject": "u-1"}).allowed
    assert not ask(**asked, shard={"subject": "u-2"}).allowed
    assert not ask(**asked, shard={"subject": "u-1", "holds": ("h",)}).allowed
    assert not ask(**asked, action="search", shard={"subject": "u-1"}).allowed
    assert not ask(**{**asked, "roles": ("service", "rights", "safety", "examiner")}, shard={"subject": "u-1"}).allowed


def test_a_person_gets_the_own_conversations_and_no_others() -> None:
    asked = {"roles": ("rights",), "grant": {"purpose": "data_subject_request", "subject": "u-1"}}
    assert ask(**asked, shard={"subject": "u-1"}).allowed
    assert not ask(**asked, shard={"subject": "u-2"}).allowed
    assert not ask(**asked).allowed


def test_breaking_the_glass() -> None:
    urgent = {
        "purpose": "safety_escalation",
        "approvals": 0,
        "approved_by": (),
        "paged": 2,
        "expires_at": NOW + timedelta(hours=1),
    }
    asked = {"roles": ("safety",), "action": "breakglass"}
    assert ask(**asked, grant=urgent).allowed
    assert not ask(**asked, grant={**urgent, "paged": 1}).allowed
    assert not ask(**asked, grant={**urgent, "expires_at": NOW + timedelta(minutes=61)}).allowed
    assert ask(**asked, grant=urgent, review_overdue=True).policies == ("forbid-review-overdue",)
    assert not ask(roles=("examiner",), action="breakglass", grant=urgent).allowed


def test_erasure_stops_at_a_hold() -> None:
    asked = replace(GOOD, action="shred", roles=("erasure",), grant=None)
    assert ask(asked).allowed
    assert ask(asked, shard={"holds": ("h",)}).policies == ("forbid-hold",)
    assert not ask(asked, roles=("examiner",)).allowed


# --- errors never permit -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"actor": 'x", "y'},
        {"actor": ""},
        {"roles": ("examiner", 3)},
        {"action": "open"},
        {"now": NOW.replace(tzinfo=None)},
        {"used_records": -2},
        {"used_records": 2**63},
        {"used_records": True},
        {"mfa": 1},
        {"mfa": None},
        {"grant": {"approvals": 2.0}},
        {"grant": {"requested_by": "\ud800"}},
        {"grant": {"approved_by": (None,)}},
        {"shard": {"holds": (1,)}},
        {"shard": {"pending_shred": None}},
    ],
)
def test_a_question_that_cannot_be_put_is_denied(change: dict) -> None:
    verdict = ask(**change)
    assert not verdict.allowed
    assert verdict.errors


def test_a_rule_that_errs_denies_where_the_engine_would_allow() -> None:
    """Cedar skips a policy that errs. Overflow is an error no schema can exclude: the forbid below vanishes, and we deny."""
    overflowing = '@id("forbid-late")\nforbid (principal, action, resource) when { context.now + 9223372036854775807 < 0 };\n'
    policy = Policy(POLICIES + overflowing, SCHEMA)
    import cedarpy

    from incamera.governance.policy import _entities, _request

    raw = cedarpy.is_authorized(_request(GOOD), POLICIES + overflowing, _entities(GOOD), schema=SCHEMA)
    assert raw.allowed and raw.diagnostics.errors  # the hazard is real
    verdict = policy.decide(GOOD)
    assert not verdict.allowed and verdict.errors == 1


def test_a_shard_that_is_not_there_permits_nothing() -> None:
    """No schema notices a missing entity; every permit reads the shard, so none holds where a forbid may have vanished."""
    import cedarpy

    from incamera.governance.policy import _entities, _request

    roles = ("examiner", "service", "rights", "safety", "erasure")
    for action in ("search", "decrypt", "breakglass", "shred"):
        for purpose in PURPOSES:
            q = replace(
                GOOD,
                roles=roles,
                action=action,
                grant=replace(GRANT, purpose=purpose, paged=2, expires_at=NOW + timedelta(hours=1)),
            )
            entities = [e for e in _entities(q) if e["uid"]["type"] != "Shard"]
            assert not cedarpy.is_authorized(_request(q), POLICIES, entities, schema=SCHEMA).allowed


@pytest.mark.parametrize(
    ("policies", "schema"),
    [
        ("permit (principal", SCHEMA),
        (POLICIES, "entity {"),
        (POLICIES.replace("resource.holds.isEmpty()", "resource.hold.isEmpty()"), SCHEMA),
        (POLICIES.replace("context.mfa", 'context.mfa == "yes"'), SCHEMA),
        (POLICIES + "\npermit (principal, action, resource);", SCHEMA),
        (POLICIES + POLICIES, SCHEMA),
    ],
)
def test_policies_that_do_not_validate_are_not_loaded(policies: str, schema: str) -> None:
    with pytest.raises(Malformed) as caught:
        Policy(policies, schema)
    assert caught.value.code == "policy.not-valid"


def test_the_digest_names_policies_and_schema() -> None:
    assert Policy(POLICIES + "\n", SCHEMA).digest != shipped().digest
    assert Policy(POLICIES, SCHEMA + "\n").digest != shipped().digest


names = st.sampled_from(["m-1", "m-2", "h", "support", "training", "operator", "A", "u-1"])
some = st.lists(names, max_size=3, unique=True).map(tuple)
instants = st.integers(-100, 100_000).map(lambda s: NOW + timedelta(seconds=s))
grants = st.builds(
    GrantFacts,
    purpose=st.sampled_from(PURPOSES),
    matter=names,
    not_before=instants,
    expires_at=instants,
    max_records=st.integers(0, 5),
    approvals=st.integers(0, 3),
    approved_by=some,
    requested_by=names,
    paged=st.integers(0, 3),
    subject=st.none() | names,
)
shards = st.builds(
    ShardFacts,
    id=names,
    key_class=st.sampled_from(["operator", "escrowed", "user"]),
    matters=some,
    holds=some,
    consents=some,
    pending_shred=st.booleans(),
    subject=st.none() | names,
)
questions = st.builds(
    Question,
    actor=names,
    roles=st.lists(st.sampled_from(["examiner", "service", "rights", "safety", "custodian", "erasure"]), max_size=3).map(tuple),
    action=st.sampled_from(["search", "decrypt", "shred", "breakglass"]),
    shard=shards,
    now=instants,
    grant=st.none() | grants,
    used_records=st.integers(0, 5),
    ledger_index=st.integers(-1, 5),
    mfa=st.booleans(),
    review_overdue=st.booleans(),
)


@given(questions)
@settings(max_examples=250, deadline=None)
def test_whatever_is_allowed_keeps_the_promises(q: Question) -> None:
    """The promises, written again in Python: no Allow may break one, whichever policies led to it."""
    verdict = shipped().decide(q)
    if not verdict.allowed:
        return
    assert not verdict.errors and q.mfa and q.ledger_index >= 0
    if q.action == "shred":
        assert not q.shard.holds and "erasure" in q.roles
        return
    assert q.grant is not None and q.shard.key_class != "user"
    assert q.grant.not_before <= q.now < q.grant.expires_at
    assert q.used_records < q.grant.max_records
    assert q.grant.requested_by not in q.grant.approved_by
    if q.action == "breakglass":
        assert not q.review_overdue and q.grant.paged >= 2 and q.grant.expires_at - q.grant.not_before <= timedelta(hours=1)
    else:
        assert q.grant.approvals >= 2
        if q.grant.purpose in ("support", "safety_escalation"):
            assert q.grant.max_records <= STANDING[q.grant.purpose].records_max
            assert q.grant.expires_at - q.grant.not_before <= timedelta(hours=STANDING[q.grant.purpose].hours_max)
        if q.grant.purpose in PERSONAL:
            assert q.grant.subject == q.shard.subject is not None
        if q.grant.purpose == "class_switch":
            assert not q.shard.holds
    if q.grant.purpose in ("support", "training", "analytics"):
        assert q.grant.purpose in q.shard.consents and not q.shard.holds
    if q.shard.pending_shred:
        assert q.grant.purpose == "court_order" and q.shard.holds and q.grant.matter in q.shard.matters


# --- columns -------------------------------------------------------------------------------------------------------------


def columns(shards_: list[ShardFacts]) -> pa.Table:
    rows = [
        {
            "class": s.key_class,
            "consents": list(s.consents),
            "holds": list(s.holds),
            "matters": list(s.matters),
            "pendingShred": s.pending_shred,
            "subject": s.subject,
        }
        for s in shards_
    ]
    return pa.Table.from_pylist(rows, schema=COLUMNS)


@given(questions, st.lists(shards, max_size=6))
@settings(max_examples=120, deadline=None)
def test_the_filter_says_what_each_decision_says(q: Question, many: list[ShardFacts]) -> None:
    mask = shipped().filter(q).mask(columns(many)).to_pylist()
    assert mask == [shipped().decide(replace(q, shard=shard)).allowed for shard in many]


def test_the_filter_finds_the_rows_of_a_consent() -> None:
    q = replace(GOOD, roles=("service",), grant=replace(GRANT, purpose="training"))
    many = [
        ShardFacts(id="1", consents=("training",)),
        ShardFacts(id="2"),
        ShardFacts(id="3", consents=("training", "support"), holds=("h",)),
        ShardFacts(id="4", consents=("support", "training")),
    ]
    assert shipped().filter(q).mask(columns(many)).to_pylist() == [True, False, False, True]
    assert shipped().filter(replace(q, actor='"')).mask(columns(many)).to_pylist() == [False] * 4
    assert shipped().filter(q).mask(columns([])).to_pylist() == []


@pytest.mark.parametrize(
    "rule",
    [
        'when { resource in Shard::"x" }',
        'when { resource["class"] like "oper*" }',
        'when { resource.holds.containsAll(["a"]) }',
        "when { resource.holds == resource.matters }",
    ],
)
def test_a_rule_columns_cannot_answer_refuses_the_filter_and_not_the_decision(rule: str) -> None:
    policy = Policy(
        f'{POLICIES}\n@id("x")\nforbid (principal, action, resource) {rule};',
        SCHEMA.replace("entity Shard =", "entity Shard in [Shard] ="),
    )
    with pytest.raises(Refused) as caught:
        policy.filter(GOOD)
    assert caught.value.code == "policy.no-filter"
    assert policy.decide(GOOD).errors == 0
