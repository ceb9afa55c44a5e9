"""People sign in at a terminal by the holder's identity provider: who they are, in which roles, for how long, and no further."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("authlib", reason="the extra incamera[oidc] is not installed")
import httpx
from commands import PASSPHRASE, Terminal, acts, running
from parties import Matter, small_log
from test_custodian import pager

from incamera.clerk import accounts, session, signin
from incamera.clerk.clock import SystemClock
from incamera.clerk.home import Home
from incamera.core.errors import Refused, Unavailable
from incamera.testing.idp import CLIENT, Idp, idp_server

SETTINGS = f"""version = "incamera/sign-in/1"
issuer = "ISSUER"
client_id = "{CLIENT}"
hours = 2
[roles]
safety-team = "safety"
judges = "reviewer"
lawyers = "counsel"
data-protection = "privacy"
"""


@pytest.fixture
def idp() -> Iterator[Idp]:
    with idp_server() as server:
        server.public = True
        server.claims = {"groups": ["safety-team"]}
        yield server


@pytest.fixture
def desk(terminal: Terminal, idp: Idp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A home with an identity provider; one account of the machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(session.VARIABLE, raising=False)
    terminal.run("init", "holder.example/ledger", "--kms", "local").json
    assert terminal.run("access", "sign-in").flaw == "signin.no-provider"
    (tmp_path / "provider.toml").write_text(SETTINGS.replace("ISSUER", idp.issuer))
    named = terminal.run("access", "provider", "name", tmp_path / "provider.toml").json
    assert named["issuer"] == idp.issuer == terminal.run("access", "provider", "show").json["issuer"]
    return terminal


@pytest.fixture
def filled(desk: Terminal, matter: Matter) -> Terminal:
    """The same, with the small log in it."""
    assert desk.run("ingest", matter.conversations).json["conversations"] == {"plain": len(small_log())}
    return desk


def enter(desk: Terminal, tmp_path: Path, name: str, role: str, person: str | None) -> Path:
    key = tmp_path / f"{name}.pem"
    made = desk.run("access", "keygen", key, "--role", "privacy", "--name", name).json
    more = ("--person", person) if person else ()
    desk.run("access", "account", "add", name, "--key", made["key"], "--role", role, *more).json
    return key


def glass(tmp_path: Path, name: str, key: Path, out: str = "opened.jsonl") -> list[Any]:
    return [
        "access", "break-glass", "--account", name, "--key", key, "--reason", "imminent-harm", "--page", "one", "--page", "two",
        "--pager", pager(tmp_path), "--out", tmp_path / out, "--conversation", "talk1",
    ]  # fmt: skip


def file_of(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "state" / "incamera" / "sessions").iterdir()
    return found


def test_an_officer_acts_while_signed_in(filled: Terminal, idp: Idp, tmp_path: Path) -> None:
    said = filled.run("access", "sign-in")
    assert "WDJB-MJHT" in said.err and f"{idp.issuer}/activate" in said.err
    me = said.json
    assert (me["roles"], me["mfa"], me["accounts"]) == (["safety"], True, [])
    key = enter(filled, tmp_path, "officer-1", "safety", me["person"])
    assert filled.run("access", "who").json["accounts"] == ["officer-1"]
    assert filled.run(*glass(tmp_path, "officer-1", key)).json["conversations"] == 1
    # Signed out, the key alone opens nothing; nor does a copy of the session.
    kept = file_of(tmp_path)
    copy = kept.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(kept.parent.stat().st_mode) & 0o077 == 0
    assert filled.run("access", "sign-out").json == {"person": me["person"], "signed_out": True}
    assert filled.run("access", "sign-out").flaw == filled.run("access", "who").flaw == "signin.none"
    assert filled.run(*glass(tmp_path, "officer-1", key, "again.jsonl")).flaw == "signin.none"
    kept.write_bytes(copy)
    kept.chmod(0o600)
    assert filled.run(*glass(tmp_path, "officer-1", key, "again.jsonl")).flaw == "signin.ended"
    # The ledger tells who and when, under a pseudonym; neither it nor any file has a token or the provider's name for them.
    told = [(row["act"], row["actor"]) for row in filled.run("ledger", "show").rows if row["act"].startswith("person.")]
    assert told == [("person.signed_in", me["person"]), ("person.signed_out", me["person"])]
    assert b"user-17" not in copy + b"".join(path.read_bytes() for path in filled.home.rglob("*") if path.is_file())


def test_somebody_else_is_not_that_officer(filled: Terminal, idp: Idp, tmp_path: Path) -> None:
    me = filled.run("access", "sign-in").json["person"]
    mine = enter(filled, tmp_path, "officer-1", "safety", me)
    idp.claims["sub"] = "user-18"
    other = filled.run("access", "sign-in").json["person"]
    assert other != me
    assert filled.run(*glass(tmp_path, "officer-1", mine)).flaw == "signin.other-person"
    theirs = enter(filled, tmp_path, "officer-2", "safety", other)
    assert filled.run(*glass(tmp_path, "officer-2", mine)).flaw == "service.bad-signature"
    assert filled.run(*glass(tmp_path, "officer-2", theirs)).json["conversations"] == 1


def test_roles_are_those_that_account_and_provider_both_give(filled: Terminal, idp: Idp, tmp_path: Path) -> None:
    me = filled.run("access", "sign-in").json["person"]
    key = enter(filled, tmp_path, "officer-1", "safety", me)
    idp.claims["groups"] = ["judges"]  # moved to another team
    assert filled.run("access", "sign-in").json["roles"] == ["reviewer"]
    assert filled.run(*glass(tmp_path, "officer-1", key)).flaw == "signin.no-role"
    idp.claims |= {"groups": ["safety-team"], "amr": ["pwd"]}  # one factor
    assert filled.run("access", "sign-in").json["mfa"] is False
    assert filled.run(*glass(tmp_path, "officer-1", key)).flaw == "access.denied-by-policy"
    idp.claims["groups"] = ["gardeners"]
    assert filled.run("access", "sign-in").flaw == "oidc.no-role"
    # A role that the provider gives is given by nobody else; a program's is.
    bare = enter(filled, tmp_path, "officer-2", "safety", None)
    assert filled.run(*glass(tmp_path, "officer-2", bare)).flaw == "signin.required"
    key = tmp_path / "program.pem"
    enter(filled, tmp_path, "program", "service", None)
    with Home.open(filled.home, passphrase=PASSPHRASE) as home:
        assert accounts.sign_in(home, "program", key, None).how == "service"
    public = filled.run("access", "account", "list").rows[0]["key"]
    odd = ("access", "account", "add", "officer-3", "--key", public, "--role", "safety", "--person", "user-17")
    assert filled.run(*odd).flaw == "accounts.bad-person"


def test_a_sign_in_that_is_none_is_recorded(desk: Terminal, idp: Idp) -> None:
    unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyLTE3In0."  # {"alg":"none"}
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"claims": {"aud": "another"}}, 5, "oidc.bad-token"),
        ({"claims": {"iss": "https://elsewhere.example"}}, 5, "oidc.bad-token"),
        ({"claims": {"exp": 1}}, 5, "oidc.bad-token"),
        ({"again": unsigned}, 5, "oidc.bad-token"),
        ({"again": None, "polls": ["authorization_pending", "access_denied"]}, 4, "oidc.denied"),
        ({"polls": ["expired_token"]}, 4, "oidc.expired"),
    ]
    for misbehave, code, flaw in cases:
        for name, value in misbehave.items():
            setattr(idp, name, value)
        said = desk.run("access", "sign-in")
        assert (said.code, said.flaw) == (code, flaw), misbehave
    told = [row["fields"]["code"] for row in desk.run("ledger", "show").rows if row["act"] == "person.refused"]
    assert told == [flaw for _, _, flaw in cases]
    assert desk.run("access", "who").flaw == "signin.none"


def test_a_token_serves_once(desk: Terminal, idp: Idp, tmp_path: Path) -> None:
    idp.again = idp.token(None)
    desk.run("access", "sign-in").json
    before = file_of(tmp_path).read_bytes()
    said = desk.run("access", "sign-in")
    assert (said.code, said.flaw) == (4, "oidc.replayed")
    assert acts(desk)[-1] == "person.refused"
    assert file_of(tmp_path).read_bytes() == before


def test_a_browser_on_this_machine(desk: Terminal, idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    from incamera.doors.cli import signin as door

    pages: list[Any] = []

    def browse(url: str) -> None:
        redirect = httpx.get(url, follow_redirects=False).headers["Location"]
        pages.append(httpx.get(redirect.replace("state=", "state=x")).status_code)  # somebody who does not know the state
        pages.append(httpx.get(redirect.replace("/callback", "/favicon.ico")).status_code)
        pages.append(httpx.get(redirect))

    def shown(told: dict[str, str]) -> None:
        assert "code_challenge_method=S256" in told["open"]
        threading.Thread(target=browse, args=(told["open"],)).start()

    true = door._shown
    monkeypatch.setattr(door, "_shown", shown)
    idp.names_itself = True
    by_browser = desk.run("access", "sign-in", "--by", "browser").json
    assert pages[:2] == [404, 404] and pages[2].status_code == 200 and pages[2].headers["Cache-Control"] == "no-store"
    monkeypatch.setattr(door, "_shown", true)
    idp.configuration = {"device_authorization_endpoint": ...}
    assert by_browser["roles"] == ["safety"]
    assert desk.run("access", "sign-in", "--by", "device").flaw == "oidc.no-device"


def test_a_browser_that_does_not_come_back(desk: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signin, "_BROWSER_SECONDS", 0.2)
    with Home.open(desk.home, passphrase=PASSPHRASE) as home, pytest.raises(Unavailable, match=r"signin\.no-answer"):
        signin.sign_in(home, way="browser", show=lambda _: None)


def test_a_session_is_what_the_ledger_says_it_is(desk: Terminal, idp: Idp, tmp_path: Path) -> None:
    desk.run("access", "sign-in").json
    kept = file_of(tmp_path)
    true = kept.read_bytes()
    value = json.loads(true)
    kept.chmod(0o640)
    assert desk.run("access", "who").flaw == "signin.exposed-session"
    kept.chmod(0o600)
    for flaw, spoilt in (
        ("signin.not-recorded", {**value, "roles": ["reviewer", "safety"]}),
        ("signin.not-recorded", {**value, "expires_at": "2099-01-01T00:00:00Z"}),
        ("signin.bad-session", {**value, "log": "another"}),
        ("signin.bad-session", {**value, "more": 1}),
        ("signin.bad-session", {**value, "expires_at": "tomorrow"}),
        ("signin.bad-session", []),
    ):
        kept.write_text(json.dumps(spoilt, sort_keys=True, separators=(",", ":")))
        assert desk.run("access", "who").flaw == flaw
    for data in (b"", b"[" * 50_000, b"\xff", true + b" "):
        kept.write_bytes(data)
        assert desk.run("access", "who").flaw == "signin.bad-session"
    kept.write_bytes(true)
    assert desk.run("access", "who").json["person"] == value["person"]

    class Later(SystemClock):
        def now(self) -> Any:
            return super().now() + timedelta(hours=2, seconds=1)

    with Home.open(desk.home, passphrase=PASSPHRASE, clock=Later()) as home, pytest.raises(Refused, match=r"signin\.ended"):
        signin.who(home)


def test_a_session_of_ones_own_where_an_account_is_shared(
    desk: Terminal, idp: Idp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = []
    for name in ("user-1", "user-2"):
        monkeypatch.setenv(session.VARIABLE, str(tmp_path / name / "session"))
        idp.claims["sub"] = name
        people.append(desk.run("access", "sign-in").json["person"])
    monkeypatch.setenv(session.VARIABLE, str(tmp_path / "user-1" / "session"))
    assert desk.run("access", "who").json["person"] == people[0] != people[1]


def test_a_provider_written_into_the_file_by_hand_is_none(desk: Terminal, idp: Idp, tmp_path: Path) -> None:
    """compromised-app-server: it can edit files of the home; the ledger it cannot make say otherwise."""
    desk.run("access", "sign-in").json
    file = desk.home / "sign-in.toml"
    true = file.read_text()
    file.write_text(true.replace('"judges" = "reviewer"', '"safety-team-2" = "safety"'))
    assert desk.run("access", "who").flaw == desk.run("access", "sign-in").flaw == "signin.not-recorded"
    file.unlink()
    assert desk.run("access", "sign-in").flaw == "signin.not-recorded"
    file.write_text(true)
    assert desk.run("access", "who").json["roles"] == ["safety"]
    # Another map is another provider, and a sign-in under the old one is over.
    (tmp_path / "provider.toml").write_text(SETTINGS.replace("ISSUER", idp.issuer).replace("hours = 2", "hours = 3"))
    desk.run("access", "provider", "name", tmp_path / "provider.toml").json
    assert desk.run("access", "who").flaw == "signin.ended"
    assert desk.run("access", "provider", "remove").json["removed"]
    assert desk.run("access", "provider", "remove").flaw == "signin.no-provider"
    assert acts(desk)[-1] == "provider.changed"


def test_a_provider_that_is_none(desk: Terminal, idp: Idp, tmp_path: Path) -> None:
    before = (desk.home / "sign-in.toml").read_bytes()
    for old, new, flaw in (
        ("sign-in/1", "sign-in/9", "signin.bad-provider"),
        ('"safety"', '"king"', "signin.bad-provider"),
        ("hours = 2", "hours = 25", "signin.bad-provider"),
        ("hours = 2", "hours = true", "signin.bad-provider"),
        ("hours = 2", 'client_secret = "x"', "signin.bad-provider"),
        ("hours = 2", 'scopes = ["groups"]', "signin.bad-provider"),
        (SETTINGS[SETTINGS.index("[roles]") :], "", "signin.bad-provider"),
        (SETTINGS, "][", "signin.bad-provider"),
        ("ISSUER", "http://idp.example", "oidc.insecure-issuer"),
    ):
        assert old in SETTINGS
        (tmp_path / "odd.toml").write_text(SETTINGS.replace(old, new).replace("ISSUER", idp.issuer))
        said = desk.run("access", "provider", "name", tmp_path / "odd.toml")
        assert (said.code, said.flaw) == (3, flaw), new
    assert (desk.home / "sign-in.toml").read_bytes() == before
    assert acts(desk).count("provider.changed") == 1


def test_it_goes_through_a_broker_too(terminal: Terminal, idp: Idp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with tempfile.TemporaryDirectory(prefix="door-") as place:  # a socket's address is short
        Path(place).chmod(0o755)
        terminal.run("init", "holder.example/ledger", "--kms", "local", "--broker", Path(place) / "broker").json
        (tmp_path / "provider.toml").write_text(SETTINGS.replace("ISSUER", idp.issuer))
        with running(["broker", "serve", "--home", terminal.home, "--account", os.geteuid()]):
            monkeypatch.delenv("INCAMERA_PASSPHRASE")
            terminal.run("access", "provider", "name", tmp_path / "provider.toml").json
            me = terminal.run("access", "sign-in").json["person"]
            assert terminal.run("access", "who").json["person"] == me
            assert terminal.run("access", "sign-out").json["signed_out"]
        monkeypatch.setenv("INCAMERA_PASSPHRASE", PASSPHRASE)
    with Home.open(terminal.home, passphrase=PASSPHRASE) as home:
        told = [past.entry.act for past in home.ledger.entries("")]
    assert told[-3:] == ["provider.changed", "person.signed_in", "person.signed_out"]


# --- approvers ------------------------------------------------------------------------------------------------------------


def test_an_approver_approves_as_who_is_signed_in(filled: Terminal, idp: Idp, tmp_path: Path) -> None:
    """In the holder's own house: what an approver's key signs counts from the hours in which that person was signed in."""
    people, keys = {}, {}
    for name, group, role in (
        ("lawyer", "lawyers", "counsel"),
        ("dpo", "data-protection", "privacy"),
        ("agent", "safety-team", "safety"),
    ):
        idp.claims |= {"sub": name, "groups": [group]}
        people[name] = filled.run("access", "sign-in").json["person"]
        keys[name] = enter(filled, tmp_path, name, role, people[name])
        filled.run("access", "sign-out").json
    idp.claims |= {"sub": "agent", "groups": ["safety-team"]}
    filled.run("access", "sign-in").json
    (tmp_path / "ticket.txt").write_text("A ticket.")
    paper = tmp_path / "request.json"
    asked = ("--purpose", "safety_escalation", "--account", "agent", "--key", keys["agent"], "--conversation", "talk1")
    filled.run("access", "request", *asked, "--document", tmp_path / "ticket.txt", "-o", paper).json
    log_key = filled.run("ledger", "keys").rows[0]["key"]

    def approved(name: str, role: str, number: int) -> list[object]:
        out = tmp_path / f"{name}-{number}.approval"
        filled.run("access", "approve", paper, "--key", keys[name], "--log", log_key, "--role", role, "--out", out).json
        return ["--approval", out]

    use = ("access", "use", paper, "--account", "agent", "--key", keys["agent"], "--processes", 1, "-o", tmp_path / "out.jsonl")
    unsigned = [*approved("lawyer", "counsel", 1), *approved("dpo", "privacy", 1)]
    refused = filled.run(*use, *unsigned)
    assert (refused.code, refused.flaw) == (4, "signin.approver-not-signed-in")
    assert acts(filled)[-2:] == ["access.refused", "run.finished"]
    words: list[object] = []
    for name, group, role in (("lawyer", "lawyers", "counsel"), ("dpo", "data-protection", "privacy")):
        os.environ[session.VARIABLE] = str(tmp_path / f"{name}.session")
        try:
            idp.claims |= {"sub": name, "groups": [group]}
            filled.run("access", "sign-in").json
            words += approved(name, role, 2)
            filled.run("access", "sign-out").json
        finally:
            del os.environ[session.VARIABLE]
    assert filled.run(*use, *words).code == 0
    revoked = filled.run("access", "revoke", paper, "--reason", "done").json
    assert filled.run("ledger", "show").rows[revoked["entry"]]["actor"] == "agent", "who is signed in, not just the holder"
