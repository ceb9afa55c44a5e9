"""The broker's door: gone, failing, shared by threads, and a process of its own."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Refused, Unavailable
from incamera.testing.vaults import examine
from incamera.vault import sessions
from incamera.vault.protocol import Level
from incamera.vault.wire import Client, Server, sweep


def test_a_broker_that_is_gone_is_told(fill: Any) -> None:
    place = fill(3)
    grant = place.grant()
    step = place.vault.within(grant, examine)
    (fragment,) = place.vault.fragments()
    rows = list(fragment.read())
    place.vault.close()
    with pytest.raises(Unavailable) as caught:
        list(step(iter(rows)))
    assert caught.value.code == "vault.broker-gone"


def test_a_broker_that_comes_back_is_found_again(fill: Any, tmp_path: Path) -> None:
    place = fill(3)
    grant = place.grant()
    address = tmp_path / "door"
    crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
    first = Server(place.vault.operations(), address=address).start()
    from incamera.vault.within import released

    assert len(released(str(address), grant, crefs).keys) == 3
    first.close()
    second = Server(place.vault.operations(), address=address).start()
    assert len(released(str(address), grant, crefs).keys) == 3
    second.close()
    sessions.drop(str(address))


def test_a_broker_that_fails_tells_no_detail(fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = fill(3)
    grant = place.grant()

    def broken(*_: object) -> None:
        raise RuntimeError("key 00112233")

    monkeypatch.setattr(place.vault.broker, "release", broken)
    with pytest.raises(Unavailable) as caught:
        Client(place.vault.address).release(grant, [b"x" * 16])
    assert caught.value.code == "vault.broker-failed"
    assert "0011" not in str(caught.value)


def test_many_threads_ask_at_once_and_the_cap_holds(fill: Any) -> None:
    place = fill(40)
    grant = place.grant(max_records=30)
    crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
    got: list[bytes] = []
    refused: list[str] = []

    def ask(number: int) -> None:
        door = Client(place.vault.address)
        for cref in crefs[number::4]:
            try:
                got.extend(door.release(grant, [cref]).keys)
            except Exception as flaw:
                refused.append(getattr(flaw, "code", repr(flaw)))
        door.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(set(got))) == (30, 30)
    assert refused == ["vault.record-cap"] * 10
    assert place.ledger.acts().count("key.released") == 30


def test_a_second_broker_shares_the_count_with_the_first(fill: Any) -> None:
    place = fill(20)
    grant = place.grant(max_records=15)
    crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
    other = place.again()
    place.vault.broker.release(grant, crefs[:10])
    other.broker.release(grant, crefs[5:15])
    with pytest.raises(Exception) as caught:
        place.vault.broker.release(grant, crefs[15:])
    assert getattr(caught.value, "code", "") == "vault.record-cap"
    other.close()


@pytest.mark.parametrize("accounts", [{}, {os.geteuid() + 1: Level.CUSTODIAN}])
def test_accounts_that_are_not_named_are_not_heard(fill: Any, tmp_path: Path, accounts: dict[int, Level]) -> None:
    place = fill(3)
    grant = place.grant()
    server = Server(place.vault.operations(), address=tmp_path / "door", accounts=accounts).start()
    door = Client(server.address)
    with pytest.raises(Unavailable) as caught:
        door.release(grant, [bytes.fromhex(ref) for ref in place.refs().values()])
    assert caught.value.code == "vault.broker-gone"
    assert "key.released" not in place.ledger.acts()
    door.close()
    server.close()


def test_the_broker_can_be_a_process_of_its_own(fill: Any, tmp_path: Path) -> None:
    """The asking process never holds an epoch key: it has a grant, sealed rows and an address."""
    place = fill(10)
    grant = place.grant()
    address = tmp_path / "door"
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            vault = place.again()
            server = Server(vault.operations(), address=address)
            os.write(told, b"x")
            server.serve()
        finally:
            os._exit(0)
    try:
        assert os.read(ready, 1) == b"x"
        door = Client(str(address))
        crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
        assert len(door.release(grant, crefs).keys) == 10
        door.close()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(told)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for temporary files of its own, whose sockets have short enough names."""
    folder = Path(tempfile.mkdtemp(prefix="wire-"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def killed(place: Any) -> Path:
    """The directory that a killed broker leaves behind, with nobody listening in it any more.

    What the child could not do comes back as its own words; and that nobody listens is waited for, not assumed: a process
    that is forked from another thread of a test run in between holds the same socket for as long as it lives.
    """
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ready)
            server = Server(place.vault.operations())
            os.write(told, server.address.encode())
            server.serve()
        except BaseException as flaw:
            os.write(told, f"!{type(flaw).__name__}: {flaw}".encode())
        finally:
            os._exit(0)
    os.close(told)  # else a child that fails would be waited for until the test run gives up
    said = os.read(ready, 4096).decode()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(ready)
    assert said and not said.startswith("!"), f"the broker to be killed did not start: {said or 'it ended in silence'}"
    address = Path(said)
    assert address.is_socket()
    assert refused(address), "somebody still listens at the killed broker's socket"
    return address.parent


def refused(address: Path, *, seconds: float = 30.0) -> bool:
    """Whether nobody listens at *address*, now or soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if probe.connect_ex(str(address)) == errno.ECONNREFUSED:
                return True
        time.sleep(0.05)
    return False


def test_what_a_killed_broker_left_goes_at_the_next_start(fill: Any, temporary: Path) -> None:
    place = fill(3)
    left = killed(place)
    living = Server(place.vault.operations()).start()
    assert not left.exists()
    other = Server(place.vault.operations()).start()
    grant = place.grant()
    crefs = [bytes.fromhex(ref) for ref in place.refs().values()]
    for server in (living, other):  # a broker that listens is not swept
        door = Client(server.address)
        assert len(door.release(grant, crefs).keys) == 3
        door.close()
        server.close()
    assert list(temporary.iterdir()) == []


def test_nothing_but_an_abandoned_socket_directory_is_swept(fill: Any, temporary: Path) -> None:
    place = fill(3)
    kept = []
    for number in range(5):
        left = killed(place)
        kept.append(left.rename(temporary / f"kept-{number}"))  # out of the sweep's sight until all are made
    (kept[0] / "letter").write_text("mine")  # something else lies in it
    kept[1].chmod(0o755)  # others may enter: not as a broker leaves it
    (kept[2] / "broker").unlink()
    (kept[2] / "broker").write_text("no socket")
    (kept[3] / "broker").unlink()  # a broker that is about to bind
    (kept[4] / "broker").rename(kept[4] / "broker.new")  # one that is bound and does not listen yet
    for folder in kept:
        folder.rename(temporary / folder.name.replace("kept", "incamera"))
    elsewhere = killed(place).rename(temporary / "elsewhere")
    (temporary / "incamera-link").symlink_to(elsewhere)
    before = sorted(path.relative_to(temporary) for path in temporary.rglob("*"))
    sweep()
    assert sorted(path.relative_to(temporary) for path in temporary.rglob("*")) == before


def test_the_sweep_leaves_other_accounts_alone(fill: Any, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed(fill(3))
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    sweep()
    assert left.exists()
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sweep()
    assert not left.exists()


def test_a_second_broker_at_the_same_address_is_refused(fill: Any, tmp_path: Path) -> None:
    place = fill(1)
    first = Server(place.vault.operations(), address=tmp_path / "door").start()
    with pytest.raises(Refused) as caught:
        Server(place.vault.operations(), address=tmp_path / "door")
    assert caught.value.code == "vault.broker-running"
    first.close()
    Server(place.vault.operations(), address=tmp_path / "door").start().close()
