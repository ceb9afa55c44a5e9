"""The person's side: sealed before upload, opened again, rotated, exported; and nothing readable on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from incamera import client
from incamera.client import PersonKeys
from incamera.core.canon import unpack
from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.records import Conversation
from incamera.testing.places import Place
from incamera.testing.vaults import CANARY, CHEAP, conversation
from incamera.vault import held

PASSPHRASE = "mine alone"


@pytest.fixture
def keys(tmp_path: Path) -> PersonKeys:
    return PersonKeys.create(tmp_path / "mine.key", PASSPHRASE, cost=CHEAP)


def mine(count: int) -> list[Conversation]:
    return [replace(conversation(n), subject="alone@example.org") for n in range(count)]


def test_the_whole_way_round(tmp_path: Path, keys: PersonKeys) -> None:
    """Sealed, uploaded, stored, answered, exported; the keeper reads nothing and the person everything."""
    said = mine(5)
    assert client.seal(said, tmp_path / "upload.jsonl", keys=keys) == 5
    (tmp_path / "home").mkdir()
    place = Place.make(tmp_path / "home")
    report = place.vault.put_held((one, facts) for one, facts in client.envelopes(tmp_path / "upload.jsonl") if facts)
    assert report.stored == 5
    refs = [ref for ref in place.vault.lookup(one.id for one in said).values() if ref]
    lines = [held.write_line(one) for one in place.vault.held_envelopes(refs)]
    (tmp_path / "answer.jsonl").write_bytes(b"".join(lines))
    place.vault.close()
    kept = b"".join(path.read_bytes() for path in place.home.rglob("*") if path.is_file())
    assert CANARY.encode() not in kept + b"".join(lines) + (tmp_path / "upload.jsonl").read_bytes()
    again = PersonKeys.open(tmp_path / "mine.key", PASSPHRASE)
    assert client.export(tmp_path / "answer.jsonl", tmp_path / "mine.jsonl", keys=again) == 5
    rows = [unpack(line, Conversation) for line in (tmp_path / "mine.jsonl").read_bytes().splitlines()]
    assert sorted(rows, key=lambda one: one.id) == said
    assert (tmp_path / "mine.jsonl").stat().st_mode & 0o077 == 0


def test_rotation_seals_the_keys_anew_and_older_ones_can_go(tmp_path: Path, keys: PersonKeys) -> None:
    client.seal(mine(3), tmp_path / "old.jsonl", keys=keys)
    before = keys.public
    keys.rotate()
    assert keys.public.public_bytes_raw() != before.public_bytes_raw()
    assert len(list(client.opened(tmp_path / "old.jsonl", keys=keys))) == 3
    assert client.rotate(tmp_path / "old.jsonl", tmp_path / "new.jsonl", keys=keys) == 3
    assert keys.forget_older() == 1
    again = PersonKeys.open(keys.path, PASSPHRASE)
    assert [one.id for one in client.opened(tmp_path / "new.jsonl", keys=again)] == ["c0", "c1", "c2"]
    with pytest.raises(Unverified) as caught:
        list(client.opened(tmp_path / "old.jsonl", keys=again))
    assert caught.value.code == "vault.no-such-key"
    old, new = (list(client.envelopes(tmp_path / name)) for name in ("old.jsonl", "new.jsonl"))
    assert [one.body for one, _ in old] == [one.body for one, _ in new]
    assert [facts for _, facts in old] == [facts for _, facts in new]


def test_another_passphrase(keys: PersonKeys) -> None:
    public = keys.public.public_bytes_raw()
    keys.change_passphrase("another", cost=CHEAP)
    with pytest.raises(Unavailable) as caught:
        PersonKeys.open(keys.path, PASSPHRASE)
    assert caught.value.code == "client.passphrase"
    assert PersonKeys.open(keys.path, "another").public.public_bytes_raw() == public


def test_the_key_file_shows_no_key_and_belongs_to_its_owner(keys: PersonKeys) -> None:
    data = keys.path.read_bytes()
    for private in keys.private.values():
        assert private.private_bytes_raw() not in data
        assert private.private_bytes_raw().hex().encode() not in data
    assert keys.path.stat().st_mode & 0o077 == 0
    assert repr(keys) == "<PersonKeys 1>"
    with pytest.raises(Unavailable) as caught:
        PersonKeys.create(keys.path, PASSPHRASE, cost=CHEAP)
    assert caught.value.code == "client.exists"


@pytest.mark.parametrize(
    "change",
    [
        {"v": "incamera/person-key/2"},
        {"keys": []},
        {"keys": [{"public": "00", "sealed": "00"}]},
        {"extra": 1},
        {"kdf": {"name": "argon2id", "salt": "00", "iterations": 1, "memory_kib": 64, "lanes": 1}},
        {"kdf": {"name": "argon2id", "salt": "00" * 16, "iterations": 1, "memory_kib": 1 << 40, "lanes": 1}},
        {"kdf": {"name": "none", "salt": "00" * 16, "iterations": 1, "memory_kib": 64, "lanes": 1}},
    ],
    ids=str,
)
def test_a_file_that_is_none_is_refused(keys: PersonKeys, change: dict[str, Any]) -> None:
    keys.path.write_text(json.dumps(json.loads(keys.path.read_bytes()) | change))
    with pytest.raises(Malformed) as caught:
        PersonKeys.open(keys.path, PASSPHRASE)
    assert caught.value.code == "client.key-file"


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_key_file_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.key").write_bytes(data)
    with pytest.raises(Malformed):
        PersonKeys.open(tmp_path / "x.key", PASSPHRASE)


def test_a_public_key_exchanged_in_the_file_is_refused(keys: PersonKeys) -> None:
    """So that nobody makes the person seal to a stranger's key by editing the file."""
    document = json.loads(keys.path.read_bytes())
    document["keys"][0]["public"] = "11" * 32
    keys.path.write_text(json.dumps(document))
    with pytest.raises(Unavailable):
        PersonKeys.open(keys.path, PASSPHRASE)


def test_files_in_the_way_are_told(tmp_path: Path, keys: PersonKeys) -> None:
    (tmp_path / "there").write_bytes(b"kept")
    with pytest.raises(Unavailable) as caught:
        client.seal(mine(1), tmp_path / "there", keys=keys)
    assert caught.value.code == "client.exists"
    assert (tmp_path / "there").read_bytes() == b"kept"
    with pytest.raises(Unavailable) as missing:
        list(client.opened(tmp_path / "nowhere.jsonl", keys=keys))
    assert missing.value.code == "client.unreadable"
    with pytest.raises(Unavailable) as unread:
        PersonKeys.open(tmp_path / "nowhere.key", PASSPHRASE)
    assert unread.value.code == "client.unreadable"
    with pytest.raises(Unavailable) as unwritable:
        client.seal(mine(1), tmp_path / "nowhere" / "x", keys=keys)
    assert unwritable.value.code == "client.unwritable"


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path, keys: PersonKeys) -> None:
    with pytest.raises(Malformed) as caught:
        client.seal([*mine(1), replace(conversation(2), subject="")], tmp_path / "upload.jsonl", keys=keys)
    assert caught.value.code == "client.no-subject"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.key"]


def test_facts_are_what_the_conversation_says(tmp_path: Path) -> None:
    one = replace(conversation(3), subject="", started_at=datetime(2025, 3, 1, 9, 30))
    told = client.facts(one, "alone@example.org")
    assert (told.subject, told.id, told.source, told.started_at and told.started_at.isoformat()) == (
        "alone@example.org",
        "c3",
        "test",
        "2025-03-01T09:30:00+00:00",
    )


def test_the_commands_go_the_whole_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from incamera.doors.cli.app import build

    monkeypatch.setenv("INCAMERA_PASSPHRASE", PASSPHRASE)
    said = {"id": "k1", "subject": "me", "turns": [{"role": "user", "text": f"{CANARY} hello"}]}
    (tmp_path / "mine.jsonl").write_text(json.dumps(said) + "\n")
    key, upload, new, out = (str(tmp_path / name) for name in ("mine.key", "upload.jsonl", "new.jsonl", "out.jsonl"))
    for line in (
        ["client", "keygen", key, "--json"],
        ["client", "seal", key, str(tmp_path / "mine.jsonl"), "-o", upload, "--subject", "my-account", "--json"],
        ["client", "rotate", key, upload, "-o", new, "--json"],
        ["client", "open", key, new, "-o", out, "--json"],
    ):
        build()(line, standalone_mode=False)
    shown = capsys.readouterr()
    assert '"opened": 1' in shown.out
    assert CANARY not in shown.out + shown.err + Path(upload).read_text() + Path(new).read_text()
    assert unpack(Path(out).read_bytes().strip(), Conversation).turns[0].parts[0].text == f"{CANARY} hello"
