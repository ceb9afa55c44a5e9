"""Access that no court ordered, typed as commands: each purpose does its one thing, once, after two people allowed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyrage
import pytest
from commands import PASSPHRASE, Terminal, acts
from house import House
from parties import Matter, conversation, log, small_log

from incamera.clerk.home import Home
from incamera.core.canon import unpack
from incamera.core.errors import Refused
from incamera.core.records import Grant

PERSON, TALK = "subject-talk3", "talk3"
SECRET = "Habergast3"
ROLES = {
    "agent": "service",
    "officer": "safety",
    "clerk": "rights",
    "keeper": "custodian",
    "counsel": "counsel",
    "privacy": "privacy",
}


@pytest.fixture
def house(desk: Terminal, matter: Matter, tmp_path: Path) -> House:
    """A home with the small log in it, and people of six roles whom its ledger knows."""
    accounts = log(tmp_path / "accounts.jsonl", [{"subject": PERSON, "names": ["Wilma Quirm"], "emails": ["wq@example.org"]}])
    desk.run("ingest", matter.conversations, "--accounts", accounts).json
    return House.furnished(desk, tmp_path, ROLES)


def lines(path: Path) -> list[dict[str, Any]]:
    assert path.stat().st_mode & 0o777 == 0o600
    return [json.loads(line) for line in path.read_text().splitlines()]


def everybody() -> list[str]:
    return [row["subject"] for row in small_log()]


def test_support_reads_one_persons_conversations_without_their_identities(house: House, tmp_path: Path) -> None:
    out = tmp_path / "support.jsonl"
    # Consent to this purpose, and to be asked for by who does this work.
    assert house.ask("agent", "support", "--subject", PERSON).flaw == "access.no-consent"
    assert house.run("access", "consent", PERSON, "--purpose", "training").json["state"] == "given"
    assert house.ask("agent", "support", "--subject", PERSON).flaw == "access.no-consent"
    assert house.run("access", "consent", PERSON, "--purpose", "support", "--letter", tmp_path / "ticket.txt").json["entry"]
    assert house.ask("officer", "support", "--subject", PERSON).flaw == "access.not-in-role"
    assert house.ask("agent", "support", "--sample", 5).flaw == "access.named-otherwise"
    assert house.ask("agent", "support", "--subject", "nobody").flaw == "access.nothing-named"
    assert house.ask("agent", "support", "--subject", PERSON, "--conversation", "talk4").flaw == "access.nothing-named"
    asked = house.ask("agent", "support", "--subject", PERSON).json
    assert (asked["form"], asked["max_records"]) == ("deidentified", 1)
    assert PERSON not in house.paper.read_text(), "the paper names nobody"
    # An approver reads what is asked, on another machine.
    shown = house.run("access", "request", house.paper, "--log", house.log_key)
    assert (shown.json["request"], shown.json["about"]["form"]) == (asked["request"], "deidentified")
    # Without two people nothing opens; nor is anything ever written to a terminal.
    assert house.use("agent", out).flaw == "access.awaiting-approval"
    one = house.use("agent", out, *house.approvals(("privacy",)))
    assert (one.code, one.flaw) == (8, "access.awaiting-approval")
    approvals = [*house.approvals(("counsel",)), "--approval", tmp_path / f"privacy-{house.paper.stem}.approval"]
    for terminal in ("/dev/stdout", "/dev/null", "/proc/self/fd/1"):
        assert house.use("agent", Path(terminal), *approvals).flaw == "access.file-exists"
    assert house.use("officer", out, *approvals).flaw == "access.other-asker"
    assert "key.released" not in acts(house.desk)
    done = house.use("agent", out, *approvals).json
    assert (done["conversations"], done["left_out"], done["form"]) == (1, 0, "deidentified")
    (line,) = lines(out)
    assert SECRET not in out.read_text() and "@" not in out.read_text() and TALK not in out.read_text()
    assert [turn["role"] for turn in line["turns"]] == ["user", "assistant"]
    assert "about the broken" in line["turns"][0]["parts"][0]["text"]
    # Once: the grant ended with its purpose, and the ledger has every step.
    assert house.use("agent", tmp_path / "again.jsonl", *approvals).flaw == "access.used"
    told = [row for row in house.run("ledger", "show").rows if row["matter"] == asked["matter"]]
    steps = [row["act"] for row in told if not row["act"].startswith("run.")]
    assert steps[0] == "access.requested" and steps[-2:] == ["export.made", "access.revoked"]
    assert next(act for act in steps if act in ("access.granted", "key.released")) == "access.granted"
    assert not (house.desk.home / "access").exists() or not list((house.desk.home / "access").iterdir())
    register = [row["name"] for row in house.run("vault", "register").rows]
    assert asked["matter"] in register
    assert house.run("ledger", "fsck").json["flaws"] == []


def test_training_takes_a_sample_of_who_consented(house: House, tmp_path: Path) -> None:
    out = tmp_path / "training.jsonl"
    people = everybody()
    house.consent("training", people[:9])
    assert house.ask("agent", "training", "--sample", 100).flaw == "access.too-few"
    house.consent("training", people[9:11])
    house.consent("support", people[11:])
    assert house.ask("agent", "training", "--subject", PERSON).flaw == "access.named-otherwise"
    assert house.ask("agent", "training", "--sample", 3).flaw == "access.too-few"
    assert house.ask("agent", "training", "--sample", 100).json["max_records"] == 11
    approvals = house.approvals()
    # Consent is asked again at every key, and again when text leaves.
    house.run("access", "consent", people[0], "--purpose", "training", "--withdrawn").json
    done = house.use("agent", out, *approvals).json
    assert (done["conversations"], done["left_out"], done["unreadable"]) == (10, 1, 0)
    rows = lines(out)
    assert {name for row in rows for name in row} == {"id", "turns"}
    assert {name for row in rows for turn in row["turns"] for name in turn} == {"role", "text"}
    assert len({row["id"] for row in rows}) == 10
    told = out.read_text()
    with Home.open(house.desk.home, passphrase=PASSPHRASE) as home:
        assert not any(reference in told for facts in home.vault.facts() for reference in (facts.cref, facts.subject))
    assert "Habergast" not in told and "example.org" not in told and "subject-" not in told


def test_analytics_gets_counts_and_no_text(house: House, tmp_path: Path) -> None:
    out = tmp_path / "counts.json"
    house.consent("analytics", everybody())
    house.ask("agent", "analytics", "--sample", 12).json
    done = house.use("agent", out, *house.approvals()).json
    assert (done["form"], done["conversations"]) == ("counts", 12)
    told = json.loads(out.read_text())
    assert (told["conversations"], told["people"], told["user_turns"], told["assistant_turns"]) == (12, 12, 12, 11)
    assert told["by_month"] == {"2024-05": 12} and told["by_tier"] == {"unknown": 12}
    assert told["user_characters"] == sum(len(row["turns"][0]["text"]) for row in small_log())
    assert "heater" not in out.read_text()
    assert not [row for row in house.run("vault", "register").rows if row["name"].startswith("analytics/")]


def test_a_safety_escalation_opens_one_conversation_as_it_is(house: House, tmp_path: Path) -> None:
    out = tmp_path / "one.jsonl"
    two = ("--conversation", TALK, "--conversation", "talk4")
    assert house.ask("officer", "safety_escalation", *two).flaw == "access.named-otherwise"
    assert house.ask("officer", "safety_escalation", "--conversation", TALK, "--hours", 25).flaw == "access.bad-hours"
    assert house.ask("officer", "safety_escalation", "--conversation", TALK).json["form"] == "raw"
    done = house.use("officer", out, *house.approvals())
    assert done.json["conversations"] == 1
    (line,) = lines(out)
    assert SECRET in json.dumps(line["conversation"]) and set(line) == {"conversation"}
    assert SECRET not in done.out + done.err, "what is printed holds no text"


def test_a_person_gets_everything_of_theirs_and_nobody_here_reads_it(house: House, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    to = ("--recipient", str(identity.to_public()))
    assert house.ask("clerk", "data_subject_request", "--subject", PERSON, "--recipient", "age1nobody").flaw == (
        "production.bad-recipient"
    )
    house.ask("clerk", "data_subject_request", "--subject", PERSON, *to).json
    out = tmp_path / "theirs.age"
    assert house.use("clerk", out, *house.approvals()).json["conversations"] == 1
    assert out.read_bytes().startswith(b"age-encryption.org/v1") and SECRET.encode() not in out.read_bytes()
    account, theirs = [json.loads(line) for line in pyrage.decrypt(out.read_bytes(), [identity]).splitlines()]
    assert account["account"]["names"] == ["Wilma Quirm"]
    assert (theirs["conversation"]["id"], theirs["conversation"]["subject"]) == (TALK, PERSON)
    # Without a key of theirs, a file of the clerk's.
    house.ask("clerk", "data_subject_request", "--subject", PERSON).json
    house.use("clerk", tmp_path / "theirs.jsonl", *house.approvals()).json
    assert lines(tmp_path / "theirs.jsonl") == [account, theirs]


def test_a_request_that_is_revoked_opens_nothing(house: House, tmp_path: Path) -> None:
    house.ask("officer", "safety_escalation", "--conversation", TALK).json
    approvals = house.approvals()
    assert house.run("access", "revoke", house.paper, "--reason", "counsel-withdrew").json["entry"]
    assert house.use("officer", tmp_path / "out", *approvals).flaw == "access.revoked-approval"
    refused = [row for row in house.run("access", "list").rows if row["act"] == "access.refused"]
    assert [row["code"] for row in refused] == ["access.revoked-approval"]


def test_who_approves_asks_for_nothing(house: House) -> None:
    key = house.run("access", "account", "list").rows[0]["key"]
    both = ("--role", "privacy", "--role", "service")
    assert house.run("access", "account", "add", "two", "--key", key, *both).flaw == "accounts.role-apart"
    assert house.run("access", "account", "add", "two", "--key", key, "--role", "privacy", "--role", "court").flaw == (
        "accounts.role-apart"
    )
    house.run("access", "account", "add", "two", "--key", key, "--role", "privacy", "--role", "reviewer").json


def test_a_paper_of_one_purpose_is_not_used_for_another(house: House, tmp_path: Path) -> None:
    house.ask("keeper", "class_switch", "--subject", PERSON, "--to", "escrowed").json
    approvals = house.approvals()
    assert house.use("keeper", tmp_path / "out", *approvals).flaw == "access.other-purpose"
    house.ask("clerk", "data_subject_request", "--subject", PERSON).json
    paper = house.paper
    assert house.run("vault", "switch-class", paper, *house.proof("clerk"), *approvals, "--yes").flaw == "access.other-purpose"
    # Whoever edits the paper has another request, which nobody approved.
    edited = json.loads(paper.read_text())
    paper.write_text(json.dumps({**edited, "hours": 1}))
    assert house.use("clerk", tmp_path / "out", *approvals).flaw == "access.other-request"
    paper.write_text(json.dumps({**edited, "form": "counts"}))
    assert house.use("clerk", tmp_path / "out", *approvals).flaw == "access.bad-request"
    assert not (tmp_path / "out").exists()


def test_a_kept_grant_opens_nothing_after_its_use(house: House, tmp_path: Path) -> None:
    """Whoever copied the grant out of the home before it was used up has a paper that the ledger has ended."""
    house.ask("officer", "safety_escalation", "--conversation", TALK).json
    approvals = house.approvals()
    missing = tmp_path / "nowhere" / "out.jsonl"
    assert house.use("officer", missing, *approvals).flaw == "governance.unwritable"
    (kept,) = (house.desk.home / "access").glob("*/grant.json")
    grant = unpack(kept.read_bytes(), Grant)
    # The run that failed goes on under the same grant, without asking anybody again.
    assert house.use("officer", tmp_path / "out.jsonl").json["conversations"] == 1
    with Home.open(house.desk.home, passphrase=PASSPHRASE) as home:
        listed = [bytes.fromhex(ref) for ref in home.vault.listed(grant.listed)]  # type: ignore[arg-type]
        with pytest.raises(Refused) as caught:
            home.vault.broker.release(grant, listed)
    assert caught.value.code == "access.revoked-grant"


def test_a_conversation_that_comes_later_is_in_no_request(house: House, tmp_path: Path) -> None:
    house.ask("clerk", "data_subject_request", "--subject", PERSON).json
    later = log(tmp_path / "later.jsonl", [conversation("later", ("user", "a word more"), subject=PERSON)])
    house.run("ingest", later).json
    assert house.use("clerk", tmp_path / "out.jsonl", *house.approvals()).json["conversations"] == 1
