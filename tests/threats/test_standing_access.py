"""Threats `malicious-reviewer` and `one-operator`, where no court ordered anything: who asks approves too, one purpose is used
for another, an approval serves twice, and what was allowed is taken back while it is being read."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incamera.clerk import accounts, asking, brokering, consents, using
from incamera.clerk.access import sign_approval
from incamera.clerk.clock import SystemClock
from incamera.clerk.connected import connect
from incamera.clerk.home import Home
from incamera.clerk.watch import Silent
from incamera.core.canon import unpack
from incamera.core.crypto import grant_tag
from incamera.core.errors import Error
from incamera.core.records import Entry, Grant
from incamera.governance import keys
from incamera.governance.identity import Identity
from incamera.testing.vaults import CANARY, conversation
from incamera.vault.protocol import Level
from incamera.vault.wire import Server

ROLES = {
    "agent": "service",
    "second": "service",
    "officer": "safety",
    "clerk": "rights",
    "counsel": "counsel",
    "privacy": "privacy",
}
SAMPLE, PERSON = 24, "person-1@example.org"


@dataclass
class SetClock:
    """A clock that stands where it is put."""

    at: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@dataclass
class Meanwhile(Silent):
    """Does something once, as soon as the first conversations were opened."""

    act: Callable[[], object]
    left: int = 1

    def advance(self, count: int = 1) -> None:
        if self.left:
            self.left -= 1
            self.act()


@dataclass
class House:
    """A home, its people, and their keys."""

    home: Home
    clock: SetClock
    path: Path
    papers: int = 0

    def person(self, name: str) -> Identity:
        return accounts.sign_in(self.home, name, self.path / f"{name}.pem", None)

    def ask(self, by: str, purpose: str, **named: object) -> Path:
        self.papers += 1
        out = self.path / f"request-{self.papers}.json"
        wanted = asking.Wanted(purpose=purpose, document=self.path / "letter.txt", **named)  # type: ignore[arg-type]
        asking.ask(self.home, self.person(by), wanted, out=out)
        return out

    def approve(self, paper: Path, *by: str) -> list[Path]:
        found = []
        for name in by or ("counsel", "privacy"):
            out = self.path / f"{name}-{len(list(self.path.glob('*.approval')))}.approval"
            role = ROLES[name] if name in ("counsel", "privacy") else "privacy"
            key = self.path / f"{name}.pem"
            sign_approval(paper, key, log=self.home.log_key, role=role, days=7, out=out, passphrase=None, clock=self.clock)
            found.append(out)
        return found

    def use(self, by: str, paper: Path, approvals: list[Path], meanwhile: Callable[[], object] | None = None) -> str | int:
        """How many conversations left, or the code of the refusal; then nothing is there."""
        out = self.path / f"out-{len(list(self.path.glob('out-*')))}.jsonl"
        watch = Meanwhile(meanwhile) if meanwhile else None
        try:
            done = using.use(self.home, self.person(by), paper, approvals, out=out, watch=watch)
        except Error as flaw:
            assert not out.exists(), "a file is whole or not there"
            return flaw.code
        assert out.stat().st_mode & 0o777 == 0o600
        return int(done["conversations"])

    def told(self) -> list[tuple[str, str]]:
        """Refusals and releases, in order."""
        kept = ("access.refused", "key.released", "export.made", "run.finished")
        return [(one.entry.act, one.entry.fields.get("code", "")) for one in self.home.ledger.entries() if one.entry.act in kept]


@pytest.fixture
def house(tmp_path: Path, cheap_kms: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(using, "FRAGMENT_ROWS", 8)
    monkeypatch.setattr(using, "FEW_FRAGMENTS", 1000)
    clock = SetClock()
    with Home.create(tmp_path / "home", origin="holder.example/ledger", passphrase="x", clock=clock) as home:
        home.vault.put([replace(conversation(n), subject=f"person-{n}@example.org") for n in range(SAMPLE)])
        for name, role in ROLES.items():
            made = keys.keygen(tmp_path / f"{name}.pem", role="holder", name=name)
            accounts.add(home, name, made.public, [role], actor="holder")
        (tmp_path / "letter.txt").write_text("A letter.")
        people = home.vault.subjects([f"person-{n}@example.org" for n in range(SAMPLE)]).values()
        given = [
            {"subject": ref, "purpose": purpose, "state": "given"}
            for ref in people
            for purpose in ("support", "training", "analytics")
        ]
        home.ledger.append_many([Entry(act="consent.changed", matter="", actor="desk", fields=fields) for fields in given])
        yield House(home, clock, tmp_path)


# --- whose approvals --------------------------------------------------------------------------------------------------------


def test_who_asks_approves_nothing(house: House) -> None:
    """Not under the own account, nor with another colleague who only asks, nor alone in two roles."""
    paper = house.ask("officer", "safety_escalation", conversations=("c1",))
    own = house.approve(paper, "officer")
    assert house.use("officer", paper, [*own, *house.approve(paper, "counsel")]) == "access.unknown-key"
    colleague = house.approve(paper, "second")
    assert house.use("officer", paper, [*colleague, *house.approve(paper, "counsel")]) == "access.unknown-key"
    twice = [*house.approve(paper, "counsel"), *house.approve(paper, "counsel")]
    assert house.use("officer", paper, twice) == "access.one-operator"
    assert ("key.released", "") not in house.told()


def test_an_approver_who_was_entered_behind_the_ledgers_back_counts_for_nothing(house: House) -> None:
    paper = house.ask("officer", "safety_escalation", conversations=("c1",))
    file = house.home.path / "accounts.toml"
    mine = keys.keygen(house.path / "mine.pem", role="holder", name="mine").public
    file.write_text(file.read_text() + f'\n[[account]]\nname = "mine"\nkey = "{mine}"\nroles = ["privacy"]\n')
    forged = house.path / "forged.approval"
    given = {"log": house.home.log_key, "role": "privacy", "days": 7, "passphrase": None, "clock": house.clock}
    sign_approval(paper, house.path / "mine.pem", out=forged, **given)  # type: ignore[arg-type]
    assert house.use("officer", paper, [forged, *house.approve(paper, "counsel")]) == "access.unknown-key"


def test_an_approval_serves_one_request_once(house: House) -> None:
    first, second = (house.ask("agent", "support", subject=PERSON) for _ in range(2))
    approvals = house.approve(first)
    assert house.use("agent", second, approvals) == "access.other-request"
    assert house.use("agent", first, approvals) == 1
    assert house.use("agent", first, approvals) == "access.used"
    # A copy of the first paper is the first request, and a changed copy is one that nobody approved.
    second.write_text(first.read_text())
    assert house.use("agent", second, approvals) == "access.used"
    second.write_text(json.dumps(json.loads(first.read_text()) | {"hours": 23}))
    assert house.use("agent", second, approvals) == "access.other-request"


# --- one purpose for another -------------------------------------------------------------------------------------------------


def kept(house: House, by: str, purpose: str, **named: object) -> tuple[Grant, list[bytes]]:
    """A true grant that its holder kept instead of using it, and what it lists."""
    paper = house.ask(by, purpose, **named)
    out = house.path / "no-such-directory" / "out"
    with pytest.raises(Error):
        using.use(house.home, house.person(by), paper, house.approve(paper), out=out)
    (place,) = house.home.path.glob("access/*/grant.json")
    grant = unpack(place.read_bytes(), Grant)
    return grant, [bytes.fromhex(ref) for ref in house.home.vault.listed(grant.listed)]  # type: ignore[arg-type]


def asked_for(house: House, grant: Grant, crefs: list[bytes]) -> str:
    try:
        return f"{len(house.home.vault.broker.release(grant, crefs).keys)} keys"
    except Error as flaw:
        return flaw.code


def test_a_support_grant_is_no_training_grant(house: House) -> None:
    grant, crefs = kept(house, "agent", "support", subject=PERSON)
    assert asked_for(house, grant, crefs) == "1 keys"
    confused = replace(grant, purpose="training")
    assert asked_for(house, confused, crefs) == "crypto.bad-grant-tag"
    # Not even whoever has the home's grant key makes one of the other.
    for other in (confused, replace(grant, matter="training/x"), replace(grant, scope=grant.listed or grant.scope)):
        assert asked_for(house, replace(other, tag=grant_tag(house.home.grant_key, other)), crefs) == "access.unknown-grant"
    every = [bytes.fromhex(facts.cref) for facts in house.home.vault.facts()]
    assert asked_for(house, grant, every) == "vault.not-listed"


def test_consent_to_one_purpose_is_none_to_another(house: House) -> None:
    grant, crefs = kept(house, "agent", "support", subject=PERSON)
    consents.record(house.home, PERSON, "support", given=False, letter=None, actor="desk")
    assert asked_for(house, grant, crefs) == "vault.denied-by-policy", "training is still consented to, and is another purpose"


def test_a_standing_grant_reads_no_working_set_of_a_matter(house: House) -> None:
    """Results of an order's examination lie under keys of its matter, and no standing request can be of that name."""
    grant, _ = kept(house, "clerk", "data_subject_request", subject=PERSON)
    assert "/" in grant.matter and grant.matter.startswith("data_subject_request/")


def test_a_hold_ends_support_and_training_at_once(house: House) -> None:
    grant, crefs = kept(house, "agent", "support", subject=PERSON)
    house.home.vault.place_hold("H-1", [crefs[0].hex()], matter="m-1", order=grant.scope)  # type: ignore[list-item]
    assert asked_for(house, grant, crefs) == "vault.denied-by-policy"


def test_the_time_and_the_number_are_kept_at_every_release(house: House) -> None:
    grant, crefs = kept(house, "agent", "support", subject=PERSON)
    house.clock.at += timedelta(hours=23, minutes=59)
    assert asked_for(house, grant, crefs) == "1 keys"
    house.clock.at += timedelta(minutes=1)
    assert asked_for(house, grant, crefs) == "vault.grant-expired"


# --- taken back while it is read ----------------------------------------------------------------------------------------------


def training(house: House) -> tuple[Path, list[Path]]:
    paper = house.ask("agent", "training", sample=SAMPLE)
    return paper, house.approve(paper)


def revoke(house: House, paper: Path) -> Callable[[], object]:
    from incamera.clerk.access import revoke as taken_back

    return lambda: taken_back(house.home, paper, reason="privacy-withdrew")


def test_revoked_while_it_is_read_it_stops_and_nothing_leaves(house: House) -> None:
    paper, approvals = training(house)
    assert house.use("agent", paper, approvals, revoke(house, paper)) == "access.revoked-grant"
    told = house.told()
    assert 0 < told.count(("key.released", "")) < SAMPLE / 8, "some had been opened, and no more were"
    assert ("access.refused", "access.revoked-grant") in told and ("run.finished", "access.revoked-grant") in told
    assert not any(act == "export.made" for act, _ in told)
    assert house.use("agent", paper, approvals) == "access.revoked-approval"


def test_a_grant_that_expires_in_flight_stops_and_nothing_leaves(house: House) -> None:
    paper, approvals = training(house)

    def later() -> None:
        house.clock.at += timedelta(days=8)

    assert house.use("agent", paper, approvals, later) == "vault.grant-expired"
    assert ("access.refused", "vault.grant-expired") in house.told()
    assert not any(act == "export.made" for act, _ in house.told())


def test_consent_withdrawn_mid_read_takes_the_person_out_of_the_file(house: House) -> None:
    """Also where their conversation had been opened already: it is asked for again when it leaves."""
    paper, approvals = training(house)
    people = [f"person-{n}@example.org" for n in range(0, SAMPLE, 2)]

    def withdraw() -> None:
        for person in people:
            consents.record(house.home, person, "training", given=False, letter=None, actor="desk")

    assert house.use("agent", paper, approvals, withdraw) == SAMPLE - len(people)


def test_support_stops_where_its_person_withdraws(house: House) -> None:
    paper = house.ask("agent", "support", subject=PERSON)

    def withdraw() -> None:
        consents.record(house.home, PERSON, "support", given=False, letter=None, actor="desk")

    assert house.use("agent", paper, house.approve(paper), withdraw) == "vault.denied-by-policy"
    assert not any(act == "export.made" for act, _ in house.told())


@pytest.mark.parametrize("purpose", ["analytics", "training"])
def test_a_sample_of_too_few_is_not_told(house: House, purpose: str) -> None:
    paper = house.ask("agent", purpose, sample=SAMPLE)
    for n in range(15):
        consents.record(house.home, f"person-{n}@example.org", purpose, given=False, letter=None, actor="desk")
    assert house.use("agent", paper, house.approve(paper)) == "access.too-few"


def test_a_shred_takes_a_person_out_of_a_request_that_waits(house: House) -> None:
    paper, approvals = training(house)
    ref = house.home.vault.subjects([PERSON])[PERSON]
    assert ref is not None
    house.home.vault.shred_subject(ref, actor="holder", reason="data-subject-request")
    assert house.use("agent", paper, approvals) == SAMPLE - 1


# --- what is left lying about -------------------------------------------------------------------------------------------------


def test_no_text_lies_in_the_home_nor_in_the_ledger_after_a_use(house: House) -> None:
    paper = house.ask("officer", "safety_escalation", conversations=("c1",))
    assert house.use("officer", paper, house.approve(paper)) == 1
    (out,) = house.path.glob("out-*.jsonl")
    assert CANARY in out.read_text()
    for path in house.home.path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path.name
    assert not any((house.home.path / "access").iterdir()), "the working set of a request goes with it"


def test_a_run_that_was_killed_before_its_end_is_ended_by_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file had its name, the grant still lived: the same command ends it, and hands nothing out again."""
    from incamera.clerk.standing import StandingWork

    paper = house.ask("officer", "safety_escalation", conversations=("c1",))
    approvals, out = house.approve(paper), house.path / "out.jsonl"
    end = StandingWork.end
    monkeypatch.setattr(StandingWork, "end", lambda self, grant: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        using.use(house.home, house.person("officer"), paper, approvals, out=out)
    monkeypatch.setattr(StandingWork, "end", end)
    with pytest.raises(Error) as other:
        using.use(house.home, house.person("agent"), paper, approvals, out=out)
    assert other.value.code == "access.file-exists"
    before = house.told().count(("key.released", ""))
    assert using.use(house.home, house.person("officer"), paper, [], out=out)["conversations"] == 1
    assert house.told().count(("key.released", "")) == before
    assert house.use("officer", paper, approvals) == "access.used"


def test_a_recipe_that_changed_since_is_not_what_was_approved(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = house.ask("agent", "support", subject=PERSON)
    monkeypatch.setattr(using, "recipe_digest", lambda: "0" * 64)
    assert house.use("agent", paper, house.approve(paper)) == "access.other-recipe"


def test_a_revocation_is_an_act_that_any_process_may_write(house: House) -> None:
    """The broker reads it in the ledger: nobody has to tell it, and no file has to be found."""
    grant, crefs = kept(house, "officer", "safety_escalation", conversations=("c1",))
    request = next(
        one.entry.fields["request"] for one in house.home.ledger.entries(grant.matter) if one.entry.act == "access.granted"
    )
    fields = {"request": request, "reason": "stolen-laptop"}
    house.home.ledger.append(Entry(act="access.revoked", matter=grant.matter, actor="holder", fields=fields))
    assert asked_for(house, grant, crefs) == "access.revoked-grant"


# --- where a broker keeps the keys --------------------------------------------------------------------------------------------


@contextmanager
def behind_a_broker(path: Path, level: Level) -> Iterator[House]:
    """The same house, whose programs ask a broker that hears them at *level*."""
    with tempfile.TemporaryDirectory(prefix="door-") as place:
        address = Path(place) / "broker"
        Home.create(path / "home", origin="holder.example/ledger", passphrase="x", broker=str(address)).close()
        with Home.open(path / "home", passphrase="x") as home:
            home.vault.put([conversation(n) for n in range(14)])
            for name, role in ROLES.items():
                made = keys.keygen(path / f"{name}.pem", role="holder", name=name)
                accounts.add(home, name, made.public, [role], actor="holder")
            (path / "letter.txt").write_text("A letter.")
            server = Server(brokering.operations(home), address=address, accounts={os.geteuid(): level}).start()
            try:
                with connect(path / "home") as connected:
                    yield House(connected, SystemClock(), path)  # type: ignore[arg-type]
            finally:
                server.close()


def test_a_custodian_uses_a_request_through_the_broker(tmp_path: Path, cheap_kms: None) -> None:
    with behind_a_broker(tmp_path, Level.CUSTODIAN) as house:
        paper = house.ask("officer", "safety_escalation", conversations=("c1",))
        approvals = house.approve(paper)
        assert house.use("officer", paper, approvals[:1]) == "access.awaiting-approval"
        assert house.use("officer", paper, approvals) == 1
        assert house.use("officer", paper, approvals) == "access.used"


def test_a_clerk_behind_the_broker_gives_no_standing_grant(tmp_path: Path, cheap_kms: None) -> None:
    """Who may store and answer orders is not thereby who may open a person's conversations without one."""
    with behind_a_broker(tmp_path, Level.CLERK) as house:
        with pytest.raises(Error) as caught:
            house.ask("officer", "safety_escalation", conversations=("c1",))
        assert caught.value.code == "broker.reserved-act"
