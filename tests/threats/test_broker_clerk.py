"""Threat `compromised-app-server`: somebody owns the program that stores conversations and answers orders, its account and its
memory. It has the broker's socket and the level of a clerk; it does not have keys.db, the key service, or the custodian's word.

Everything here is asked over the socket, by a client that keeps to no rule, of a broker over a real home and a real ledger.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incamera.clerk import access, brokering
from incamera.clerk.clock import SystemClock
from incamera.clerk.connected import ConnectedHome, connect
from incamera.clerk.home import Home
from incamera.clerk.matter import open_by_hand
from incamera.core.errors import Error
from incamera.core.ids import Ref, digest
from incamera.core.records import Entry, Grant
from incamera.governance import order as orders
from incamera.governance.request import SignedApproval, read_approval
from incamera.governance.terms import Order, Signer
from incamera.ledger.entry import ACTS
from incamera.testing.grants import issue
from incamera.testing.vaults import conversation
from incamera.vault.protocol import Level, answered, asking
from incamera.vault.wire import Client, Server

ORDER = """
[matter]
caption = "Lantern Press v. Quill Assistants"
number = "26-cv-9001"
court = "Test Court"
order_date = 2026-01-15
order_document = "order.txt"
[frame]
[sample]
size = "all"
strata = ["month"]
fallback = "refuse"
[[sample.commitments]]
party = "requester"
commitment = "{commitment}"
key = "{key}"
[responsive]
min_run = 12
min_coverage = 0.0
max_commonness = "any"
roles = ["assistant"]
elicitation = "any"
[production]
scope = "sample"
designation = "ATTORNEYS' EYES ONLY"
lanes = ["document"]
{signers}
"""


class World:
    """A holder's home behind a broker, a case in it, and a thief at the socket."""

    def __init__(self, path: Path, home: Home, address: str) -> None:
        self.path, self.home, self.address = path, home, address
        self.thief = Client(address)
        self.refs = {name: ref for name, ref in home.vault.lookup(f"c{n}" for n in range(14)).items() if ref}
        self.people = {role: self.key(role) for role in ("counsel", "privacy", "requester")}

    def key(self, role: str, name: str | None = None) -> Path:
        place = self.path / f"{name or role}.pem"
        access.keygen(place, role=role, name=name or f"{role} of the holder", passphrase=None)
        return place

    def order(self, signers: dict[str, Path], name: str = "order.toml") -> Path:
        (self.path / "order.txt").write_text("A made-up order.\n")
        lines = [
            f'[[trust.signers]]\nname = "{key.stem}"\nrole = "{role}"\nkey = "{access.public_of(key)}"'
            for role, key in signers.items()
        ]
        place = self.path / name
        requester = access.public_of(self.people["requester"])
        place.write_text(ORDER.format(commitment="0" * 64, key=requester, signers="\n".join(lines)))
        return place

    def approvals(self, order: Path, signers: dict[str, Path]) -> list[SignedApproval]:
        signed = []
        for role, key in signers.items():
            out = self.path / f"{order.stem}-{key.stem}.approval"
            access.sign_approval(
                order, key, log=self.home.log_key, role=role, days=3, out=out, passphrase=None, clock=SystemClock()
            )
            signed.append(read_approval(out))
        return signed

    def flaw(self, operation: str, **arguments: Any) -> str:
        """The code with which the broker refuses, or nothing."""
        try:
            self.thief.ask(operation, object, **arguments)
        except Error as refused:
            return refused.code
        return ""

    def acts(self) -> list[str]:
        self.home.ledger.refresh()
        return [past.entry.act for past in self.home.ledger.entries()]


@pytest.fixture
def world(tmp_path: Path, cheap_kms: None) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="door-") as place:
        address = Path(place) / "broker"
        Home.create(tmp_path / "home", origin="holder.example/ledger", passphrase="x", broker=str(address)).close()
        with Home.open(tmp_path / "home", passphrase="x") as home:
            home.vault.put(conversation(n) for n in range(14))
            server = Server(brokering.operations(home), address=address, accounts={os.geteuid(): Level.CLERK}).start()
            made = World(tmp_path, home, server.address)
            yield made
            made.thief.close()
            server.close()


def genuine(world: World) -> tuple[Order, list[SignedApproval]]:
    """An order that the custodian opened, and the approvals of the people whom it names."""
    signers = {role: world.people[role] for role in ("counsel", "privacy")}
    place = world.order(signers)
    open_by_hand(world.home, place)
    return orders.load(place), world.approvals(place, signers)


# --- a key without a grant -------------------------------------------------------------------------------------------


def test_what_is_approved_opens_and_nothing_else_does(world: World) -> None:
    """The measure of all that follows: the way in that there is, is open."""
    order, approvals = genuine(world)
    listed = world.home.vault.list_for_grant([world.refs["c1"], world.refs["c2"]])
    grant = world.thief.ask("issue_grant", Grant, order=order, approvals=approvals, actor="clerk", listed=listed)
    wanted = [bytes.fromhex(world.refs[name]) for name in ("c1", "c2", "c3")]
    assert len(world.thief.release(grant, wanted[:2]).keys) == 2
    assert world.flaw("release", grant=grant, crefs=b"".join(wanted)) == "vault.not-listed"


def test_approvals_by_people_whom_the_thief_named_count_for_nothing(world: World) -> None:
    """An order of one's own, with approvers of one's own: it stands in no ledger, and the thief cannot put it there."""
    own = {role: world.key(role, f"my-{role}") for role in ("counsel", "privacy")}
    place = world.order(own, "mine.toml")
    order, approvals = orders.load(place), world.approvals(place, own)
    listed = world.home.vault.list_for_grant(world.refs.values())
    stated = {"approvals": approvals, "actor": "clerk", "listed": listed}
    assert world.flaw("issue_grant", order=order, **stated) == "broker.matter-not-opened"
    fields = {"order": order.digest, "protocol": order.protocol}
    opening = Entry(act="matter.opened", matter=order.matter.id, actor="clerk", fields=fields)
    assert world.flaw("append", entries=[opening]) == "broker.reserved-act"
    assert "access.granted" not in world.acts()


def test_a_genuine_order_with_other_approvers_in_it_is_another_order(world: World) -> None:
    order, _ = genuine(world)
    own = {role: world.key(role, f"my-{role}") for role in ("counsel", "privacy")}
    forged = replace(order, signers=tuple(Signer(name=k.stem, role=r, key=access.public_of(k)) for r, k in own.items()))
    approvals = world.approvals(world.order(own, "mine.toml"), own)
    listed = world.home.vault.list_for_grant(world.refs.values())
    stated = {"approvals": approvals, "actor": "clerk", "listed": listed}
    assert world.flaw("issue_grant", order=forged, **stated) == "broker.matter-not-opened"
    code = world.flaw("issue_grant", order=order, **stated)
    assert code.startswith("access."), "under the genuine order those approvals are for another request"
    assert world.flaw("issue_grant", order=order, approvals=[], actor="clerk", listed=listed) == "access.awaiting-approval"
    assert "access.granted" not in world.acts()


def test_no_act_that_gives_a_right_is_a_clerks_to_write(world: World) -> None:
    reserved = set(ACTS) - brokering.CLERKS
    assert {"matter.opened", "access.granted", "access.break_glass", "access.approved", "hold.released"} <= reserved
    assert {"account.changed", "consent.changed", "policy.changed", "provider.changed", "key.released"} <= reserved
    before = world.acts()
    for act in sorted(reserved):
        assert world.flaw("append", entries=[Entry(act=act, matter="", actor="x", fields={})]) == "broker.reserved-act"
    fine = Entry(act="run.started", matter="", actor="x", fields={"run": "0" * 32, "stage": "x"})
    mixed = [fine, Entry(act="access.granted", matter="", actor="x", fields={})]
    assert world.flaw("append", entries=mixed) == "broker.reserved-act"
    assert world.acts() == before, "all or none"


def test_a_grant_of_ones_own_making_is_refused(world: World) -> None:
    """With a guessed key, with the tag of another grant, or tagged by nobody."""
    listed = world.home.vault.list_for_grant(world.refs.values())
    forged = issue(bytes(32), world.home.ledger, now=world.home.clock.now(), listed=listed)
    crefs = bytes.fromhex(world.refs["c1"])
    assert world.flaw("release", grant=forged, crefs=crefs) == "crypto.bad-grant-tag"
    assert world.flaw("tag_grant", grant=forged) == "vault.not-permitted"
    order, approvals = genuine(world)
    few = world.home.vault.list_for_grant([world.refs["c1"]])
    grant = world.thief.ask("issue_grant", Grant, order=order, approvals=approvals, actor="clerk", listed=few)
    for changed in (
        replace(grant, listed=listed),
        replace(grant, listed=None),
        replace(grant, max_records=10**6),
        replace(grant, expires_at=grant.expires_at + timedelta(days=300)),
        replace(grant, purpose="training"),
    ):
        assert world.flaw("release", grant=changed, crefs=crefs) == "crypto.bad-grant-tag"


def test_a_custodian_gets_no_tag_for_what_the_ledger_did_not_give(world: World) -> None:
    given = issue(bytes(32), world.home.ledger, now=world.home.clock.now())  # stands in the ledger; its tag is by another key
    tag = brokering.operations(world.home)["tag_grant"].run
    for grant in (replace(given, max_records=10**9), replace(given, purpose="support"), replace(given, actor="somebody-else")):
        with pytest.raises(Error) as caught:
            tag(grant)
        assert caught.value.code == "access.unknown-grant"
    assert tag(given) != given.tag


def test_nothing_a_clerk_may_ask_gives_the_key_of_a_stored_conversation(world: World) -> None:
    """Every operation, with what it takes, and the keys of all conversations looked for in every answer."""
    opener = world.home.vault._embedded
    crefs = [bytes.fromhex(ref) for ref in world.refs.values()]
    urefs = sorted({bytes.fromhex(facts.subject) for facts in world.home.vault.facts()})
    secrets = [opener.grant_key, opener.keyring.epoch_key(1)]
    listed = world.home.vault.list_for_grant(world.refs.values())
    given = issue(opener.grant_key, world.home.ledger, now=world.home.clock.now(), listed=listed)
    secrets += opener.broker.release(given, crefs).keys.values()
    for subject in opener.keyring.subjects(urefs).values():
        secrets += [subject.key, subject.secret, subject.account_key, subject.ledger_key]
    secrets += [signer.seed for signer in world.home.ledger_signers]
    assert len(secrets) == 2 + 14 + 4 * 7 + 2
    released = world.acts().count("key.released")
    packed = b"".join(crefs)
    asked: dict[str, dict[str, Any]] = {
        "vault": {},
        "counts": {},
        "epochs": {},
        "generation": {},
        "pending": {},
        "holds": {},
        "copies": {},
        "waiting_shreds": {},
        "all_held": {},
        "home_keys": {},
        "publish": {},
        "known_subjects": {"urefs": b"".join(urefs)},
        "seal_accounts": {"accounts": [(urefs[0], b"{}")]},
        "settle_batch": {"batch": 1, "stored": False},
        "place_hold": {"hold": "h", "matter": "m", "order": digest(b""), "crefs": packed},
        "holds_over": {"ref": crefs[0]},
        "covered": {"matter": "m"},
        "no_key": {"crefs": packed},
        "file_key": {"name": "x.parquet"},
        "trustees": {},
        "enter_copy": {"derived": {"name": "x", "kind": "x", "reach": "ages-out", "key_path": "x"}},
    }
    with_a_grant = {"release", "check_grant", "ask_trustees", "still_sealed", "admit_answer", "end_unsealing", "issue_grant"}
    elsewhere = {"insert_keys", "append"}
    permitted = {name for name, one in brokering.operations(world.home).items() if one.level <= Level.CLERK}
    assert permitted == asked.keys() | with_a_grant | elsewhere, "every operation of a clerk is looked at here"
    for name, arguments in asked.items():
        answer = answered(brokering.operations(world.home), asking(name, arguments), Level.CLERK)
        assert not [secret for secret in secrets if secret in answer or secret.hex().encode() in answer], name
    assert world.acts().count("key.released") == released


# --- holds and shreds ------------------------------------------------------------------------------------------------


def test_a_hold_is_neither_lifted_nor_shredded_through(world: World) -> None:
    ref = world.refs["c1"]
    world.home.vault.place_hold("h-1", [Ref(ref)], matter="m-1", order=digest(b"order"))
    assert world.flaw("release_hold", hold="h-1") == "vault.not-permitted"
    shred = {"kind": "conversation", "ref": ref, "actor": "x", "reason": "request", "request": None}
    assert world.flaw("shred", **shred) == "vault.not-permitted"
    assert world.flaw("settle_shreds") == "vault.not-permitted"
    assert world.flaw("roll", actor="x", grace_seconds=0.0) == "vault.not-permitted"
    lifting = Entry(act="hold.released", matter="m-1", actor="x", fields={"hold": "h-1"})
    assert world.flaw("append", entries=[lifting]) == "broker.reserved-act"
    other = {"hold": "h-1", "matter": "another", "order": digest(b"order"), "crefs": b""}
    assert world.flaw("place_hold", **other) == "vault.hold-differs"
    # The custodian's own request waits under the hold, too: the lock is in the broker, not in whoever asks.
    run = brokering.operations(world.home)["shred"].run
    assert run(**shred).outcome == "pending"
    assert world.home.vault.holds.over(bytes.fromhex(ref)) == ["h-1"]


def test_trustees_of_the_thiefs_choice_are_not_taken(world: World) -> None:
    """Else a hold over everything would write every key into a recovery file that the thief can open."""
    assert world.flaw("name_trustees", keys={}) == "vault.not-permitted"


# --- keys.db and the key service --------------------------------------------------------------------------------------


def test_the_key_service_and_the_secrets_are_not_to_be_asked_for(world: World) -> None:
    with connect(world.home.path) as home:
        assert isinstance(home, ConnectedHome)
        reaches: list[Callable[[], object]] = [
            lambda: home.kms.unwrap("1", b"", {}),
            lambda: home.ledger_signers,
            lambda: home._keyring().__enter__(),
            lambda: home.grant_key(issue(bytes(32), world.home.ledger, now=world.home.clock.now())),  # type: ignore[operator]
        ]
        for reach in reaches:
            with pytest.raises(Error) as caught:
                reach()
            assert caught.value.code in ("broker.keys-stay", "vault.not-permitted")
    for name in ("unwrap", "wrap", "epoch_key", "secret", "random_secret", "kms", "__class__", "grant_key", "", "release "):
        assert world.flaw(name) == "vault.unknown-operation"


def test_a_refusal_names_no_key_and_no_text(world: World) -> None:
    order, approvals = genuine(world)
    told = []
    for operation, arguments in (
        ("release", {"grant": issue(bytes(32), world.home.ledger, now=world.home.clock.now()), "crefs": b"x" * 16}),
        ("seal_accounts", {"accounts": [(b"u" * 16, b"zanzibar-quartz-41")]}),
        ("issue_grant", {"order": order, "approvals": approvals[:1], "actor": "clerk", "listed": "0" * 64}),
        ("append", {"entries": [Entry(act="zanzibar-quartz-41", matter="", actor="x", fields={})]}),
    ):
        try:
            world.thief.ask(operation, object, **arguments)
        except Error as flaw:
            told.append(json.dumps([flaw.code, flaw.hint, str(flaw.where)]))
    assert len(told) == 4
    assert "quartz" not in "".join(told)
