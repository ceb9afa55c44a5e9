"""The broker as the only opener of keys.db: the custodian beside it, and an application's account that has a socket and no key.

The accounts are real where the tests run as root: the kernel keeps them apart, not a pretence.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commands import PASSPHRASE, Terminal, acts, running
from parties import Matter, small_log

from incamera.clerk import brokering
from incamera.clerk.connected import connect
from incamera.clerk.home import Home
from incamera.clerk.matter import open_by_hand
from incamera.core.errors import Refused
from incamera.vault.protocol import Level
from incamera.vault.wire import Server

VICTIM = "subject-talk3"
SHRED = ("vault", "shred", "--subject", VICTIM, "--reason", "data-subject-request")


@pytest.fixture
def door() -> Iterator[Path]:
    """A short path: a socket's address has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="door-") as place:
        Path(place).chmod(0o755)
        yield Path(place) / "broker"


@pytest.fixture
def brokered(terminal: Terminal, door: Path) -> Iterator[Terminal]:
    """A terminal at a home with a broker that runs, and no passphrase at the terminal."""
    terminal.run("init", "holder.example/ledger", "--kms", "local", "--broker", door).json
    with running(["broker", "serve", "--home", terminal.home, "--account", os.geteuid()]):
        terminal.patch.delenv("INCAMERA_PASSPHRASE")
        yield terminal
        terminal.patch.setenv("INCAMERA_PASSPHRASE", PASSPHRASE)


def test_the_custodians_journey_over_the_socket(brokered: Terminal, matter: Matter, tmp_path: Path) -> None:
    """Store, hold, shred, release, compact, roll: without a passphrase, by asking."""
    desk = brokered
    matter.more = '[hold]\nscope = "all"\n'
    matter.write_order()
    assert desk.run("ingest", matter.conversations).json["conversations"] == {"plain": len(small_log())}
    assert desk.run("matter", "open", matter.order).json["approvers"] == ["counsel", "privacy"]
    held = desk.run("hold", "place", matter.order).json
    assert held["conversations"] == 12
    done = desk.run(*SHRED, "--yes").json
    assert (done["outcome"], done["holds"]) == ("pending", [held["hold"]])
    stats = desk.run("vault", "stats").json
    assert (stats["conversations"], stats["held"], stats["pending_shred"], stats["kms"]) == (11, 12, 1, "local")
    (tmp_path / "letter.txt").write_text("The hold ends.")
    release = ("hold", "release", held["hold"], "--authority", tmp_path / "letter.txt", "--yes")
    assert desk.run(*release).json["shredded"] == 1
    assert desk.run(*release).flaw == "vault.hold-released"
    assert desk.run("vault", "compact", "--yes").json["purged"] == 1
    assert desk.run("vault", "roll", "--grace-days", 0, "--yes").json["destroyed"] == [1]
    assert desk.run("vault", "check").json == {"rows": 11, "damaged": 0}
    told = [act for act in acts(desk) if act.split(".")[0] in ("matter", "hold", "shred", "subject", "vault", "epoch")]
    assert told == [
        "matter.opened",
        "hold.placed",
        "shred.requested",
        "shred.pending",
        "hold.released",
        "subject.shredded",
        "vault.compacted",
        "epoch.rolled",
        "epoch.rolled",
    ]
    assert desk.run("ledger", "fsck").json["flaws"] == []


def test_a_clerk_answers_an_order_that_the_custodian_opened(terminal: Terminal, matter: Matter, door: Path) -> None:
    """The whole walk, from collection to a verified volume, by acts and operations of a clerk alone."""
    terminal.run("init", "holder.example/ledger", "--kms", "local", "--broker", door).json
    with Home.open(terminal.home, passphrase=PASSPHRASE) as kept:
        server = Server(brokering.operations(kept), address=door, accounts={os.geteuid(): Level.CLERK}).start()
        with connect(terminal.home) as home, pytest.raises(Refused, match=r"broker\.reserved-act"):
            matter.finish(home)
        open_by_hand(kept, matter.order)
        with connect(terminal.home) as home:
            assert matter.finish(home)["verdict"].startswith("verified")
        server.close()
        kept.ledger.refresh()
        told = [past.entry.act for past in kept.ledger.entries()]
        assert told.count("access.granted") == 1 and "key.released" in told
        assert told.index("matter.opened") < told.index("access.granted") < told.index("key.released")


def test_nobody_else_opens_the_keys_while_the_broker_has_them(brokered: Terminal) -> None:
    with pytest.raises(Refused, match=r"broker\.keys-open"):
        Home.open(brokered.home, passphrase=PASSPHRASE)
    brokered.patch.setenv("INCAMERA_PASSPHRASE", PASSPHRASE)
    assert brokered.run("ledger", "fsck", "--repair").flaw == "broker.keys-open"
    command = [sys.executable, "-c", "from incamera.doors.cli import main; main()", "broker", "serve"]
    second = subprocess.run(
        [*command, "--home", str(brokered.home), "--socket", str(brokered.home / "s"), "--account", "0"],
        capture_output=True,
        text=True,
    )
    assert (second.returncode, "[broker.keys-open]" in second.stderr) == (4, True)


def test_a_repair_runs_while_the_broker_is_stopped(terminal: Terminal, door: Path) -> None:
    terminal.run("init", "holder.example/ledger", "--kms", "local", "--broker", door).json
    assert terminal.run("vault", "stats").flaw == "vault.broker-gone"
    assert terminal.run("ledger", "fsck", "--repair").json["flaws"] == []


def test_keys_stay_with_the_broker(brokered: Terminal) -> None:
    with connect(brokered.home) as home:
        for reach in (
            lambda: home.ledger_signers,
            lambda: home.kms.new_epoch(),
            lambda: home.kms.unwrap("1", b"", {}),
            lambda: home.kms.wrap("1", b"", {}),
            lambda: home.kms.destroy("1"),
            lambda: home._keyring().__enter__(),
        ):
            with pytest.raises(Refused, match=r"broker\.keys-stay"):
                reach()


# --- two accounts of the operating system ------------------------------------------------------------------------------

HOLDER, CLERK, WORKER, STRANGER, GROUP, OUTSIDE = 64_001, 64_002, 64_003, 64_004, 64_000, 64_009


@dataclass
class Somebody:
    """One account: runs programs as itself."""

    uid: int
    gid: int
    path: Path
    interpreter: str = sys.executable

    def python(self, script: str, *arguments: object, extra: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = [self.interpreter, "-c", script, *map(str, arguments)]
        return subprocess.run(command, **self.being(extra), capture_output=True, text=True, timeout=500)

    def run(self, *arguments: object) -> dict[str, Any]:
        """`incamera ARGUMENTS --json`: what it printed, or its error under `error`."""
        done = self.python("from incamera.doors.cli import main; main()", *arguments, "--json")
        lines = (done.stdout if done.returncode == 0 else done.stderr).splitlines()
        try:
            said: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise AssertionError(f"{arguments}: {done.returncode} {done.stdout} {done.stderr}") from None
        return said

    def flaw(self, *arguments: object) -> str:
        return str(self.run(*arguments).get("error", {}).get("code"))

    def being(self, extra: dict[str, str] | None = None) -> dict[str, Any]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "INCAMERA_CACHE", "LANG")}
        env = (
            kept
            | {"PYTHONPATH": os.pathsep.join(_importable())}
            | {"HOME": str(self.path), "NUMBA_CACHE_DIR": str(self.path / "numba")}
            | (extra or {})
        )
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "cwd": str(self.path), "env": env, "umask": 0o027}


def _importable() -> list[str]:
    """Where another interpreter finds what this one imports, packages that were installed in place among them."""
    found = (find_spec(name) for name in ("incamera", "incamera_verify"))
    ours = [str(Path(spec.origin).parents[1]) for spec in found if spec is not None and spec.origin is not None]
    return [*ours, *(path for path in sys.path if path)]


@dataclass
class House:
    """A holder's home under its own account, a clerk's account in its group, and a door between them."""

    path: Path
    home: Path
    door: Path
    holder: Somebody
    clerk: Somebody
    worker: Somebody
    stranger: Somebody

    @contextmanager
    def serving(self) -> Iterator[dict[str, Any]]:
        words = ["broker", "serve", "--home", self.home, "--clerk", CLERK, "--account", WORKER]
        command = [self.holder.interpreter, "-c", "from incamera.doors.cli import main; main()", *map(str, words)]
        process = subprocess.Popen(
            command,
            **self.holder.being({"INCAMERA_PASSPHRASE": PASSPHRASE}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None and process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line, (process.communicate(timeout=30)[1], process.returncode)
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            process.stdout.close()
            process.stderr.close()


def _folder(path: Path, uid: int, gid: int, mode: int) -> Path:
    path.mkdir()
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path


def _started(person: Somebody) -> bool:
    """Give *person* an interpreter of this version that their account may start; one in root's own directory is none."""
    for interpreter in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        person.interpreter = interpreter
        with suppress(OSError):
            if person.python("import incamera.vault.store, incamera.doors.cli").returncode == 0:
                return True
    return False


@pytest.fixture
def house() -> Iterator[House]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be several accounts")
    path = Path(tempfile.mkdtemp(prefix="house-"))
    path.chmod(0o755)
    people = [
        Somebody(uid, gid, _folder(path / name, uid, gid, 0o750))
        for name, uid, gid in (
            ("holder", HOLDER, GROUP),
            ("clerk", CLERK, GROUP),
            ("worker", WORKER, GROUP),
            ("x", STRANGER, OUTSIDE),
        )
    ]
    (path / "holder").chmod(0o710)
    if any(_has(uid) for uid in (HOLDER, CLERK, WORKER, STRANGER)) or not all(map(_started, people)):
        shutil.rmtree(path)
        pytest.skip("no free account numbers, or no interpreter that another account may start")
    made = House(path, path / "holder" / "home", path / "holder" / "door", *people)
    init = ("init", "holder.example/ledger", "--kms", "local", "--broker", made.door, "--home", made.home, "--json")
    done = people[0].python("from incamera.doors.cli import main; main()", *init, extra={"INCAMERA_PASSPHRASE": PASSPHRASE})
    assert done.returncode == 0, done.stderr
    yield made
    shutil.rmtree(path)


def _has(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def given(house: House, matter: Matter) -> Path:
    """The matter's files where the clerk and the custodian can read them."""
    place = house.path / "case"
    shutil.copytree(matter.path, place)
    for path in [place, *place.rglob("*")]:
        os.chown(path, CLERK, GROUP)
        path.chmod(0o770 if path.is_dir() else 0o640)
    return place


@pytest.mark.slow
def test_a_clerks_account_stores_and_answers_for_and_reads_no_key(house: House, matter: Matter) -> None:
    case = given(house, matter)
    with house.serving() as ready:
        assert ready["accounts"] == {"worker": [WORKER], "clerk": [CLERK], "custodian": [HOLDER]}
        at = ("--home", house.home)
        stored = house.clerk.run("ingest", case / "log.jsonl", *at)
        assert stored["conversations"] == {"plain": len(small_log())}, stored
        stats = house.clerk.run("vault", "stats", *at)
        assert (stats["conversations"], stats["epoch"]) == (12, 1)
        assert house.clerk.run("ingest", case / "log.jsonl", *at)["already"] == 12
        # What its account cannot read, it cannot read; what it may not ask, it may not ask.
        look = "import sys, pathlib; [pathlib.Path(p).read_bytes() for p in sys.argv[1:]]"
        for secret in ("keys.db", "secrets/kms.json"):
            assert "PermissionError" in house.clerk.python(look, house.home / secret).stderr
        assert (
            "PermissionError"
            in house.clerk.python("import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'x').touch()", house.home).stderr
        )
        assert house.clerk.flaw("vault", "roll", "--yes", *at) == "vault.not-permitted"
        assert house.clerk.flaw(*SHRED, "--yes", *at) == "broker.reserved-act"
        assert house.clerk.flaw("matter", "open", case / "order.toml", *at) == "broker.reserved-act"
        assert house.worker.flaw("vault", "stats", *at) == "vault.not-permitted"
        assert house.stranger.flaw("vault", "stats", *at) == "world.os-error"
        # The custodian opens the matter and places its hold, as the broker's account; the clerk goes on in the same directory.
        opened = house.holder.run("matter", "open", case / "order.toml", *at)
        assert opened["approvers"] == ["counsel", "privacy"], opened
        assert house.clerk.run("hold", "place", case / "order.toml", *at)["conversations"] == 12
        assert house.holder.run(*SHRED, "--yes", *at)["outcome"] == "pending"
        (hold,) = [house.clerk.run("hold", "list", *at)]
        letter = case / "order.txt"
        assert house.clerk.flaw("hold", "release", hold["id"], "--authority", letter, "--yes", *at) == "broker.reserved-act"
        assert house.holder.run("hold", "release", hold["id"], "--authority", letter, "--yes", *at)["shredded"] == 1
        assert house.clerk.run("vault", "stats", *at)["shredded"] == 1
    modes = {name: oct((house.home / name).stat().st_mode & 0o777) for name in (".", "keys.db", "state.db", "secrets", "vault")}
    assert modes == {".": "0o750", "keys.db": "0o600", "state.db": "0o660", "secrets": "0o700", "vault": "0o770"}
