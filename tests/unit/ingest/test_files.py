"""Paths in, conversations out: containers, order, archives and their limits, bad input, duplicates, account facts."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed
from incamera.core.records import Account
from incamera.ingest import files, mapped, shape
from incamera.ingest.accounts import Accounts
from incamera.ingest.members import Limits
from incamera.ingest.report import FIELDS, Report
from incamera.testing.synth.shapes import chatgpt_line, completion

Read = Any


def plain(id_: str, text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id_, "turns": [{"role": "user", "text": text}, {"role": "assistant", "text": "hi"}], **more}


def write_lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def export(*ids: str) -> bytes:
    return json.dumps([chatgpt_line(i, [("user", "q"), ("assistant", "a")], started=1.7e9) for i in ids]).encode()


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return path


def test_every_container_gives_the_same_conversations(tmp_path: Path, read: Read) -> None:
    records = [chatgpt_line(f"c{i}", [("user", f"q{i}"), ("assistant", "a")], started=1.7e9, user_id="u") for i in range(5)]
    array, rows = json.dumps(records).encode(), "".join(json.dumps(r) + "\n" for r in records).encode()
    forms = {
        "array": array,
        "pretty": json.dumps(records, indent=2).encode(),
        "rows": rows,
        "concatenated": "\n".join(json.dumps(r, indent=1) for r in records).encode(),
        "gz": gzip.compress(array),
        "bom": b"\xef\xbb\xbf" + array,
    }
    expected = None
    for name, data in forms.items():
        path = tmp_path / name
        path.write_bytes(data)
        found, report = read(path)
        assert not report.exceptions, name
        expected = expected or found
        assert found == expected, name
    assert read(archive(tmp_path / "zip", **{"a/conversations.json": array, "a/x.png": b"\x89PNG"}))[0] == expected
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "inner.zip").write_bytes((tmp_path / "zip").read_bytes())
    assert read(folder)[0] == expected


def test_order_is_by_name_and_stable(tmp_path: Path, read: Read) -> None:
    for i in (2, 0, 1):
        (tmp_path / f"conversations-{i:03}.json").write_bytes(export(f"c{i}"))
    assert [c.id for c in read(tmp_path)[0]] == ["c0", "c1", "c2"]


def test_reading_is_lazy(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("".join(json.dumps(plain(f"p{i}")) + "\n" for i in range(10)).encode() + b"{broken")
    report = Report()
    stream = files.read([tmp_path / "a"], report=report)
    assert next(stream).id == "p0" and report.conversations["plain"] == 1 and not report.exceptions


def test_the_owner_of_an_export_is_its_subject(tmp_path: Path, read: Read) -> None:
    user = json.dumps(
        {"id": "user-1", "email": "ada@example.org", "phone_number": "+15550100", "chatgpt_plus_user": True}
    ).encode()
    accounts = Accounts()
    path = archive(
        tmp_path / "z",
        **{
            "conversations.json": export("c1"),
            "user.json": user,
            "message_feedback.json": b'[{"id":"f","conversation_id":"c1","rating":"up"}]',
        },
    )
    (found,), report = read(path, accounts=accounts)
    assert found.subject == "user-1" and found.tier == "plus" and not report.subjects_inferred
    account = accounts.get("user-1")
    assert account is not None and account.emails == ("ada@example.org",) and account.phones == ("+15550100",)
    assert report.companions == {"account": 1, "feedback": 1}


def test_an_export_without_owner_is_one_subject(tmp_path: Path, read: Read) -> None:
    for i in range(2):
        (tmp_path / f"conversations-{i}.json").write_bytes(export(f"a{i}", f"b{i}"))
    found, report = read(tmp_path)
    assert {c.subject for c in found} == {"export:a0"} and report.subjects_inferred == {("chatgpt", "export"): 4}


def test_an_upload_that_looks_like_a_log_is_not_read(tmp_path: Path, read: Read) -> None:
    names = json.dumps({"file-1.dat": "somebody else's conversations.json"}).encode()
    path = archive(
        tmp_path / "z",
        **{"conversations.json": export("c1"), "file-1.dat": export("c2"), "conversation_asset_file_names.json": names},
    )
    found, report = read(path)
    assert [c.id for c in found] == ["c1"] and report.companions == {"attachment-names": 1, "attachment": 1}


def test_claude_users_file(tmp_path: Path, read: Read) -> None:
    users = [{"uuid": "acc-1", "full_name": "Ada Lind", "email_address": "ada@example.org", "verified_phone_number": None}]
    (tmp_path / "users.json").write_text(json.dumps(users))
    (tmp_path / "conversations.json").write_text(
        json.dumps(
            [
                {
                    "uuid": "c",
                    "account": {"uuid": "acc-1"},
                    "chat_messages": [{"uuid": "m", "sender": "human", "text": "x", "content": []}],
                }
            ]
        )
    )
    accounts = Accounts()
    (found,), _ = read(tmp_path, accounts=accounts)
    account = accounts.get("acc-1")
    assert found.subject == "acc-1" and account is not None and account.names == ("Ada Lind",)


def test_account_facts_are_joined_and_do_not_overrule_the_source(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps(plain("p1", subject="s1")) + "\n" + json.dumps(plain("p2", subject="s2", region="US")) + "\n"
    )
    accounts = Accounts([Account(subject="s1", region="EEA", tier="plus"), Account(subject="s2", region="EEA")], parties=["s2"])
    found, report = read(tmp_path / "a.jsonl", accounts=accounts)
    assert [(c.region, c.tier, c.flags.party_account) for c in found] == [("EEA", "plus", False), ("US", None, True)]
    assert report.lacks("region") == () and report.lacks("tier") == () and report.lacks("temporary") == ("plain",)


def test_lacks_answers_for_every_field_and_refuses_others(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a").write_text(json.dumps(plain("p1")) + "\n")
    _, report = read(tmp_path / "a")
    assert {name: report.lacks(name) for name in FIELDS} == dict.fromkeys(FIELDS, ("plain",))
    with pytest.raises(KeyError):
        report.lacks("favourite_colour")


def test_an_id_that_is_reused_hides_no_conversation(tmp_path: Path, read: Read) -> None:
    records = (plain("p"), plain("p"), plain("p", "other"), plain("q"), plain("p", "third"), plain("p", "other"))
    write_lines(tmp_path / "a", *records)
    found, report = read(tmp_path / "a")
    assert [(c.id, c.turns[0].parts[0].text) for c in found][1:3] == [("p#2", "other"), ("q", found[0].turns[0].parts[0].text)]
    assert [c.id for c in found] == ["p", "p#2", "q", "p#3"]
    assert report.duplicates == {"plain": 2} and report.reused_ids == {"plain": 2} and not report.exceptions
    assert report.summary()["reused_ids"] == {"plain": 2}
    # The same log beside its own copy: nothing new, and the names stay.
    write_lines(tmp_path / "b", *records)
    twice, again = read(tmp_path)
    assert twice == found and again.duplicates == {"plain": 8} and again.reused_ids == {"plain": 2}


def test_a_number_that_is_a_record_s_own_id_is_not_given_twice(tmp_path: Path, read: Read) -> None:
    write_lines(tmp_path / "a", plain("p#2", "own"), plain("p"), plain("p", "other"), plain("p#3", "late"), plain("p#2", "own"))
    found, report = read(tmp_path / "a")
    assert [c.id for c in found] == ["p#2", "p", "p#3", "p#3#2"]
    assert report.duplicates == {"plain": 1} and report.reused_ids == {"plain": 2}


@given(st.lists(st.tuples(st.sampled_from(["p", "p#2", "p#3", "q"]), st.sampled_from("abcde")), min_size=1))
def test_no_content_is_lost_to_an_id_and_no_name_is_given_twice(said: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        write_lines(Path(place) / "a", *(plain(name, text) for name, text in said))
        found = list(files.read([Path(place) / "a"], report=Report()))
    assert len({c.id for c in found}) == len(found)
    assert {c.turns[0].parts[0].text for c in found} == {text for _, text in said}
    # Dropped is only what some kept record of that very name, or of that id, says word for word.
    assert len(found) <= len(set(said))


def test_a_tier_that_nobody_named_is_counted_and_never_shown(tmp_path: Path, read: Read) -> None:
    write_lines(tmp_path / "a", *(plain(f"p{i}", tier=tier) for i, tier in enumerate(["Plus", "quackenbush", "Gold", None])))
    _, report = read(tmp_path / "a", tiers=["gold"])
    assert {k: n for k, n in report.drift.items() if k[1] == "unread-tier"} == {
        ("plain", "unread-tier", "(not an identifier)"): 1
    }
    assert "quackenbush" not in json.dumps(report.summary())


def test_regions_and_sources_are_closed(tmp_path: Path, read: Read) -> None:
    write_lines(tmp_path / "a", *(plain(f"p{i}", region=area) for i, area in enumerate(["Quackenbush", "QB", "France", "us"])))
    found, _ = read(tmp_path / "a")
    assert [c.region for c in found] == [None, None, "EEA", "US"] and {c.source for c in found} == {"plain"}
    assert {s.name for s in shape.SOURCES} | {mapped.NAME} == {
        *("chatgpt", "claude", "document", "gemini", "mapped", "oasst", "openai_chat", "plain", "sharegpt", "wildchat")
    }


def test_an_empty_directory_is_named(tmp_path: Path) -> None:
    assert refused("ingest.empty", tmp_path).where == str(tmp_path)


def test_strangers_among_records_are_exceptions(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a").write_text(json.dumps(plain("p")) + "\n" + json.dumps({"zzz": 1}) + "\n[1, 2]\n")
    (tmp_path / "b").write_text(json.dumps({"zzz": 1}) + "\n")
    _, report = read(tmp_path)
    assert [(f.code, f.where.rpartition("/")[2]) for f in report.exceptions] == [
        ("ingest.unmatched-record", "a: line 2"),
        ("ingest.unmatched-record", "a: line 3"),
        ("ingest.unmatched-record", "a: line 3"),
        ("ingest.unmatched-file", "b"),
    ]


def refused(code: str, *paths: Path, **options: Any) -> Malformed:
    report = Report()
    with pytest.raises(Malformed) as caught:
        list(files.read(paths, report=report, **options))
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "ingest.empty"),
        (b"\n \n", "ingest.empty"),
        (b"[]", "ingest.empty"),
        (b"Dear diary\n", "ingest.unknown-format"),
        (b'{"a": 1}\n{"a": 2}\n', "ingest.unknown-format"),
        ('{"id": "p", "turns": []}'.encode("utf-16"), "ingest.encoding"),
        ('{"id": "p", "turns": []}'.encode("utf-16-le"), "ingest.encoding"),
        (b'[{"id": "p", "tur', "ingest.truncated"),
        (b"PK\x03\x04 not a zip", "ingest.archive-damaged"),
        (b"\x1f\x8b\x08\x00 not gzip", "ingest.archive-damaged"),
        (b"PAR1 not parquet", "ingest.parquet-damaged"),
    ],
)
def test_bad_input_is_a_clear_error_that_names_the_place(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(data)
    assert str(path) in refused(code, path).where


def test_an_empty_directory_and_a_missing_path(tmp_path: Path) -> None:
    refused("ingest.empty", tmp_path)
    refused("ingest.not-found", tmp_path / "nowhere")


def test_unknown_format_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"a": 1}\n')
    hint = refused("ingest.unknown-format", tmp_path / "x").hint
    assert "mapping" in hint and "chat_messages" in hint and "map.toml" in hint


def test_a_source_can_be_required(tmp_path: Path, read: Read) -> None:
    (tmp_path / "x").write_text(json.dumps(plain("p")) + "\n")
    assert read(tmp_path / "x", source="plain")[0]
    refused("ingest.unknown-format", tmp_path / "x", source="chatgpt")
    assert "chatgpt" in refused("ingest.unknown-source", tmp_path / "x", source="nonsense").hint


def test_latin_1_lines_name_their_byte(tmp_path: Path, read: Read) -> None:
    (tmp_path / "x").write_bytes(
        json.dumps(plain("p")).encode()
        + b"\n"
        + '{"id": "q", "turns": [{"role": "user", "text": "café"}]}'.encode("latin-1")
        + b"\n"
    )
    found, report = read(tmp_path / "x")
    assert (
        [c.id for c in found] == ["p"]
        and report.exceptions[0].code == "ingest.encoding"
        and report.exceptions[0].where.endswith("line 2, byte 51")
    )


def test_threat_zip_bomb_is_refused_by_size_ratio_and_count(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.zip", a=b"[" + b" " * 5_000_000 + b"]")
    refused("ingest.archive-too-large", bomb, limits=Limits(floor_bytes=1000, ratio=100))
    refused("ingest.archive-too-large", bomb, limits=Limits(total_bytes=1_000_000))
    refused("ingest.archive-too-large", archive(tmp_path / "many.zip", a=b"1", b=b"2", c=b"3"), limits=Limits(entries=2))
    gz = tmp_path / "bomb.gz"
    gz.write_bytes(gzip.compress(b"[" + b" " * 5_000_000 + b"]"))
    refused("ingest.archive-too-large", gz, limits=Limits(floor_bytes=1000, ratio=100))


def test_threat_zip_header_that_lies_about_its_size(tmp_path: Path) -> None:
    honest = archive(tmp_path / "z", **{"c.json": export("c1") + b" " * 100_000}).read_bytes()
    size = len(export("c1")) + 100_000
    lying = honest.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little"))
    (tmp_path / "lying.zip").write_bytes(lying)
    report = Report()
    with pytest.raises(Malformed):
        list(files.read([tmp_path / "lying.zip"], report=report))
    assert report.exceptions and report.bytes_read <= 2000


def test_nested_and_encrypted_archives_are_exceptions(tmp_path: Path, read: Read) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as zipped:
        zipped.writestr("x.json", export("hidden"))
    path = archive(tmp_path / "z.zip", **{"a.json": export("c1"), "deep.zip": inner.getvalue()})
    found, report = read(path)
    assert [c.id for c in found] == ["c1"] and [f.code for f in report.exceptions] == ["ingest.archive-nested"]
    data = bytearray(archive(tmp_path / "e.zip", **{"a.json": export("c2")}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "e.zip").write_bytes(data)
    refused("ingest.archive-encrypted", tmp_path / "e.zip")


def test_an_archive_that_breaks_off_keeps_what_was_read(tmp_path: Path, read: Read) -> None:
    rows = b"".join(json.dumps(plain(f"p{i}", text="%064x" % (i * 7919**20))).encode() + b"\n" for i in range(4000))
    whole = gzip.compress(rows)
    (tmp_path / "x.gz").write_bytes(whole[: len(whole) // 2])
    found, report = read(tmp_path / "x.gz")
    assert len(found) > 500
    assert [f.code for f in report.exceptions] == ["ingest.archive-damaged", "ingest.truncated"]


def test_wildchat_parquet_equals_json_lines(tmp_path: Path, read: Read) -> None:
    rows = [
        {
            "conversation_hash": f"h{i}",
            "model": "gpt-4",
            "timestamp": "2023-06-01T00:00:00Z",
            "conversation": [
                {"content": f"q{i}", "role": "user", "hashed_ip": "ip", "country": "Canada"},
                {"content": "a", "role": "assistant", "hashed_ip": None, "country": None},
            ],
            "turn": 1,
        }
        for i in range(300)
    ]
    (tmp_path / "rows").write_text("".join(json.dumps(r) + "\n" for r in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "table", row_group_size=64)
    assert read(tmp_path / "rows")[0] == read(tmp_path / "table")[0]
    found, _ = read(archive(tmp_path / "z", t=(tmp_path / "table").read_bytes()))
    assert len(found) == 300 and found[0].region == "CA"


def test_a_works_or_accounts_file_beside_the_log_is_no_conversation(tmp_path: Path, read: Read) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps(plain("p", subject="s1")) + "\n")
    (tmp_path / "works.jsonl").write_text(json.dumps({"work_id": "w", "title": "t", "text": "words"}) + "\n")
    (tmp_path / "accounts.jsonl").write_text(json.dumps({"subject": "s1", "names": ["Ada"], "tier": "pro", "party": True}) + "\n")
    (found,), report = read(tmp_path)
    assert found.tier == "pro" and found.flags.party_account and report.companions == {"works": 1, "accounts": 1}


def test_threat_text_in_exceptions_and_summary(tmp_path: Path, read: Read) -> None:
    secret = "xyzzysecret"
    rows = [
        json.dumps(plain("p", secret)),
        '{"id": "' + secret + '", ',
        json.dumps({"messages": [{"role": secret, "content": 5}]}),
        json.dumps({secret: secret}),
        json.dumps(plain("q", note={secret: secret})),
    ]
    (tmp_path / "x").write_text("\n".join(rows) + "\n")
    found, report = read(tmp_path / "x")
    told = json.dumps(report.summary()) + json.dumps([f.row() for f in report.exceptions]) + repr(found)
    assert len(report.exceptions) == 3 and secret not in told


def test_derived_ids_stay_out_of_exception_rows() -> None:
    report = Report()
    report.flaw("ingest.damaged-record", where="x: line 1", id="content:0011")
    report.flaw("ingest.damaged-record", where="x: line 2", id="c2")
    assert [f.row()["id"] for f in report.exceptions] == ["", "c2"]


def test_half_characters_in_ids_and_names_do_not_break_the_rows() -> None:
    from incamera.core.canon import canonical

    report = Report()
    report.flaw("ingest.damaged-record", where="\udcff.json: line 1", id="c\ud800")
    (row,) = files.exception_rows(report)
    assert canonical(row) and row["id"] == "c\\ud800"


def test_load_accounts_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    good = {"subject": "s", "names": ["Ada"], "region": "Norway", "tier": "free"}
    path.write_text(json.dumps(good) + "\n" + json.dumps({"subject": "t", "party": True}) + "\n")
    accounts = files.load_accounts(path)
    assert {a.subject: a.region for a in accounts} == {"s": "EEA", "t": None} and accounts.parties == {"t"}
    for bad, code in [
        ({"subject": "s", "colour": "red"}, "ingest.accounts-unknown-key"),
        ({"names": []}, "ingest.accounts-bad-value"),
        ({"subject": "s", "names": "Ada"}, "ingest.accounts-bad-value"),
        ({"subject": "s", "tier": "two words"}, "ingest.accounts-bad-value"),
        ({"subject": "s", "region": "Atlantis"}, "ingest.accounts-bad-value"),
        ({"subject": "s", "party": "yes"}, "ingest.accounts-bad-value"),
        (["s"], "ingest.accounts-not-a-record"),
    ]:
        path.write_text(json.dumps(good) + "\n" + json.dumps(bad) + "\n")
        with pytest.raises(Malformed) as caught:
            files.load_accounts(path)
        assert caught.value.code == code and "line 2" in caught.value.where
    path.write_text(json.dumps(good) + "\n{broken\n")
    with pytest.raises(Malformed, match=r"ingest\.not-json"):
        files.load_accounts(path)
    with pytest.raises(Malformed, match=r"ingest\.not-a-file"):
        files.load_accounts(tmp_path)


def test_learning_an_account_twice_unites_it() -> None:
    accounts = Accounts([Account(subject="s", names=("Ada",), tier="free")])
    accounts.learn(Account(subject="s", names=("Ada", "Ada Lind"), tier="pro", region="UK"))
    assert accounts.get("s") == Account(subject="s", names=("Ada", "Ada Lind"), tier="free", region="UK")
    assert "Ada" not in repr(accounts)


def test_an_unreadable_file_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from incamera.core.errors import Unavailable

    (tmp_path / "x").write_bytes(export("c"))

    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(Unavailable, match=r"ingest\.unreadable"):
        list(files.read([tmp_path / "x"], report=Report()))


def test_pipes_and_dangling_links_do_not_stop_a_directory(tmp_path: Path, read: Read) -> None:
    import os

    (tmp_path / "a").write_text(json.dumps(plain("p")) + "\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    found, report = read(tmp_path)
    assert [c.id for c in found] == ["p"] and report.companions == {"not-a-file": 2}
    refused("ingest.not-a-file", tmp_path / "pipe")


def test_mixed_sources_in_one_file(tmp_path: Path, read: Read) -> None:
    (tmp_path / "x").write_text(
        json.dumps(plain("p")) + "\n" + json.dumps(completion("r", [("user", "x")], None, llm="m", created=1)) + "\n"
    )
    _, report = read(tmp_path / "x")
    assert report.conversations == {"plain": 1, "openai_chat": 1} and report.outputs_missing == {"no_output": 1}
