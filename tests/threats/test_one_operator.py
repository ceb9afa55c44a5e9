"""Threat `compromised-app-server` and the operator behind it: one hand plays several parties, or stretches an approval.

Each attempt is refused and recorded; what cannot be refused is said in the certificate's first line.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.crypto import public_text
from incamera.core.errors import Awaiting, Refused
from incamera.core.records import Entry, Receipt
from incamera.governance.grant import issue
from incamera.governance.identity import local
from incamera.governance.order import load
from incamera.governance.policy import shipped
from incamera.governance.request import approve, request_for
from incamera.governance.single import single_operator

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LOG = "holder.example/ledger+1f3a9c02+AbC="
ROLES = ("counsel", "privacy", "neutral", "requester")


class Ledger:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> Receipt:
        self.entries.append(entry)
        return Receipt(index=len(self.entries) - 1, leaf="0" * 64, path=(), checkpoint="c")


class Clock:
    def now(self) -> datetime:
        return NOW


class Case:
    """A matter with four people, and one attempt to open its conversations."""

    def __init__(self, folder: Path, **names: str) -> None:
        self.keys = {role: Ed25519PrivateKey.generate() for role in ROLES}
        signers = "".join(
            f'[[trust.signers]]\nname = "{names.get(role, role)}"\nrole = "{role}"\nkey = "{public_text(self.keys[role])}"\n'
            for role in ROLES
        )
        (folder / "order.txt").write_text("ordered")
        (folder / "order.toml").write_text(
            '[matter]\ncaption="E"\nnumber="1"\ncourt="C"\norder_date=2026-01-01\norder_document="order.txt"\n'
            '[responsive]\nmin_run=8\nmin_coverage=0\nmax_commonness="any"\nroles=["assistant"]\nelicitation="any"\n'
            f'[production]\nscope="sample"\ndesignation="X"\n{signers}'
        )
        self.order = load(folder / "order.toml", today=date(2026, 11, 1))
        self.request = request_for(self.order, policy=shipped().digest, log=LOG)
        self.ledger = Ledger()

    def approval(self, role: str, by: str | None = None):
        return approve(self.request, self.keys[by or role], role=role, now=NOW)

    def attempt(self, approvals, actor=None):
        settings = {
            "order": self.order,
            "actor": actor or local("operator"),
            "mac_key": bytes(32),
            "policy": shipped(),
            "log": LOG,
        }
        return issue(self.request, approvals, appender=self.ledger, clock=Clock(), **settings)

    def refused(self, code: str, approvals, actor=None) -> None:
        with pytest.raises(Refused) as caught:
            self.attempt(approvals, actor)
        assert caught.value.code == code
        assert self.ledger.entries[-1].act == "access.refused"
        assert self.ledger.entries[-1].fields["code"] == code
        assert all(entry.act != "access.granted" for entry in self.ledger.entries)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_one_operator_signs_twice(case: Case) -> None:
    case.refused("access.one-operator", [case.approval("counsel"), case.approval("counsel")])


def test_one_operator_signs_in_two_roles_with_one_key(case: Case) -> None:
    case.refused("access.role-mismatch", [case.approval("counsel"), case.approval("privacy", by="counsel")])


def test_one_person_holds_two_keys(tmp_path: Path) -> None:
    case = Case(tmp_path, counsel="Jo Bloggs", privacy="jo  BLOGGS")
    case.refused("access.one-operator", [case.approval("counsel"), case.approval("privacy")])


def test_the_same_file_twice(case: Case) -> None:
    one = case.approval("counsel")
    case.refused("access.one-operator", [one, one])


def test_the_operator_approves_alone(case: Case) -> None:
    with pytest.raises(Awaiting):
        case.attempt([case.approval("counsel")])
    assert case.ledger.entries[-1].act == "access.refused"


def test_the_operator_approves_the_own_request_by_key(case: Case) -> None:
    operator = local("op", key=public_text(case.keys["counsel"]))
    case.refused("access.own-approval", [case.approval("counsel"), case.approval("privacy")], operator)


def test_the_operator_approves_the_own_request_by_name(case: Case) -> None:
    case.refused("access.own-approval", [case.approval("counsel"), case.approval("privacy")], local("counsel"))


def test_the_requesting_party_cannot_open_other_peoples_conversations(case: Case) -> None:
    forged = replace(case.approval("counsel"), role="requester", key=public_text(case.keys["requester"]))
    case.refused("access.bad-signature", [case.approval("privacy"), forged])
    from incamera.core.canon import canonical
    from incamera.core.crypto import sign
    from incamera.governance.request import _body

    honest = replace(forged, signature=sign(case.keys["requester"], "incamera/approval/1", canonical(_body(forged))))
    case.refused("access.role-cannot-approve", [case.approval("privacy"), honest])


def test_a_stretched_approval_does_not_verify(case: Case) -> None:
    stretched = replace(case.approval("privacy"), expires_at=datetime(2030, 1, 1, tzinfo=UTC))
    case.refused("access.bad-signature", [case.approval("counsel"), stretched])


def test_a_signature_from_another_use_does_not_count(case: Case) -> None:
    from incamera.core.canon import canonical
    from incamera.core.crypto import sign
    from incamera.governance.request import _body

    approval = case.approval("privacy")
    reused = replace(approval, signature=sign(case.keys["privacy"], "incamera/reveal/1", canonical(_body(approval))))
    case.refused("access.bad-signature", [case.approval("counsel"), reused])


# --- what is not refused is said ------------------------------------------------------------------------------------------


def with_seeds(case: Case, folder: Path, parties: dict[str, str]):
    text = (folder / "order.toml").read_text() + "[sample]\nsize = 5\n"
    for party, role in parties.items():
        text += f'[[sample.commitments]]\nparty="{party}"\ncommitment="{"0" * 64}"\nkey="{public_text(case.keys[role])}"\n'
    (folder / "order.toml").write_text(text)
    return load(folder / "order.toml", today=date(2026, 11, 1))


def test_a_run_of_two_sides_is_not_called_single(case: Case, tmp_path: Path) -> None:
    order = with_seeds(case, tmp_path, {"holder": "counsel", "requester": "requester"})
    approvals = [case.approval("counsel"), case.approval("privacy")]
    assert single_operator(order, approvals, {"holder", "requester"}) == []


def test_a_run_of_one_side_is_called_single(case: Case, tmp_path: Path) -> None:
    order = with_seeds(case, tmp_path, {"holder": "counsel", "requester": "counsel"})
    approvals = [case.approval("counsel"), case.approval("privacy")]
    own = {public_text(key) for key in case.keys.values()}
    assert single_operator(order, approvals, {"holder", "requester"}) == ["the seeds of several parties were signed by one key"]
    assert single_operator(order, approvals, {"holder"}) == ["only one party's seed went into the draw"]
    assert single_operator(case.order, approvals, set(), own_keys=own) == [
        "an approver's private key lies in the operator's own home"
    ]
    assert single_operator(case.order, [approvals[0]] * 2, set()) == [
        "one person gave several approvals",
        "one key gave several approvals",
    ]
    assert single_operator(case.order, approvals, set(), demo=True) == [
        "the keys of all parties were made by the demonstration itself"
    ]
    both = with_seeds(Case(tmp_path), tmp_path, {"holder": "counsel", "requester": "requester"})
    keys = {c.key for c in both.sample.commitments}
    assert "every seed was signed" in single_operator(both, [], {"holder", "requester"}, own_keys=keys)[0]
