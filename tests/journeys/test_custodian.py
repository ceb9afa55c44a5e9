"""The custodian's journey, typed as commands: what is promised about holds, shreds, backups and loss is what happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import PASSPHRASE, Terminal, acts, running
from parties import Matter, log, small_log

from incamera.clerk.connected import connect
from incamera.clerk.home import Home
from incamera.core.errors import Unavailable

VICTIM = "subject-talk3"
CANARY = "Habergast3"


@pytest.fixture
def filled(desk: Terminal, matter: Matter) -> Terminal:
    """A home with the small log in it, outside of any matter."""
    assert desk.run("ingest", matter.conversations).json["conversations"] == {"plain": len(small_log())}
    return desk


def bytes_of(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_hold_shred_release_compact_roll(filled: Terminal, matter: Matter, tmp_path: Path) -> None:
    desk = filled
    matter.more = '[hold]\nscope = "all"\n'
    matter.write_order()
    # A hold over everything; a shred under it is not carried out, it waits.
    held = desk.run("hold", "place", matter.order).json
    assert held["conversations"] == 12
    (hold,) = desk.run("hold", "list").rows
    assert hold["id"] == held["hold"] and hold["released_at"] is None
    shred = ("vault", "shred", "--subject", VICTIM, "--reason", "data-subject-request")
    would = desk.run(*shred).json
    assert (would["carried_out"], would["outcome"], would["conversations"]) == (False, "pending", 1)
    assert "shred.requested" not in acts(desk), "a dry run leaves no trace"
    done = desk.run(*shred, "--yes").json
    assert (done["outcome"], done["holds"]) == ("pending", [hold["id"]])
    stats = desk.run("vault", "stats").json
    assert (stats["conversations"], stats["pending_shred"], stats["shredded"]) == (11, 1, 0)
    # What waits is invisible to every purpose but the hold's; compaction touches nothing of it.
    assert desk.run("vault", "compact", "--yes").json["purged"] == 0
    # The release needs a document, and runs the queue.
    (tmp_path / "letter.txt").write_text("The hold ends.")
    assert desk.run("hold", "release", hold["id"], "--authority", tmp_path / "gone.txt", "--yes").flaw == "governance.unreadable"
    release = ("hold", "release", hold["id"], "--authority", tmp_path / "letter.txt")
    assert desk.run(*release).json["waiting_shreds"] == 1
    assert desk.run("vault", "stats").json["pending_shred"] == 1
    assert desk.run(*release, "--yes").json["shredded"] == 1
    assert desk.run(*release, "--yes").flaw == "vault.hold-released"
    assert desk.run("hold", "release", "no-such-hold", "--authority", tmp_path / "letter.txt", "--yes").flaw == "vault.no-hold"
    # The dead rows are purged, on request; the reference lies in no data file any more.
    backup = tmp_path / "backup"
    shutil.copytree(desk.home, backup)
    assert desk.run("vault", "compact").json == {"carried_out": False, "files": 1, "purged": 1}
    assert desk.run("vault", "compact", "--yes").json["purged"] == 1
    assert desk.run("vault", "compact", "--yes").json["purged"] == 0
    assert desk.run("vault", "check").json["rows"] == 11
    for needle in (CANARY, VICTIM, PASSPHRASE):
        assert needle.encode() not in bytes_of(desk.home)
    assert desk.run(*shred).flaw == "erasure.unknown", "nothing of them is here, not even the name"
    # The roll: what lives goes on, and the backup from before opens nothing, its signing keys included.
    assert desk.run("vault", "roll", "--grace-days", 0).json == {"carried_out": False, "destroyed": [1], "rewrapped": 11}
    assert desk.run("vault", "roll", "--grace-days", 0, "--yes").json["destroyed"] == [1]
    shutil.copyfile(desk.home / "secrets" / "kms.json", backup / "secrets" / "kms.json")  # a real KMS is in no backup
    assert desk.run("vault", "stats", home=backup).flaw == "vault.epoch-destroyed"
    assert desk.run("ledger", "checkpoint", home=backup).flaw == "vault.epoch-destroyed"
    assert desk.run("vault", "stats").json["conversations"] == 11
    assert desk.run("vault", "check").json["damaged"] == 0
    epochs = desk.run("vault", "epochs").rows
    assert [(epoch["number"], bool(epoch["destroyed_at"]), epoch["subjects"]) for epoch in epochs] == [
        (1, True, 0),
        (2, False, 11),
    ]
    # Everything that was done stands there, in order.
    told = [act for act in acts(desk) if act.split(".")[0] in ("hold", "shred", "subject", "vault", "epoch")]
    assert told == [
        "hold.placed",
        "shred.requested",
        "shred.pending",
        "vault.compacted",
        "hold.released",
        "subject.shredded",
        "vault.compacted",
        "vault.compacted",
        "epoch.rolled",
        "epoch.rolled",
    ]
    assert desk.run("ledger", "fsck").json["flaws"] == []


def test_a_rotation_destroys_nothing_and_rewrites_nothing(filled: Terminal) -> None:
    desk = filled
    before = {path.name: path.read_bytes() for path in (desk.home / "vault").glob("*.parquet")}
    assert desk.run("vault", "rotate").json == {"destroyed": [], "epoch": 2, "rewrapped": 12}
    assert {path.name: path.read_bytes() for path in (desk.home / "vault").glob("*.parquet")} == before
    assert [epoch["destroyed_at"] for epoch in desk.run("vault", "epochs").rows] == [None, None]
    assert desk.run("vault", "roll", "--grace-days", 1).json["destroyed"] == []


@pytest.mark.parametrize(
    ("arguments", "flaw"),
    [
        (("--reason", "x"), "erasure.one-target"),
        (("--reason", "x", "--subject", "a", "--conversation", "b"), "erasure.one-target"),
        (("--reason", "Please forget me", "--subject", VICTIM), "erasure.bad-reason"),
        (("--reason", "x", "--conversation", "nobody-has-this"), "erasure.unknown"),
    ],
)
def test_a_shred_that_is_not_meant_is_not_done(filled: Terminal, arguments: tuple[str, ...], flaw: str) -> None:
    said = filled.run("vault", "shred", *arguments, "--yes")
    assert said.flaw == flaw
    assert "nobody-has-this" not in said.err and VICTIM not in said.err
    assert filled.run("vault", "stats").json["shredded"] == 0


def test_one_conversation_is_shredded_on_a_letter(filled: Terminal, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Please delete it.")
    done = filled.run(
        "vault", "shred", "--conversation", "talk4", "--reason", "request", "--letter", tmp_path / "letter.txt", "--yes"
    ).json
    assert (done["outcome"], done["conversations"]) == ("shredded", 1)
    fields = next(row["fields"] for row in filled.run("ledger", "show").rows if row["act"] == "conversation.shredded")
    assert fields["conversation"] == done["reference"] and len(fields["request"]) == 64


def test_policy_can_refuse_what_no_hold_postpones(filled: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    from incamera.clerk import erasure

    monkeypatch.setattr(erasure, "ROLE", "examiner")
    assert filled.run("vault", "shred", "--subject", VICTIM, "--reason", "x", "--yes").flaw == "erasure.denied-by-policy"
    assert "shred.refused" in acts(filled)
    assert filled.run("vault", "stats").json["shredded"] == 0


def test_nothing_is_compacted_under_a_run(filled: Terminal, matter: Matter) -> None:
    from incamera.clerk.desk import Desk
    from incamera.governance import order as orders

    filled.run("vault", "shred", "--subject", VICTIM, "--reason", "x", "--yes").json
    with (
        Home.open(filled.home, passphrase=PASSPHRASE) as home,
        Desk(home=home, order=orders.load(matter.order)).running("answer"),
    ):
        assert filled.run("vault", "compact", "--yes").flaw == "custody.run-in-progress"
    assert filled.run("vault", "compact", "--yes").json["purged"] == 1


# --- the drill ------------------------------------------------------------------------------------------------------


def test_the_drill_keys_and_kms_are_lost_and_two_trustees_bring_the_held_back(
    filled: Terminal, matter: Matter, tmp_path: Path
) -> None:
    desk = filled
    public = {}
    for name in ("court", "holder", "neutral"):
        public[name] = desk.run("trustee", "keygen", tmp_path / f"{name}.pem").json["public"]
    named = [word for name, key in public.items() for word in (f"--{name}", key)]
    desk.run("trustee", "name", *named).json
    matter.more = '[hold]\nscope = "listed"\naccounts = ["subject-talk5", "subject-talk6", "subject-repro"]\n'
    matter.write_order()
    hold = desk.run("hold", "place", matter.order).json
    assert hold["conversations"] == 3
    desk.run("vault", "shred", "--subject", VICTIM, "--reason", "x", "--yes")
    last = desk.run("ledger", "checkpoint").json
    # The loss: keys.db and the key file are gone; the disk with the sealed files is not.
    for path in (*desk.home.glob("keys.db*"), desk.home / "secrets" / "kms.json"):
        path.unlink()
    assert desk.run("vault", "stats").code == 7
    keys = ("--key", f"court={tmp_path / 'court.pem'}", "--key", f"neutral={tmp_path / 'neutral.pem'}")
    same = ("vault", "recover", "--origin", "holder.example/ledger", *keys)
    assert desk.run(*same).flaw == "recovery.same-origin"
    recover = ("vault", "recover", "--origin", "holder.example/ledger-2")
    assert desk.run(*recover, *keys[:2]).flaw == "vault.recovery-pair"
    assert desk.run(*recover, "--key", f"judge={tmp_path / 'court.pem'}", *keys).flaw == "recovery.unknown-trustee"
    assert desk.run(*recover, *keys[:2], "--key", f"neutral={tmp_path / 'holder.pem'}").flaw == "vault.recovery-share"
    assert not (desk.home / "secrets" / "kms.json").exists(), "a failed attempt leaves the place as it was"
    done = desk.run(*recover, *keys).json
    assert (done["recovered"], done["holds"]) == (hold["conversations"], [hold["hold"]])
    assert done["lost"] == 8, "neither held nor shredded"
    first = desk.run("ledger", "show").rows
    told = next(row["fields"] for row in first if row["act"] == "vault.recovered")
    assert told["trustees"] == ["court", "neutral"] and "previous" in told
    assert (desk.home / "ledger.lost" / "checkpoint").read_text().splitlines()[:3] == last["note"].splitlines()[:3]
    assert desk.run("vault", "check").json["damaged"] == 0
    assert desk.run(*recover, *keys).flaw == "recovery.not-lost"
    # And they are readable: an officer reads one, with everything that takes.
    text = read_in_an_emergency(desk, tmp_path, "--conversation", "talk5")
    assert "Habergast5" in text


@pytest.mark.parametrize("spoil", ["exposed", "not-a-key", "signing-key"])
def test_a_trustees_key_file_that_is_none(filled: Terminal, tmp_path: Path, spoil: str) -> None:
    key = tmp_path / "key.pem"
    if spoil == "signing-key":
        filled.run("access", "keygen", key, "--role", "neutral", "--name", "N")
    else:
        key.write_text("nothing")
        key.chmod(0o644 if spoil == "exposed" else 0o600)
    (filled.home / "secrets" / "kms.json").unlink()
    said = filled.run("vault", "recover", "--origin", "x.example/l", "--key", f"court={key}", "--key", f"holder={key}")
    assert said.flaw == ("governance.exposed-key" if spoil == "exposed" else "recovery.bad-key")


# --- the officer ------------------------------------------------------------------------------------------------------


def pager(tmp_path: Path) -> Path:
    program = tmp_path / "page"
    program.write_text(f'#!/bin/sh\n[ "$1" = nobody ] && exit 1\n{{ printf "%s: " "$1"; cat; echo; }} >> {tmp_path}/paged\n')
    program.chmod(0o755)
    return program


def account(desk: Terminal, tmp_path: Path, name: str, *roles: str) -> Path:
    key = tmp_path / f"{name}.pem"
    made = desk.run("access", "keygen", key, "--role", "privacy", "--name", name).json
    wanted = [word for role in roles for word in ("--role", role)]
    desk.run("access", "account", "add", name, "--key", made["key"], *wanted).json
    return key


def glass(
    tmp_path: Path, name: str, key: Path, *target: str, people: tuple[str, ...] = ("head-of-safety", "privacy")
) -> list[Any]:
    paged = [word for person in people for word in ("--page", person)]
    return [
        "access", "break-glass", "--account", name, "--key", key, "--reason", "imminent-harm", *paged,
        "--pager", pager(tmp_path), "--out", tmp_path / "opened.jsonl", *target,
    ]  # fmt: skip


def read_in_an_emergency(desk: Terminal, tmp_path: Path, *target: str) -> str:
    key = account(desk, tmp_path, "officer-9", "safety")
    desk.run(*glass(tmp_path, "officer-9", key, *target)).json
    return (tmp_path / "opened.jsonl").read_text()


def test_an_officer_breaks_the_glass_and_somebody_else_reviews(filled: Terminal, tmp_path: Path) -> None:
    desk = filled
    officer, judge = account(desk, tmp_path, "officer-1", "safety"), account(desk, tmp_path, "judge-1", "reviewer")
    assert (
        desk.run(*glass(tmp_path, "officer-1", officer, "--subject", VICTIM, people=("one", "nobody"))).flaw == "access.page-two"
    )
    assert not (tmp_path / "opened.jsonl").exists()
    done = desk.run(*glass(tmp_path, "officer-1", officer, "--subject", VICTIM)).json
    assert done["conversations"] == 1 and done["review_within_hours"] == 72
    opened = tmp_path / "opened.jsonl"
    (copy,) = desk.run("vault", "register").rows
    assert (copy["kind"], copy["reach"]) == ("raw export", "not-reachable")
    assert CANARY in opened.read_text() and opened.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "paged").read_text().count("imminent-harm") >= 2
    assert desk.run(*glass(tmp_path, "officer-1", officer, "--subject", VICTIM)).flaw == "access.file-exists"
    told = desk.run("ledger", "show").rows
    assert [row["act"] for row in told if row["index"] >= done["entry"]] == [
        "access.break_glass", "key.released", "key.released", "export.made"
    ]  # fmt: skip
    assert CANARY not in str(told) and VICTIM not in str(told)
    # Whoever broke it does not review it; whoever is no reviewer neither; then it is closed.
    (waiting,) = desk.run("access", "reviews").rows
    assert (waiting["entry"], waiting["overdue"]) == (done["entry"], False)
    entry = done["entry"]
    assert (
        desk.run("access", "review", entry, "justified", "--account", "officer-1", "--key", officer).flaw
        == "access.not-a-reviewer"
    )
    assert desk.run("access", "review", entry, "perhaps", "--account", "judge-1", "--key", judge).code == 2
    by_judge = ("--account", "judge-1", "--key", judge)
    both = account(desk, tmp_path, "both-1", "safety", "reviewer")
    opened.unlink()
    own = desk.run(*glass(tmp_path, "both-1", both, "--conversation", "talk1")).json["entry"]
    assert desk.run("access", "review", own, "justified", "--account", "both-1", "--key", both).flaw == "access.own-review"
    desk.run("access", "review", own, "unjustified", *by_judge).json
    desk.run("access", "review", entry, "justified", *by_judge).json
    assert desk.run("access", "reviews").rows == []
    assert (
        desk.run("access", "review", entry, "justified", "--account", "judge-1", "--key", judge).flaw
        == "access.nothing-to-review"
    )


def test_the_glass_opens_what_was_named_and_nobody_else_breaks_it(
    filled: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from incamera.clerk import emergency

    desk = filled
    officer, judge = account(desk, tmp_path, "officer-1", "safety"), account(desk, tmp_path, "judge-1", "reviewer")
    assert desk.run(*glass(tmp_path, "officer-1", officer)).flaw == "access.nothing-named"
    assert desk.run(*glass(tmp_path, "officer-1", officer, "--conversation", "unheard-of")).flaw == "access.nothing-named"
    assert desk.run(*glass(tmp_path, "officer-1", judge, "--conversation", "talk1")).flaw == "service.bad-signature"
    assert desk.run(*glass(tmp_path, "judge-1", judge, "--conversation", "talk1")).flaw == "access.denied-by-policy"
    assert desk.run(*glass(tmp_path, "stranger", judge, "--conversation", "talk1")).flaw == "service.unknown"
    monkeypatch.setattr(emergency, "RECORDS_MAX", 0)
    assert desk.run(*glass(tmp_path, "officer-1", officer, "--conversation", "talk1")).flaw == "access.too-many"
    with pytest.raises(Unavailable, match=r"access\.page-failed"):
        emergency.Program(tmp_path / "no-such-program").page("x", "notice")


def test_a_role_written_into_the_file_by_hand_is_none(filled: Terminal, tmp_path: Path) -> None:
    """compromised-app-server: it can edit files of the home; the ledger it cannot make say otherwise."""
    desk = filled
    judge = account(desk, tmp_path, "judge-1", "reviewer")
    file = desk.home / "accounts.toml"
    file.write_text(file.read_text().replace('["reviewer"]', '["reviewer", "safety"]'))
    assert desk.run(*glass(tmp_path, "judge-1", judge, "--conversation", "talk1")).flaw == "accounts.not-recorded"
    (row,) = desk.run("access", "account", "list").rows
    assert row["recorded"] is False
    file.write_text("version = 7")
    assert desk.run("access", "account", "list").flaw == "accounts.damaged"
    file.unlink()
    assert desk.run("access", "account", "remove", "judge-1").flaw == "accounts.unknown"
    key = desk.run("access", "keygen", tmp_path / "k.pem", "--role", "privacy", "--name", "k").json["key"]
    assert desk.run("access", "account", "add", "No Name", "--key", key, "--role", "safety").flaw == "accounts.bad-name"
    assert desk.run("access", "account", "add", "a", "--key", key, "--role", "king").flaw == "accounts.unknown-role"
    desk.run("access", "account", "add", "a", "--key", key, "--role", "safety").json
    assert desk.run("access", "account", "remove", "a").json["removed"]
    assert desk.run("access", "account", "list").rows == []


# --- the broker as a process of its own ---------------------------------------------------------------------------------


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short path: a socket's address has at most 107 bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="door-") as place:
        Path(place).chmod(0o755)
        yield Path(place) / "broker"


def test_an_answer_gets_its_keys_from_a_broker_of_its_own_process(terminal: Terminal, matter: Matter, door: Path) -> None:
    desk = terminal
    desk.run("init", "holder.example/ledger", "--kms", "local", "--broker", door).json
    serve = ["broker", "serve", "--home", desk.home, "--account", os.geteuid()]
    with running(serve) as (process, ready):
        assert ready["socket"] == str(door)
        with connect(desk.home) as home:
            assert home.vault.address == str(door)
            done = matter.finish(home)
            assert done["verdict"].startswith("verified")
            assert home.vault._server is None, "no door was opened in this process"
        copies = {row["kind"]: row["reach"] for row in desk.run("vault", "register").rows}
        assert copies["working set"] == "dies-with-key"
        assert copies["row map"] == copies["word list"] == "ages-out"
        assert copies["production"] == "not-reachable"
        # A second one at the same address is refused while this one listens.
        refused = subprocess.run(
            [sys.executable, "-c", "from incamera.doors.cli import main; main()", *map(str, serve)],
            capture_output=True,
            text=True,
        )
        assert (refused.returncode, "broker.keys-open" in refused.stderr) == (4, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not door.exists()


def test_a_killed_brokers_socket_is_taken_over_and_without_it_nothing_opens(
    terminal: Terminal, matter: Matter, door: Path
) -> None:
    desk = terminal
    desk.run("init", "holder.example/ledger", "--kms", "local", "--broker", door).json
    serve = ["broker", "serve", "--home", desk.home, "--account", os.geteuid()]
    with running(serve) as (process, _):
        process.kill()
        process.wait(timeout=30)
    assert door.exists(), "killed: the socket stays"
    with pytest.raises(Unavailable, match=r"vault\.broker-gone"):
        connect(desk.home)
    with running(serve) as (process, _), connect(desk.home) as home:
        assert matter.finish(home)["verdict"].startswith("verified")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_another_account_is_not_heard_even_where_the_socket_lets_it_in(filled: Terminal, door: Path) -> None:
    serve = ["broker", "serve", "--home", filled.home, "--socket", door, "--account", "0"]
    knock = (
        "import socket, sys\n"
        f"s = socket.socket(socket.AF_UNIX); s.connect({str(door)!r})\n"
        "try: s.sendall(bytes(4)); sys.exit(len(s.recv(9)))\n"
        "except OSError: sys.exit(0)"
    )
    with running(serve):
        door.chmod(0o666)
        heard = subprocess.run([sys.executable, "-S", "-c", knock], capture_output=True)
        assert heard.returncode > 0, "the named account gets an answer, if only a refusal"
        stranger = subprocess.run(["/usr/bin/env", "python3", "-S", "-c", knock], capture_output=True, user=65534, cwd="/")
        if b"Permission" in stranger.stderr or b"No such file" in stranger.stderr:
            pytest.skip("no interpreter that another account may start")
        assert stranger.returncode == 0, stranger.stderr


@pytest.mark.parametrize(
    ("arguments", "flaw"),
    [
        (("--account", "0"), "broker.no-socket"),
        (("--account", "no-such-account-here", "--socket", "x"), "broker.unknown-account"),
        (("--account", "0", "--socket", "{home}/home.toml"), "vault.not-a-socket"),
        (("--account", "0", "--socket", "{home}/none/broker"), "vault.no-socket-directory"),
    ],
)
def test_a_broker_that_cannot_be(filled: Terminal, arguments: tuple[str, ...], flaw: str) -> None:
    words = [word.format(home=filled.home) for word in arguments]
    command = [sys.executable, "-c", "from incamera.doors.cli import main; main()", "broker", "serve", "--home", str(filled.home)]
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    assert done.returncode in (3, 4, 7) and f"[{flaw}]" in done.stderr


def test_a_broker_that_hears_nobody_is_not_started(filled: Terminal) -> None:
    from incamera.clerk import serve
    from incamera.core.errors import Malformed

    with Home.open(filled.home, passphrase=PASSPHRASE) as home, pytest.raises(Malformed, match=r"broker\.no-accounts"):
        serve.broker(home, Path("x"), [], ready=print)


def test_a_brokers_memory_is_not_dumped() -> None:
    script = (
        "from incamera.clerk.serve import harden; harden(); import resource, pathlib;"
        "print(resource.getrlimit(resource.RLIMIT_CORE), pathlib.Path('/proc/self/coredump_filter').stat().st_uid)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.stdout.startswith("(0, 0)"), said.stderr


def test_the_log_is_exported_for_whoever_asks(filled: Terminal, matter: Matter, tmp_path: Path) -> None:
    log(tmp_path / "unused", [])
    matter.more = '[hold]\nscope = "all"\n'
    matter.write_order()
    name = filled.run("hold", "place", matter.order).json["matter"]
    done = filled.run("ledger", "export", name, "--out", tmp_path / "bundle").json
    assert (tmp_path / "bundle" / "entries.jsonl").exists() and done["size"] > 0
    assert filled.run("ledger", "export", name, "--out", tmp_path / "bundle").flaw == "ledger.export-exists"
    assert filled.run("vault", "register").rows == []
