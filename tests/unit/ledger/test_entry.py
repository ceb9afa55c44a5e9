"""The closed vocabulary: what an act may say, and that nothing else gets in."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed, Unverified
from incamera.core.records import Entry
from incamera.ledger.entry import (
    ACTS,
    CODE,
    COUNT,
    DIGEST,
    FLAG,
    LABEL,
    PSEUDONYM,
    REF,
    SLUG,
    TIME,
    Kind,
    check,
    decode,
    encode,
    timestamp,
)
from incamera_verify.canon import canonical

AT = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
SAMPLES = {
    DIGEST.name: "ab" * 32,
    PSEUDONYM.name: "cd" * 16,
    REF.name: "ef" * 16,
    SLUG.name: "court_order",
    LABEL.name: "ABC000001",
    CODE.name: "LANG-NOT-COVERED",
    COUNT.name: 7,
    FLAG.name: True,
    TIME.name: "2026-03-01T12:00:00Z",
}


def sample(kind: Kind) -> object:
    if kind.name.startswith("list of "):
        return [SAMPLES[kind.name.removeprefix("list of ")]] * 2
    return SAMPLES.get(kind.name, kind.name.split(" | ")[0])


def full(act: str) -> Entry:
    return Entry(
        act=act, matter="m-1", actor="service/clerk", fields={name.rstrip("?"): sample(kind) for name, kind in ACTS[act].items()}
    )


def leaf_of(entry: Entry, seq: int = 0) -> bytes:
    return encode(entry, at=timestamp(AT), seq=seq, salt=secrets.token_hex(16))


@pytest.mark.parametrize("act", ACTS)
def test_a_leaf_is_canonical_json(act: str):
    """`encode` spells the canonical form out; here it is held to the one implementation of that form."""
    leaf = leaf_of(full(act), seq=2**40)
    assert canonical(json.loads(leaf)) == leaf


FIELDS = {name: kind for kinds in ACTS.values() for name, kind in kinds.items()}


@given(
    st.sampled_from(sorted(FIELDS)),
    st.from_regex(r"[a-z0-9._:/+-][a-z0-9._:/+_-]{0,79}", fullmatch=True),
    st.integers(0, 2**53 - 1),
)
def test_a_leaf_is_canonical_json_for_every_admitted_value(name: str, slug: str, count: int):
    act = next(act for act, kinds in ACTS.items() if name in kinds)
    for value in (slug, count, [slug, slug], (slug,)):
        entry = Entry(act=act, matter=slug, actor=slug, fields={**full(act).fields, name.rstrip("?"): value})
        try:
            check(entry)
        except Malformed:
            continue
        leaf = leaf_of(entry, seq=count)
        assert canonical(json.loads(leaf)) == leaf


@pytest.mark.parametrize("act", ACTS)
def test_every_act_becomes_a_leaf_and_an_act_again(act: str):
    entry = full(act)
    check(entry)
    recorded = decode(leaf_of(entry, seq=3), 9)
    assert (recorded.entry, recorded.at, recorded.seq, recorded.index) == (entry, AT, 3, 9)


@pytest.mark.parametrize("act", ACTS)
def test_every_act_needs_its_fields_and_no_others(act: str):
    entry = full(act)
    required = [name for name in ACTS[act] if not name.endswith("?")]
    assert required, "an act without fields says nothing"
    for name in required:
        fields = {key: value for key, value in entry.fields.items() if key != name}
        assert code_of(Entry(act=act, matter="", actor="a", fields=fields)) == "ledger.missing-field"
    assert code_of(Entry(act=act, matter="", actor="a", fields={**entry.fields, "note": "x"})) == "ledger.unknown-field"


@pytest.mark.parametrize("act", ACTS)
def test_no_field_of_any_act_takes_a_sentence(act: str):
    for name in full(act).fields:
        for text in ("Jane Roe lives at 5 Elm Street", "jane@example.org", "+1 (555) 010-0199", "Müller", "a\nb", "", "x" * 81):
            for value in (text, [text]):
                entry = Entry(act=act, matter="", actor="a", fields={**full(act).fields, name: value})
                assert code_of(entry) == "ledger.bad-field"


def code_of(entry: Entry) -> str:
    with pytest.raises(Malformed) as caught:
        check(entry)
    return caught.value.code


def test_the_vocabulary_is_closed():
    assert code_of(Entry(act="log.rewritten", matter="", actor="a", fields={})) == "ledger.unknown-act"


@pytest.mark.parametrize(
    ("matter", "actor"),
    [("Roe v. Doe", "a"), ("m-1", "Jane Roe"), ("m-1", ""), ("m-1", "jane@example.org"), (None, "a"), ([], "a")],
)
def test_matters_and_actors_have_slugs(matter: str, actor: str):
    assert (
        code_of(Entry(act="run.started", matter=matter, actor=actor, fields={"run": "ef" * 16, "stage": "x"}))
        == "ledger.bad-name"
    )


def test_an_error_never_quotes_the_value():
    secret = "Jane Roe 555-0199"
    for entry in (
        Entry(act=secret, matter="", actor="a", fields={}),
        Entry(act="run.started", matter=secret, actor="a", fields={}),
        Entry(act="run.started", matter="", actor=secret, fields={}),
        Entry(act="run.started", matter="", actor="a", fields={secret: 1}),
        Entry(act="run.started", matter="", actor="a", fields={"stage": secret}),
    ):
        with pytest.raises(Malformed) as caught:
            check(entry)
        assert "Jane" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (COUNT, -1),
        (COUNT, True),
        (COUNT, 1.0),
        (COUNT, 2**53),
        (COUNT, "1"),
        (FLAG, 1),
        (DIGEST, "AB" * 32),
        (DIGEST, "ab" * 31),
        (DIGEST, b"ab" * 32),
        (DIGEST, "ab" * 32 + "\n"),
        (REF, "ab" * 32),
        (PSEUDONYM, "ab" * 24),
        (SLUG, "Upper"),
        (SLUG, "x\n"),
        (LABEL, "lower"),
        (TIME, "2026-03-01"),
        (TIME, "2026-13-01T00:00:00Z"),
        (TIME, "2026-03-01T00:00:00+01:00"),
        (TIME, "2026-03-01T00:00:00"),
        (TIME, "٢٠٢٦-03-01T00:00:00Z"),
    ],
)
def test_kinds_are_narrow(kind: Kind, value: object):
    assert not kind.admits(value)


def test_times_need_a_zone_and_are_written_in_utc():
    assert timestamp(datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-03-01T10:00:00.000000Z"
    assert TIME.admits(timestamp(AT))
    with pytest.raises(Malformed, match=r"ledger\.bad-time"):
        timestamp(datetime(2026, 3, 1))


def test_a_leaf_has_a_length_limit():
    entry = Entry(
        act="matter.opened", matter="m", actor="a", fields={"order": "ab" * 32, "protocol": "ab" * 32, "holds": ["h" * 80] * 900}
    )
    check(entry)
    with pytest.raises(Malformed, match=r"ledger\.too-long"):
        leaf_of(entry)


def test_equal_acts_have_unequal_leaves():
    """The hash of a leaf must say nothing, even about an act that is easy to guess."""
    assert leaf_of(full("run.started")) != leaf_of(full("run.started"))


LEAF = json.loads(leaf_of(full("hold.placed")))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"salt": "short"},
        {"seq": -1},
        {"at": "yesterday"},
        {"act": "log.rewritten"},
        {"act": []},
        {"fields": []},
        {"fields": {}},
        {"more": 1},
        {"actor": "Jane Roe"},
    ],
    ids=str,
)
def test_leaves_that_no_writer_of_ours_made_are_refused(change: dict):
    with pytest.raises(Unverified, match=r"ledger\.bad-leaf"):
        decode(canonical({**LEAF, **change}), 0)


@pytest.mark.parametrize("leaf", [b"", b"null", b"[]", b"{}", b"\xff", json.dumps(LEAF).encode(), b'{"a":' * 50_000])
def test_bytes_that_are_no_leaf_are_refused(leaf: bytes):
    with pytest.raises(Unverified, match=r"ledger\.bad-leaf"):
        decode(leaf, 0)


@given(st.binary())
def test_no_bytes_crash_the_reader(leaf: bytes):
    with pytest.raises(Unverified):
        decode(leaf, 0)
