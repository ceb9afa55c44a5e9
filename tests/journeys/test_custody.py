"""Classes of custody from a terminal: a person holds their own keys, trustees unseal for one matter, a class is switched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import PASSPHRASE, Terminal, acts
from delivered import figures, table
from house import House
from parties import Matter, conversation, log, small_log

from incamera.clerk.clock import SystemClock
from incamera.clerk.home import Home
from incamera.vault import held

ESCROWED = "subject-talk3"
OWNER = "subject-own"
SECRET = "Ottilie Quastenberg"


@pytest.fixture
def trustees(desk: Terminal, tmp_path: Path) -> dict[str, Path]:
    """The key files of three trustees, whom the home knows."""
    keys = {name: tmp_path / f"{name}.trustee" for name in ("court", "holder", "neutral")}
    public = {name: desk.run("trustee", "keygen", path).json["public"] for name, path in keys.items()}
    desk.run("trustee", "name", *(word for name, key in public.items() for word in (f"--{name}", key))).json
    return keys


@pytest.fixture
def escrowed(matter: Matter) -> Matter:
    matter.accounts = log(matter.path / "accounts.jsonl", [{"subject": ESCROWED, "custody": "escrowed"}])
    return matter


def answer(desk: Terminal, matter: Matter, *more: object) -> Any:
    given: list[object] = ["--conversations", matter.conversations, "--works", matter.works, "--out", matter.out]
    if matter.accounts is not None:
        given += ["--accounts", matter.accounts]
    return desk.run("answer", matter.order, *given, "--kms", "local", "--processes", 1, *more)


def drawn(desk: Terminal, matter: Matter) -> list[object]:
    """Take the matter as far as its draw; returns the options that give its approvals."""
    assert answer(desk, matter).flaw == "sample.awaiting-reveal"
    with Home.open(desk.home, passphrase=PASSPHRASE) as home:
        root = matter.frame_root(home)
        approvals = [matter.approve(role, home) for role in ("counsel", "privacy")]
    reveals = [word for party in matter.parties for word in ("--reveal", matter.reveal(root, party))]
    assert answer(desk, matter, *reveals).flaw == "access.awaiting-approval"
    return [word for path in approvals for word in ("--approval", path)]


def test_a_person_seals_and_an_order_gets_ciphertext_and_a_statement(desk: Terminal, matter: Matter, tmp_path: Path) -> None:
    own = log(tmp_path / "own.jsonl", [conversation("own", ("user", f"a letter to {SECRET}"), ("assistant", "Dear Madam, ..."))])
    key, upload = tmp_path / "mine.key", tmp_path / "upload.jsonl"
    desk.run("client", "keygen", key).json
    desk.run("client", "seal", key, own, "-o", upload, "--subject", OWNER).json
    assert desk.run("vault", "put-held", upload).json["stored"] == 1
    assert desk.run("vault", "put-held", upload).json["already"] == 1, "the same upload again changes nothing"
    assert desk.run("vault", "put-held", tmp_path / "none.jsonl").flaw == "governance.unreadable"
    # Nothing can be answered before there is a draw.
    out, statement = tmp_path / "envelopes.jsonl", tmp_path / "statement.json"
    respond = ("vault", "answer-held", matter.order, "-o", out, "--statement", statement)
    assert desk.run(*respond).flaw == "sample.no-draw"
    approvals = drawn(desk, matter)
    done = answer(desk, matter, *approvals).json
    assert done["verdict"].startswith("verified")
    assert (done["drawn"], done["examined"], done["withheld"]) == (13, 12, 1)
    said = figures(matter.out)
    assert [said[f"{scope}.custody.user"] for scope in ("frame", "draw")] == [1, 1]
    assert [said[f"{scope}.custody.operator"] for scope in ("frame", "draw")] == [12, 12]
    assert (said["withheld.CLIENT-ENCRYPTED"], "exceptions.escrow-sealed" in said) == (1, False)
    (line,) = table(matter.out, "LOGS/withheld")
    assert (line["reason"], line["basis"], line["message"]) == ("CLIENT-ENCRYPTED", "custody:user", "")
    # Ciphertext and a statement, shown first.
    before = acts(desk)
    would = desk.run(*respond).json
    assert (would["carried_out"], would["conversations"]) == (False, 1)
    assert not out.exists() and acts(desk) == before
    told = desk.run(*respond, "--yes").json
    assert acts(desk)[len(before) :] == ["export.made"]
    envelopes = [one for one, _ in held.read_lines(out.read_bytes().splitlines())]
    stated = held.check_statement(statement.read_bytes(), envelopes, key=told["key"])
    assert (stated["conversations"], stated["keys_held"]) == (1, 0)
    assert SECRET.encode() not in out.read_bytes() + statement.read_bytes() + upload.read_bytes()
    assert desk.run(*respond, "--yes").flaw == "governance.exists"
    # Only the person opens it, and an answer is no upload.
    assert desk.run("client", "open", key, out, "-o", tmp_path / "mine.jsonl").json["opened"] == 1
    assert SECRET in (tmp_path / "mine.jsonl").read_text()
    assert desk.run("vault", "put-held", out).flaw == "custody.no-facts"
    assert desk.run("ledger", "fsck").json["flaws"] == []


def unsealed(desk: Terminal, trustees: dict[str, Path], request: Path, tmp_path: Path) -> Path:
    """What two trustees make of a request, on their machines: the answer for the holder."""
    share, reply = tmp_path / "their-share.json", tmp_path / "their-reply.json"
    keys = [word for row in desk.run("ledger", "keys").rows for word in ("--log", row["key"])]
    peel = ("--key", trustees["neutral"], "--as", "neutral", "--with", "court", *keys, "-o", share, "--yes")
    desk.run("trustee", "peel", request, *peel).json
    desk.run("trustee", "unseal", request, share, "--key", trustees["court"], "--as", "court", *keys, "-o", reply, "--yes").json
    return reply


def test_an_answer_waits_for_the_trustees_and_goes_on_with_them(
    desk: Terminal, trustees: dict[str, Path], escrowed: Matter, tmp_path: Path
) -> None:
    approvals = drawn(desk, escrowed)
    waiting = answer(desk, escrowed, *approvals)
    assert (waiting.code, waiting.flaw) == (8, "access.awaiting-trustees")
    request = escrowed.out / "unsealing" / "request.json"
    for part in ("1 escrowed", "two of court, holder and neutral", str(request), "vault unseal admit", "vault unseal end"):
        assert part in waiting.err
    before = request.read_bytes()
    # Run again it waits for the same answer: nobody is asked twice, and a request that was mislaid is handed over anew.
    request.unlink()
    assert answer(desk, escrowed).flaw == "access.awaiting-trustees"
    assert request.read_bytes() == before and acts(desk).count("unsealing.asked") == 1
    assert (request.stat().st_mode & 0o777, "key.released" in acts(desk)) == (0o600, False)
    reply = unsealed(desk, trustees, request, tmp_path)
    assert desk.run("vault", "unseal", "admit", escrowed.order, reply).json["unsealed"] == 1
    done = answer(desk, escrowed).json
    assert done["verdict"].startswith("verified") and (done["examined"], done["drawn"]) == (12, 12)
    assert "exceptions.escrow-sealed" not in figures(escrowed.out)
    order = [acts(desk).index(act) for act in ("access.granted", "unsealing.asked", "key.unsealed", "key.released")]
    assert order == sorted(order), "nothing was opened before the trustees had answered"


def test_without_the_trustees_an_escrowed_conversation_is_an_exception(
    desk: Terminal, trustees: dict[str, Path], escrowed: Matter, tmp_path: Path
) -> None:
    approvals = drawn(desk, escrowed)
    assert answer(desk, escrowed, *approvals).flaw == "access.awaiting-trustees"
    assert desk.run("vault", "unseal", "end", escrowed.order, "--yes").json["forgotten"] == 0
    assert answer(desk, escrowed).json["verdict"].startswith("verified")
    said = figures(escrowed.out)
    assert (said["frame.custody.escrowed"], said["draw.custody.escrowed"], said["exceptions.escrow-sealed"]) == (1, 1, 1)
    (line,) = table(escrowed.out, "LOGS/exceptions")
    assert (line["stage"], line["code"]) == ("examine", "vault.escrow-sealed")
    nothing = ("vault", "answer-held", escrowed.order, "-o", tmp_path / "x", "--statement", tmp_path / "y")
    assert desk.run(*nothing).flaw == "custody.nothing-held"


def test_the_wait_for_trustees_is_boxed(
    desk: Terminal, trustees: dict[str, Path], escrowed: Matter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time a request opens nothing any more, and the walk goes on without what stayed sealed."""
    approvals = drawn(desk, escrowed)
    assert answer(desk, escrowed, *approvals).flaw == "access.awaiting-trustees"
    reply = unsealed(desk, trustees, escrowed.out / "unsealing" / "request.json", tmp_path)
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + timedelta(hours=71, minutes=58))
    assert answer(desk, escrowed).flaw == "access.awaiting-trustees"
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + timedelta(hours=72, minutes=1))
    assert desk.run("vault", "unseal", "admit", escrowed.order, reply).flaw == "vault.unseal-unknown"
    assert answer(desk, escrowed).json["verdict"].startswith("verified")
    assert figures(escrowed.out)["exceptions.escrow-sealed"] == 1


def test_two_trustees_unseal_for_one_matter(desk: Terminal, trustees: dict[str, Path], escrowed: Matter, tmp_path: Path) -> None:
    request, share, reply = (tmp_path / f"{name}.json" for name in ("request", "share", "reply"))
    ask = ("vault", "unseal", "request", escrowed.order, "-o", request)
    assert desk.run(*ask).flaw == "sample.no-draw"
    approvals = drawn(desk, escrowed)
    assert desk.run("vault", "unseal", "admit", escrowed.order, reply).flaw == "custody.no-grant"
    assert desk.run(*ask).flaw == "access.awaiting-approval"
    asked = desk.run(*ask, *approvals).json
    assert asked["conversations"] == 1
    # Who asked before `answer` did is waited for just the same.
    assert answer(desk, escrowed, *approvals).flaw == "access.awaiting-trustees"
    # Each trustee checks against the ledger's keys, sees what is asked, and decides.
    keys = [word for row in desk.run("ledger", "keys").rows for word in ("--log", row["key"])]
    first = ("trustee", "peel", request, "--key", trustees["neutral"], "--as", "neutral", "--with", "court", *keys, "-o", share)
    shown = desk.run(*first).json
    assert (shown["carried_out"], shown["conversations"], shown["matter"]) == (False, 1, asked["matter"])
    assert not share.exists()
    wrong = [*first[:4], trustees["holder"], *first[5:]]
    assert desk.run(*wrong, "--yes").flaw == "vault.recovery-share"
    assert desk.run(*first[:9], "--log", "no-key", "-o", share, "--yes").flaw == "custody.bad-key"
    desk.run(*first, "--yes").json
    second = ("trustee", "unseal", request, share, "--key", trustees["court"], "--as", "court", *keys, "-o", reply)
    assert desk.run(*second).json["carried_out"] is False
    assert desk.run(*second, "--yes").json["request"] == asked["request"]
    assert desk.run("vault", "unseal", "admit", escrowed.order, reply).json["unsealed"] == 1
    # The walk goes on under the same grant, and opens all.
    done = answer(desk, escrowed, *approvals).json
    assert done["verdict"].startswith("verified")
    assert (done["examined"], done["drawn"]) == (12, 12)
    said = figures(escrowed.out)
    assert (said["draw.custody.escrowed"], "exceptions.escrow-sealed" in said) == (1, False)
    # It ends before its time, on request; the same answer then opens nothing.
    finish = ("vault", "unseal", "end", escrowed.order)
    assert desk.run(*finish).json["carried_out"] is False
    assert desk.run(*finish, "--yes").json["forgotten"] == 1
    assert desk.run("vault", "unseal", "admit", escrowed.order, reply).flaw == "vault.unseal-unknown"
    told = [act for act in acts(desk) if act in ("access.granted", "unsealing.asked", "key.unsealed", "unsealing.ended")]
    assert told == ["access.granted", "unsealing.asked", "key.unsealed", "unsealing.ended"]
    assert desk.run("ledger", "fsck").json["flaws"] == []


def test_a_person_rotates_and_the_holder_exchanges_the_sealed_keys(desk: Terminal, matter: Matter, tmp_path: Path) -> None:
    own = log(tmp_path / "own.jsonl", [conversation("own", ("user", f"a letter to {SECRET}"))])
    key, upload, rotated, back = (tmp_path / name for name in ("mine.key", "upload.jsonl", "rotated.jsonl", "back.jsonl"))
    desk.run("client", "keygen", key).json
    desk.run("client", "seal", key, own, "-o", upload, "--subject", OWNER).json
    desk.run("vault", "put-held", upload).json
    desk.run("client", "rotate", key, upload, "-o", rotated).json
    reseal = ("vault", "reseal-held", rotated)
    would = desk.run(*reseal).json
    assert (would["carried_out"], would["exchanged"]) == (False, 1) and "held.resealed" not in acts(desk)
    assert desk.run(*reseal, "--yes").json["conversations"] == 1
    assert desk.run(*reseal).json["exchanged"] == 0, "what came in is what is there"
    with Home.open(desk.home, passphrase=PASSPHRASE) as home:
        (ref,) = [facts.cref for facts in home.vault.facts()]
        back.write_bytes(b"".join(held.write_line(one) for one in home.vault.held_envelopes([ref])))
    assert back.read_bytes().splitlines() == [
        held.write_line(one).strip() for one, _ in held.read_lines(rotated.read_bytes().splitlines())
    ]
    assert desk.run("client", "open", key, back, "-o", tmp_path / "mine.jsonl").json["opened"] == 1
    # Nothing but a key is exchanged, and nothing under a hold.
    (tmp_path / "none.jsonl").write_bytes(b"")
    assert desk.run("vault", "reseal-held", tmp_path / "none.jsonl").flaw == "custody.nothing-rotated"
    (one, _) = next(held.read_lines(rotated.read_bytes().splitlines()))
    other = replace(one, body=one.body[:-1] + bytes([one.body[-1] ^ 1]))
    (tmp_path / "other.jsonl").write_bytes(held.write_line(other))
    assert desk.run("vault", "reseal-held", tmp_path / "other.jsonl", "--yes").flaw == "vault.envelope-differs"
    matter.more = '[hold]\nscope = "all"\n'
    matter.write_order()
    desk.run("hold", "place", matter.order).json
    assert desk.run(*reseal, "--yes").flaw == "vault.held"
    assert acts(desk).count("held.resealed") == 1


@pytest.fixture
def house(desk: Terminal, tmp_path: Path) -> House:
    return House.furnished(desk, tmp_path, {"keeper": "custodian", "counsel": "counsel", "privacy": "privacy"})


def test_a_class_is_switched_under_a_request_of_its_own_and_not_under_a_hold(
    desk: Terminal, trustees: dict[str, Path], house: House, matter: Matter, tmp_path: Path
) -> None:
    desk.run("ingest", matter.conversations).json

    def switch(*more: object) -> Any:
        return desk.run("vault", "switch-class", house.paper, *house.proof("keeper"), *more)

    assert house.ask("keeper", "class_switch", "--subject", "nobody", "--to", "user").flaw == "access.nothing-named"
    assert house.ask("keeper", "class_switch", "--subject", "subject-talk4").flaw == "access.bad-request"
    assert house.ask("keeper", "class_switch", "--subject", "subject-talk4", "--to", "escrowed").json["form"] == "nothing"
    would = switch().json
    assert (would["carried_out"], would["from"], would["conversations"], would["holds"]) == (False, "operator", 1, [])
    assert switch("--yes").flaw == "access.awaiting-approval" and "class.switched" not in acts(desk)
    approvals = house.approvals()
    assert switch(*approvals, "--yes").json["conversations"] == 1
    assert switch(*approvals, "--yes").flaw == "access.used"
    # Back again it takes trustees, who are asked under this very grant.
    house.ask("keeper", "class_switch", "--subject", "subject-talk4", "--to", "operator").json
    approvals = house.approvals()
    waiting = switch(*approvals, "--yes")
    assert (waiting.code, waiting.flaw) == (8, "access.awaiting-trustees")
    reply = unsealed(desk, trustees, house.paper.with_suffix(".unseal.json"), tmp_path)
    assert desk.run("vault", "unseal", "admit", house.paper, reply).json["unsealed"] == 1
    assert switch("--yes").json["to"] == "operator"
    # Towards the person, whose key it needs.
    public = desk.run("client", "keygen", tmp_path / "mine.key").json["public"]
    other = ("keeper", "class_switch", "--subject", "subject-talk6", "--to", "user")
    assert house.ask(*other, "--recipient", "beef").flaw == "custody.bad-key"
    assert house.ask(*other).flaw == "access.bad-request"
    house.ask(*other, "--recipient", public).json
    assert switch(*house.approvals(), "--yes").json["conversations"] == 1
    assert desk.run("vault", "stats").json["custody"] == {"escrowed": 0, "operator": len(small_log()) - 1, "user": 1}
    # Under a hold the class stays, whatever was approved before.
    house.ask("keeper", "class_switch", "--subject", "subject-talk5", "--to", "escrowed").json
    approvals = house.approvals()
    matter.more = '[hold]\nscope = "all"\n'
    matter.write_order()
    desk.run("hold", "place", matter.order).json
    assert len(switch().json["holds"]) == 1
    assert switch(*approvals, "--yes").flaw == "vault.held"
    assert acts(desk).count("class.switched") == 3
    assert desk.run("ledger", "fsck").json["flaws"] == []


def test_an_escrowed_persons_own_data_waits_for_trustees(
    desk: Terminal, trustees: dict[str, Path], escrowed: Matter, tmp_path: Path
) -> None:
    desk.run("ingest", escrowed.conversations, "--accounts", escrowed.accounts).json
    house = House.furnished(desk, tmp_path, {"clerk": "rights", "counsel": "counsel", "privacy": "privacy"})
    out = tmp_path / "theirs.jsonl"
    house.ask("clerk", "data_subject_request", "--subject", ESCROWED).json
    approvals = house.approvals()
    assert desk.run("vault", "unseal", "request", house.paper, "-o", tmp_path / "early.json").flaw == "custody.no-grant"
    assert house.use("clerk", out, *approvals).flaw == "access.awaiting-trustees"
    assert not out.exists()
    reply = unsealed(desk, trustees, house.paper.with_suffix(".unseal.json"), tmp_path)
    desk.run("vault", "unseal", "admit", house.paper, reply).json
    assert house.use("clerk", out).json["conversations"] == 1
    assert "Habergast3" in out.read_text()
    with Home.open(desk.home, passphrase=PASSPHRASE) as home:
        assert home.vault.keyring.database.one("SELECT count(*) FROM unsealed")[0] == 0, "unsealed for this and no longer"
