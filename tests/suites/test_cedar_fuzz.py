"""10^5 hostile requests straight at the policy engine, and through our wrapper: no Allow ever carries an error.

The wrapper denies whatever has an error, so the engine's own answer is what is counted here: the shipped policies are written
so that not even it allows anything beside an error. (They were not at first: a shard that is not among the entities makes
`forbid-hold` err, no schema notices, and a shred was allowed.)

The generator is our own and seeded, so a failure can be run again; it breaks types, drops and adds attributes, overflows
numbers, writes syntax into names and mixes entities, and leaves a good part of the requests intact so that Allows do occur.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cedarpy
import pytest

from incamera.governance.policy import PURPOSES, GrantFacts, Question, ShardFacts, _entities, _request, shipped

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GRANT = GrantFacts(
    purpose="court_order",
    matter="m-1",
    not_before=NOW,
    expires_at=NOW + timedelta(hours=1),
    max_records=100,
    approvals=2,
    approved_by=("A. Counsel", "P. Officer"),
    requested_by="operator",
    paged=2,
)
GOOD = Question(
    actor="operator",
    roles=("examiner",),
    action="decrypt",
    shard=ShardFacts(id="shard/00", matters=("m-1",)),
    now=NOW,
    grant=GRANT,
    ledger_index=7,
    mfa=True,
)
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    2**63,
    -(2**63),
    1.5,
    "",
    "court_order",
    "m-1",
    '"',
    "\ud800",
    [],
    ["x"],
    [1],
    {},
    {"a": 1},
]
VALUES += [{"__entity": {"type": "Actor", "id": "operator"}}, {"__extn": {"fn": "ip", "arg": "x"}}, {"__expr": "1"}]


def question(rng: random.Random) -> Question:
    """A well-formed question: now and then the one that is allowed, otherwise with a few facts drawn anew."""
    if rng.random() < 0.2:
        return GOOD
    shard = replace(
        GOOD.shard,
        key_class=rng.choice(["operator", "operator", "escrowed", "user"]),
        matters=rng.choice([("m-1",), ("m-1", "m-2"), ()]),
        holds=rng.choice([(), (), ("h",)]),
        consents=rng.choice([(), PURPOSES, ("training",)]),
        pending_shred=rng.random() < 0.1,
        subject=rng.choice([None, "u-1"]),
    )
    grant = replace(
        GRANT, purpose=rng.choice(("court_order", *PURPOSES)), approvals=rng.randrange(4), subject=rng.choice([None, "u-1"])
    )
    return replace(
        GOOD,
        shard=shard,
        grant=rng.choice([grant, grant, grant, GRANT, None]),
        action=rng.choice(["search", "decrypt", "decrypt", "shred", "breakglass"]),  # type: ignore[arg-type]
        roles=tuple(rng.sample(["examiner", "service", "rights", "safety", "custodian", "erasure"], rng.randrange(1, 4))),
        mfa=rng.random() < 0.9,
        ledger_index=rng.choice([7, 7, 7, -1]),
        used_records=rng.choice([0, 0, 99, 100]),
    )


def damage(value: Any, rng: random.Random) -> Any:
    """Change one place somewhere inside a JSON value."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        turn = rng.random()
        if turn < 0.15:
            return {k: v for k, v in value.items() if k != name}
        if turn < 0.25:
            return {**value, rng.choice(["extra", "holds", "grant", "subject"]): rng.choice(VALUES)}
        return {**value, name: damage(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], damage(value[at], rng), *value[at + 1 :]]
    return rng.choice(VALUES)


def put(request: Any, entities: Any) -> tuple[bool, int]:
    """The engine's own answer to a raw request: allowed, errors. A request it will not even take is a refusal."""
    policy = shipped()
    try:
        result = cedarpy.is_authorized(request, policy._policies, json.dumps(entities), schema=policy._schema)
    except (ValueError, TypeError, AttributeError, KeyError, UnicodeEncodeError):
        return False, 1
    return result.allowed, len(result.diagnostics.errors)


def fuzz(runs: int, seed: int) -> tuple[int, int, int]:
    """(allows, refusals by error, allows that carry an error) of *runs* raw requests, half of them damaged."""
    rng = random.Random(seed)
    allows = errors = both = 0
    for _ in range(runs):
        q = question(rng)
        request, entities = _request(q), _entities(q)
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            if rng.random() < 0.6:
                request = damage(request, rng)
            else:
                entities = damage(entities, rng)
        allowed, flaws = put(request, entities)
        allows += allowed
        errors += bool(flaws)
        both += allowed and bool(flaws)
    return allows, errors, both


def test_some_thousand_requests() -> None:
    allows, errors, both = fuzz(3_000, seed=11)
    assert allows > 100 and errors > 300  # the generator reaches both sides
    assert both == 0


@pytest.mark.slow
def test_a_hundred_thousand_requests_and_no_allow_carries_an_error() -> None:
    allows, errors, both = fuzz(100_000, seed=20261101)
    assert allows > 3_000 and errors > 10_000
    assert both == 0


@pytest.mark.slow
def test_the_wrapper_never_allows_with_an_error() -> None:
    rng = random.Random(5)
    fields = ("actor", "roles", "action", "now", "used_records", "ledger_index", "mfa", "review_overdue")
    for _ in range(20_000):
        q = question(rng)
        if rng.random() < 0.5:
            q = replace(q, **{rng.choice(fields): rng.choice(VALUES)})
        try:
            verdict = shipped().decide(q)
        except TypeError:  # unhashable or not iterable: nothing was decided, so nothing allowed
            continue
        assert not (verdict.allowed and verdict.errors)
