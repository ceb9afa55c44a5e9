"""Taking in: what is new is stored once, what is told stays without text, and nothing readable reaches the disk."""

from __future__ import annotations

import errno
import hmac
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.records import Conversation, Part, Turn
from incamera.testing.vaults import CANARY, PASSPHRASE, account, conversation
from incamera.vault import files, intake
from incamera.vault.intake import Marks
from incamera.vault.kms import LocalKms
from incamera.vault.store import Vault

Fill = Callable[[int], Any]


def test_what_is_stored_again_is_a_duplicate(place: Any) -> None:
    first = place.vault.put(conversation(n) for n in range(30))
    again = place.vault.put(conversation(n) for n in range(35))
    assert (first.stored, first.duplicates, first.subjects) == (30, 0, 7)
    assert (again.stored, again.duplicates, again.subjects) == (5, 30, 0)
    assert len(list(place.vault.facts())) == 35


def test_repeats_within_one_stream_are_stored_once(place: Any) -> None:
    report = place.vault.put([conversation(1), conversation(1), conversation(2)])
    assert (report.stored, report.duplicates) == (2, 1)


def test_another_content_under_one_id_is_handed_back(place: Any) -> None:
    place.vault.put([conversation(1)])
    told: list[Conversation] = []
    report = place.vault.put([conversation(1, text="something else")], on_conflict=told.append)
    assert (report.stored, report.conflicting) == (0, 1)
    assert [c.id for c in told] == ["c1"]


def test_one_id_of_two_sources_is_two_conversations(place: Any) -> None:
    place.vault.put([conversation(1), replace(conversation(1), source="other")])
    assert len(list(place.vault.facts())) == 2
    with pytest.raises(Malformed) as caught:
        place.vault.lookup(["c1"])
    assert caught.value.code == "vault.ambiguous-id"
    assert place.vault.lookup(["c1"], source="other")["c1"] is not None


def test_facts_are_those_of_the_conversation(place: Any) -> None:
    place.vault.put([conversation(11)])
    (found,) = place.vault.facts()
    assert (found.day, found.month, found.region, found.tier) == ("2025-12-12", "2025-12", None, None)
    assert (found.temporary, found.deletion_requested, found.party_account) == (False, False, False)
    assert (found.turns, found.outputs_missing, found.source) == (2, 1, "test")
    assert found.cref == place.vault.lookup(["c11"])["c11"]
    assert found.subject == place.vault.subjects(["person-4@example.org"])["person-4@example.org"]


def test_days_are_told_in_utc(place: Any) -> None:
    late = datetime.fromisoformat("2025-01-01T01:00:00+02:00")
    place.vault.put([replace(conversation(1), started_at=late)])
    assert next(place.vault.facts()).day == "2024-12-31"


def test_accounts_lend_what_the_source_lacks(place: Any) -> None:
    known = account(2)
    place.vault.put([conversation(2)], {known.subject: known})
    (found,) = place.vault.facts()
    assert found.region == "FR"
    assert found.tier == "free"  # the source's own word goes first


def test_an_account_that_comes_later_or_changes_is_taken_in(place: Any) -> None:
    place.vault.put([conversation(2)])
    known = account(2)
    assert place.vault.put([conversation(2)], {known.subject: known}).accounts == 1
    assert place.vault.put([conversation(2)], {known.subject: known}).accounts == 0
    assert place.vault.put([conversation(2)], {known.subject: replace(known, names=("X",))}).accounts == 1


def test_conversations_without_a_subject_share_no_key(place: Any) -> None:
    place.vault.put(replace(conversation(n), subject="") for n in range(3))
    assert len({found.subject for found in place.vault.facts()}) == 3


def test_unknown_ids_are_none(fill: Fill) -> None:
    place = fill(3)
    assert place.vault.lookup(["c1", "nope"])["nope"] is None
    assert place.vault.subjects(["nobody"]) == {"nobody": None}


def test_lone_surrogates_survive(place: Any) -> None:
    strange = replace(conversation(1, text="half \ud83d a face"), id="id-\udc00", subject="who-\ud800")
    assert place.vault.put([strange]).stored == 1
    assert place.vault.put([strange]).duplicates == 1


def test_the_same_in_another_vault_has_other_names(place: Any, tmp_path: Path) -> None:
    place.vault.put([conversation(1)])
    other = tmp_path / "other"
    other.mkdir()
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)
    with Vault.create(other, kms, appender=place.ledger, clock=place.clock) as vault:
        vault.put([conversation(1)])
        assert vault.lookup(["c1"]) != place.vault.lookup(["c1"])


def test_no_text_no_source_id_and_no_key_reaches_the_disk(place: Any) -> None:
    known = account(1)
    place.vault.put((conversation(n) for n in range(60)), {known.subject: known})
    place.vault.close()
    needles = [CANARY.encode(), b"person-", b"example.org", b'"c17"', PASSPHRASE.encode(), place.vault.grant_key]
    for path in place.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [n for n in needles if n in data], path.name
    assert all(path.stat().st_mode & 0o077 == 0 for path in place.home.rglob("*") if path.is_file() and "db-" not in path.name)


def test_a_restored_database_is_closed_to_other_accounts(place: Any) -> None:
    for name in ("keys.db", "state.db"):
        (place.home / name).chmod(0o644)
    with place.again() as vault:
        vault.put([conversation(1)])
        assert [(place.home / name).stat().st_mode & 0o777 for name in ("keys.db", "state.db")] == [0o600, 0o600]


def test_marks_are_what_the_format_says() -> None:
    """`docs/formats/vault.md`: the first 16 bytes of HMAC-SHA256 over a kind and the values, each behind its length."""
    key = bytes(range(32))
    marks = Marks(key)

    def stated(*values: bytes) -> bytes:
        said = b"".join(len(value).to_bytes(8, "big") + value for value in values)
        return hmac.digest(key, said, "sha256")[:16]

    assert marks.conversation("a source", "c\udc00") == stated(b"conversation", b"a source", b"c\xed\xb0\x80")
    assert marks.subject("who") == stated(b"subject", b"who")
    assert marks.content(b"packed") == marks.content(b"packed") == stated(b"content", b"packed")


def test_a_report_and_the_vault_show_no_text(place: Any) -> None:
    arrived = next(iter(place.vault._intake.batches([conversation(1)])))
    for thing in (place.vault, place.vault.put([conversation(1)]), arrived, place.vault.broker, place.vault.keyring):
        assert CANARY not in repr(thing)
        assert place.vault.grant_key.hex() not in repr(thing)


def test_large_streams_become_several_files(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_ROWS", 10)
    report = place.vault.put(conversation(n) for n in range(35))
    assert len(report.roots) == 4
    assert place.vault.stats().files == 4
    assert place.vault.check() == 35


def test_batches_are_bounded_by_bytes_too(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_BYTES", 5000)
    assert len(place.vault.put(conversation(n, text="x" * 3000) for n in range(6)).roots) == 3


def test_an_exception_in_the_source_keeps_what_came_before(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_ROWS", 10)

    def stream() -> Any:
        yield from (conversation(n) for n in range(25))
        raise Malformed("ingest.truncated", "the file ends early")

    with pytest.raises(Malformed):
        place.vault.put(stream())
    assert place.vault.stats().conversations == 20
    assert place.vault.put(conversation(n) for n in range(25)).stored == 5


def test_a_full_disk_is_told_and_what_was_stored_stays(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    place = fill(10)
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Unavailable) as caught:
        place.vault.put(conversation(n) for n in range(10, 20))
    assert caught.value.code == "vault.disk-full"
    monkeypatch.setattr(os, "fsync", real)
    vault = place.reopen()
    assert vault.stats().conversations == 10
    assert vault.put(conversation(n) for n in range(20)).stored == 10
    assert vault.check() == 20


def test_check_finds_a_corrupted_page_and_names_the_file(fill: Fill) -> None:
    place = fill(40)
    assert place.vault.check() == 40
    (path,) = (place.home / "vault").glob("*.parquet")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(Unverified) as caught:
        place.vault.check()
    assert caught.value.code == "vault.damaged-file"
    assert path.name in caught.value.where


def test_a_missing_file_is_told(fill: Fill) -> None:
    place = fill(4)
    next((place.home / "vault").glob("*.parquet")).unlink()
    with pytest.raises(Unavailable) as caught:
        place.vault.check()
    assert caught.value.code == "vault.unreadable"


def test_files_do_not_stand_in_for_each_other(place: Any) -> None:
    place.vault.put(conversation(n) for n in range(5))
    place.vault.put(conversation(n) for n in range(5, 10))
    one, other = sorted((place.home / "vault").glob("*.parquet"))
    one.write_bytes(other.read_bytes())
    with pytest.raises(Unverified) as caught:
        place.vault.check()
    assert caught.value.code == "vault.damaged-file"


def test_a_turnless_conversation_is_stored(place: Any) -> None:
    place.vault.put([Conversation(id="empty", subject="s", source="test", turns=())])
    assert next(place.vault.facts()).turns == 0


def test_opening_nothing_is_told(tmp_path: Path, place: Any) -> None:
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)
    with pytest.raises(Unavailable) as caught:
        Vault.open(tmp_path / "nowhere", kms, appender=place.ledger, clock=place.clock)
    assert caught.value.code == "vault.missing-database"


def test_a_vault_is_not_created_twice(place: Any) -> None:
    kms = LocalKms.open(place.home / "kms.json", PASSPHRASE)
    with pytest.raises(Unavailable) as caught:
        Vault.create(place.home, kms, appender=place.ledger, clock=place.clock)
    assert caught.value.code == "vault.exists"


def test_another_kms_does_not_open_the_vault(place: Any, tmp_path: Path) -> None:
    from incamera.testing.vaults import CHEAP

    foreign = LocalKms.create(tmp_path / "foreign.json", PASSPHRASE, cost=CHEAP)
    with pytest.raises(Unavailable) as caught:
        Vault.open(place.home, foreign, appender=place.ledger, clock=place.clock)
    assert caught.value.code == "vault.epoch-unknown"


def test_naive_moments_are_kept_as_they_are(place: Any) -> None:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="", text="x"),))
    naive = datetime(2025, 3, 4)
    place.vault.put([Conversation(id="n", subject="s", source="test", started_at=naive, turns=(turn,))])
    assert next(place.vault.facts()).day == "2025-03-04"
    assert datetime.now(UTC).tzinfo is UTC


@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_every_way_of_having_no_room_is_a_full_disk(tmp_path: Path, cause: int) -> None:
    assert files.refuse(OSError(cause, "no"), tmp_path / "a").code == "vault.disk-full"


def test_a_limit_on_file_sizes_is_a_full_disk_and_leaves_nothing(tmp_path: Path) -> None:
    """The system's own limit, met by a real write in a process of its own, for small files and for Parquet."""
    script = """
import resource, sys
from pathlib import Path
import pyarrow as pa
from incamera.core.errors import Unavailable
from incamera.vault import files
folder = Path(sys.argv[1])
table = pa.table({"body": [bytes(1000)] * 200})
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for write in (
    lambda: files.replace(folder / "small", bytes(50_000)),
    lambda: files.write_parquet(folder / "rows", table, key=bytes(16), prefix=b"p"),
):
    try:
        write()
    except Unavailable as flaw:
        print(flaw.code, flaw.where)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["vault.disk-full small", "vault.disk-full rows"]
    assert list(tmp_path.iterdir()) == []
