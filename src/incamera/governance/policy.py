"""Access policy in Cedar: who may search, decrypt or shred which conversations, for which purpose. The only home of `cedarpy`.

Cedar skips a policy that errs, and a skipped `forbid` is a permission. So the schema is always given, policies that do not
validate are not loaded, and a decision with any diagnostic error at all is a denial here, whatever the engine says.

One decision covers a grant and a shard: conversations that agree in every attribute a policy reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal

from incamera.core.canon import canonical
from incamera.core.errors import Malformed
from incamera.core.ids import Digest, digest
from incamera.governance.purposes import STANDING

if TYPE_CHECKING:
    from incamera.governance.columns import ColumnFilter

Action = Literal["search", "decrypt", "shred", "breakglass"]
PURPOSES: Final[tuple[str, ...]] = ("court_order", *STANDING)

#: Names of actors, roles, matters and shards: short, and nothing that a policy language could read as syntax.
NAME = re.compile(r"[A-Za-z0-9._:/+-][A-Za-z0-9._:/+_-]{0,127}\Z")
#: Cedar's Long.
_LONG_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFacts:
    """What policies may know of a grant. `approvals` counts verified signatures, each by another key and another role."""

    purpose: str
    matter: str
    not_before: datetime
    expires_at: datetime
    max_records: int
    approvals: int
    approved_by: tuple[str, ...]
    requested_by: str
    paged: int = 0
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFacts:
    """What policies may know of the conversations concerned, without opening any."""

    id: str
    key_class: str = "operator"
    matters: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    pending_shred: bool = False
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May *actor*, in *roles*, do *action* to *shard* under *grant*, now?

    `mfa` and `roles` come from a verified sign-in or a signed identity, never from what the asker says; `ledger_index` is the
    entry that recorded the request, -1 if there is none.
    """

    actor: str
    roles: tuple[str, ...]
    action: Action
    shard: ShardFacts
    now: datetime
    grant: GrantFacts | None = None
    used_records: int = 0
    ledger_index: int = -1
    mfa: bool = False
    review_overdue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Allowed or not, the policies that decided (by id, all of them forbids where denied), and how many errors there were."""

    allowed: bool
    policies: tuple[str, ...]
    errors: int = 0


class Policy:
    """A validated set of policies with its schema.

    Args:
        policies: Cedar policies, each with an `@id`.
        schema: The Cedar schema they are validated against, and every request with them.
    Raises:
        Malformed: `policy.not-valid`, they do not parse or do not validate; the first flaw is named by policy id.
    Cost: parsing once, some milliseconds; a decision well under one millisecond.
    Source: Cedar, https://docs.cedarpolicy.com; skip-on-error semantics, cedar-policy/cedar issue 2428.
    """

    def __init__(self, policies: str, schema: str) -> None:
        import cedarpy

        try:
            self._schema = cedarpy.Schema.from_str(schema)
            self._policies = cedarpy.PolicySet.from_str(policies)
            flaws = cedarpy.validate_policies(policies, self._schema)
        except ValueError:
            raise Malformed("policy.not-valid", "policies or schema do not parse as Cedar") from None
        if not flaws.validation_passed:
            first = flaws.errors[0].policy_id if flaws.errors else ""
            where = flaws.id_annotations_by_policy_id.get(first, first)
            raise Malformed("policy.not-valid", "the policies do not validate against the schema", where=where)
        named = re.findall(r'(?m)^@id\("([a-z0-9-]+)"\)', policies)
        if len(named) != len(self._policies) or len(set(named)) != len(named):
            raise Malformed("policy.not-valid", "every policy needs an @id of its own on a line of its own")
        self.names: tuple[str, ...] = tuple(named)
        self.digest: Digest = digest(canonical({"v": "incamera/policy/1", "policies": policies, "schema": schema}))

    def decide(self, question: Question) -> Verdict:
        """Decide one question; anything but a clean Allow is a denial.

        Privacy: reads references and counts; no text reaches the engine.
        """
        import cedarpy

        try:
            request, entities = _request(question), _entities(question)
        except _Unfit:
            return Verdict(allowed=False, policies=(), errors=1)
        try:
            result = cedarpy.is_authorized(request, self._policies, entities, schema=self._schema)
        except (ValueError, TypeError):
            return Verdict(allowed=False, policies=(), errors=1)
        return self._verdict(result)

    def decide_many(self, questions: Sequence[Question]) -> list[Verdict]:
        """Decide several questions; each is decided by itself, and a flaw in one touches no other."""
        return [self.decide(question) for question in questions]

    def filter(self, question: Question) -> ColumnFilter:
        """Which shards a question would be allowed for, as a filter over metadata columns; the question's own shard is ignored.

        What Cedar can decide without the shard is decided once; the rest becomes the filter. It plans which rows are worth
        asking keys for. It does not open anything: every shard is decided again by `decide` when its keys are released.

        Raises:
            Refused: `policy.no-filter`, the policies use what cannot be asked of columns; decide shard by shard instead.
        Source: Cedar partial evaluation (experimental upstream, so its result is compared with `decide` in the tests).
        """
        import cedarpy

        from incamera.governance.columns import ColumnFilter

        try:
            request, principal = _request(question), _principal(question)
        except _Unfit:
            return ColumnFilter.nothing()
        partial = {
            "principal": f'Actor::"{question.actor}"',
            "action": f'Action::"{question.action}"',
            "context": request["context"],
        }
        try:
            result = cedarpy.is_authorized_partial(partial, self._policies, principal, schema=self._schema)
        except (ValueError, TypeError):
            return ColumnFilter.nothing()
        if result.diagnostics.errors or len(result.residuals) != len(self.names):
            return ColumnFilter.nothing()
        return ColumnFilter.of(result.residuals.values())

    @staticmethod
    def _verdict(result: Any) -> Verdict:
        errors = len(result.diagnostics.errors)
        ids = result.diagnostics.id_annotations_by_reason
        names = tuple(sorted(ids.get(reason, reason) for reason in result.diagnostics.reasons))
        return Verdict(allowed=result.allowed and not errors, policies=names, errors=errors)


class _Unfit(Exception):
    """A question that cannot even be put: a name with syntax in it, a number out of range, a naive time."""


@cache
def shipped() -> Policy:
    """The policies this version ships; their digest is part of every request for access."""
    here = files("incamera.governance").joinpath("policies")
    return Policy(here.joinpath("access.cedar").read_text("utf-8"), here.joinpath("access.cedarschema").read_text("utf-8"))


# --- putting a question to the engine ---------------------------------------------------------------------------------------


def _request(q: Question) -> dict[str, Any]:
    context: dict[str, Any] = {
        "now": _seconds(q.now),
        "usedRecords": _long(q.used_records),
        "ledgerIndex": _long(q.ledger_index),
        "mfa": _flag(q.mfa),
        "reviewOverdue": _flag(q.review_overdue),
    }
    if q.grant is not None:
        context["grant"] = _grant(q.grant)
    return {
        "principal": {"type": "Actor", "id": _name(q.actor)},
        "action": {"type": "Action", "id": _name(q.action)},
        "resource": {"type": "Shard", "id": _name(q.shard.id)},
        "context": context,
    }


def _grant(grant: GrantFacts) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "purpose": _name(grant.purpose),
        "matter": _name(grant.matter),
        "notBefore": _seconds(grant.not_before),
        "expires": _seconds(grant.expires_at),
        "maxRecords": _long(grant.max_records),
        "approvals": _long(grant.approvals),
        "approvedBy": [_text(name) for name in grant.approved_by],
        "requestedBy": _text(grant.requested_by),
        "paged": _long(grant.paged),
    }
    return facts if grant.subject is None else {**facts, "subject": _name(grant.subject)}


def _entities(q: Question) -> list[dict[str, Any]]:
    return [*_principal(q), _shard(q.shard)]


def _principal(q: Question) -> list[dict[str, Any]]:
    roles = [{"type": "Role", "id": _name(role)} for role in dict.fromkeys(q.roles)]
    actor = {"uid": {"type": "Actor", "id": _name(q.actor)}, "attrs": {}, "parents": roles}
    return [actor, *({"uid": role, "attrs": {}, "parents": []} for role in roles)]


def _shard(shard: ShardFacts) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "class": _name(shard.key_class),
        "consents": [_name(purpose) for purpose in shard.consents],
        "holds": [_name(hold) for hold in shard.holds],
        "matters": [_name(matter) for matter in shard.matters],
        "pendingShred": _flag(shard.pending_shred),
    }
    if shard.subject is not None:
        attributes["subject"] = _name(shard.subject)
    return {"uid": {"type": "Shard", "id": _name(shard.id)}, "attrs": attributes, "parents": []}


def _name(value: object) -> str:
    if not isinstance(value, str) or not NAME.match(value):
        raise _Unfit
    return value


def _text(value: object) -> str:
    # Names of people are compared, never parsed; JSON carries them, so only what JSON cannot carry is refused.
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _Unfit
    return value


def _long(value: object) -> int:
    if type(value) is not int or not -1 <= value <= _LONG_MAX:
        raise _Unfit
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise _Unfit
    return value


def _seconds(value: object) -> int:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _Unfit
    return int(value.timestamp())
