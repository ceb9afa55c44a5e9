"""A home under a key service that is not a local file: made, filled, read, rolled; and what a lost permission does to it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import key_services
import pytest
from commands import Terminal, acts, running
from key_services import Service
from parties import Matter, small_log
from test_custodian import read_in_an_emergency

from incamera.clerk.home import Home

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=["transit", "aws", "pkcs11"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    place = tmp_path / "service"
    place.mkdir()
    with getattr(key_services, request.param)(monkeypatch, place) as running_:
        yield running_


@pytest.fixture
def desk(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("INCAMERA_PASSPHRASE")  # nothing here takes one
    return terminal


def test_a_home_lives_under_it_and_outlives_a_lost_permission(
    desk: Terminal, service: Service, matter: Matter, tmp_path: Path
) -> None:
    made = desk.run("init", "holder.example/ledger", "--kms", service.address).json
    assert (made["kms"], made["kms_address"]) == (service.name, service.address)
    assert not (desk.home / "secrets" / "kms.json").exists()
    assert desk.run("ingest", matter.conversations).json["conversations"] == {"plain": len(small_log())}
    stats = desk.run("vault", "stats").json
    assert (stats["kms"], stats["kms_address"], stats["conversations"]) == (service.name, service.address, 12)
    assert "Habergast5" in read_in_an_emergency(desk, tmp_path, "--conversation", "talk5")
    rolled = desk.run("vault", "roll", "--grace-days", 0, "--yes").json
    assert (rolled["destroyed"], rolled["rewrapped"]) == ([1], 12)
    # The permission goes, all of it: nothing opens, and it is said why.
    service.forbid("unwrap", "wrap", "make", "destroy")
    for command in (("vault", "stats"), ("ledger", "show"), ("vault", "roll", "--yes")):
        said = desk.run(*command)
        assert (said.code, said.flaw) == (7, "vault.kms-permission")
    # It comes back, and everything is as it was.
    service.allow()
    assert desk.run("vault", "check").json == {"damaged": 0, "rows": 12}
    assert [(row["number"], bool(row["destroyed_at"])) for row in desk.run("vault", "epochs").rows] == [(1, True), (2, False)]
    assert desk.run("ledger", "fsck").json["flaws"] == []
    assert {row["fields"]["kms"] for row in desk.run("ledger", "show").rows if row["act"] == "epoch.rolled"} == {service.name}


#: A PIN permits all or nothing.
LOSSES = [(name, gone) for name in ("transit", "aws") for gone in ("unwrap", "wrap", "make")] + [("pkcs11", "unwrap")]


@pytest.mark.parametrize(("service", "gone"), LOSSES, indirect=["service"])
def test_a_permission_lost_in_a_roll_is_recorded_and_nothing_is_lost(
    desk: Terminal, service: Service, matter: Matter, gone: str
) -> None:
    desk.run("init", "holder.example/ledger", "--kms", service.address).json
    desk.run("ingest", matter.conversations).json
    with Home.open(desk.home, passphrase=_nobody) as home:
        home.vault, home.ledger
        service.forbid(gone)
        with pytest.raises(Exception, match=r"vault\.kms-permission"):
            home.vault.roll_epoch(actor="holder")
        service.allow()
    row = desk.run("ledger", "show").rows[-1]
    assert (row["act"], row["fields"]) == ("epoch.refused", {"code": "vault.kms-permission", "epoch": "1", "kms": service.name})
    assert desk.run("vault", "check").json["rows"] == 12
    assert desk.run("vault", "roll", "--grace-days", 0, "--yes").json["destroyed"] == [1]


@pytest.mark.parametrize("service", ["transit", "aws"], indirect=True)
def test_a_destruction_that_is_not_permitted_keeps_the_roll(desk: Terminal, service: Service, matter: Matter) -> None:
    desk.run("init", "holder.example/ledger", "--kms", service.address).json
    desk.run("ingest", matter.conversations).json
    service.forbid("destroy")
    assert desk.run("vault", "roll", "--grace-days", 0, "--yes").flaw == "vault.kms-permission"
    assert acts(desk)[-2:] == ["epoch.rolled", "epoch.refused"]
    assert [bool(row["destroyed_at"]) for row in desk.run("vault", "epochs").rows] == [False, False]
    service.allow()
    assert desk.run("vault", "roll", "--grace-days", 0, "--yes").json["destroyed"] == [1, 2]


@pytest.mark.parametrize(("service", "gone"), LOSSES, indirect=["service"])
def test_without_permission_no_home_is_made(desk: Terminal, service: Service, gone: str) -> None:
    service.forbid(gone)
    said = desk.run("init", "holder.example/ledger", "--kms", service.address)
    assert (said.code, said.flaw) == (7, "vault.kms-permission")
    assert not desk.home.exists()
    desk.home.mkdir()
    desk.run("init", "holder.example/ledger", "--kms", service.address)
    assert list(desk.home.iterdir()) == []
    service.allow()
    assert desk.run("init", "holder.example/ledger", "--kms", service.address).json["kms"] == service.name


def test_another_service_does_not_open_it(
    desk: Terminal, service: Service, matter: Matter, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run("init", "holder.example/ledger", "--kms", service.address).json
    facts = desk.home / "home.toml"
    true = facts.read_text()
    answer = ("answer", "order.toml", "--conversations", matter.conversations, "--out", "out", "--kms")
    assert desk.run(*answer, "local").flaw == "home.other-kms"
    with key_services.transit(monkeypatch, desk.home) as other:
        facts.write_text(true.replace(service.address, other.address))
        said = desk.run("vault", "stats")
        assert (said.code, said.flaw) == ((4, "vault.other-kms") if service.name != "transit" else (7, "vault.epoch-unknown"))
    for flaw, spoilt in (
        ("vault.kms-missing", true.replace(service.address, "local")),
        ("vault.kms-address", true.replace(service.address, "paper")),
        ("home.damaged", true + 'pin = "4711"\n'),
        ("home.damaged", true.replace("incamera/home/3", "incamera/home/2")),
    ):
        facts.write_text(spoilt)
        monkeypatch.setenv("INCAMERA_PASSPHRASE", "x")
        assert desk.run("vault", "stats").flaw == flaw
    facts.write_text(true)


def _nobody() -> str:
    raise AssertionError("no passphrase is asked for")


# --- one service at a time --------------------------------------------------------------------------------------------


@pytest.fixture
def transit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    with key_services.transit(monkeypatch, tmp_path) as running_:
        yield running_


def test_the_broker_alone_opens_the_homes_service(
    desk: Terminal, transit: Service, matter: Matter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="door-") as place:  # a socket's address is short
        Path(place).chmod(0o755)
        door = Path(place) / "broker"
        desk.run("init", "holder.example/ledger", "--kms", transit.address, "--broker", door).json
        with running(["broker", "serve", "--home", desk.home, "--account", os.geteuid()]):
            monkeypatch.delenv("VAULT_TOKEN")  # the terminal asks the broker, which alone asks the service
            assert desk.run("ingest", matter.conversations).json["conversations"] == {"plain": len(small_log())}
            stats = desk.run("vault", "stats").json
            assert (stats["kms"], stats["kms_address"], stats["conversations"]) == ("transit", transit.address, 12)
            assert desk.run("vault", "roll", "--grace-days", 0, "--yes").json["destroyed"] == [1]
        assert desk.run("vault", "stats").flaw == "vault.broker-gone"


def test_a_service_that_is_away_or_is_none(desk: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    for address, status, flaw in (
        ("transit:http://127.0.0.1:1/transit", 7, "vault.kms-away"),
        ("arn:aws:kms:eu-central-1:111122223333:key/*?endpoint=http://127.0.0.1:1", 7, "vault.kms-away"),
        ("pkcs11:token=x?module-path=/nonexistent.so&pin-source=file:/nonexistent", 7, "home.no-passphrase"),
        ("pkcs11:token=x?module-path=/nonexistent.so", 7, "home.no-passphrase"),
        ("pkcs11:token=x?module-path=/nonexistent.so&pin-value=4711", 3, "vault.kms-address-secret"),
        ("transit:http://elsewhere.example/transit", 3, "vault.kms-address"),
        ("local", 7, "home.no-passphrase"),
    ):
        said = desk.run("init", "holder.example/ledger", "--kms", address)
        assert (said.code, said.flaw) == (status, flaw), address
        assert not desk.home.exists()
    monkeypatch.setenv("INCAMERA_PASSPHRASE", "4711")
    said = desk.run("init", "holder.example/ledger", "--kms", "pkcs11:token=x?module-path=/nonexistent.so")
    assert (said.code, said.flaw) == (7, "vault.kms-away")


def test_credentials_of_another_account_make_no_home(desk: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with key_services.aws(monkeypatch, tmp_path) as service:
        elsewhere = service.address.replace("123456789012", "111122223333")
        assert desk.run("init", "holder.example/ledger", "--kms", elsewhere).flaw == "vault.kms-account"
        assert not desk.home.exists()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        assert desk.run("init", "holder.example/ledger", "--kms", service.address).flaw == "vault.kms-permission"


def test_a_passphrase_is_kept_for_a_service_that_takes_one(desk: Terminal, transit: Service, tmp_path: Path) -> None:
    desk.run("init", "holder.example/ledger", "--kms", transit.address).json
    assert desk.run("passphrase", "remember").flaw == "home.takes-no-passphrase"
    assert stat.S_IMODE((desk.home / "secrets").stat().st_mode) == 0o700
    assert "a-token-for-tests" not in (desk.home / "home.toml").read_text()
