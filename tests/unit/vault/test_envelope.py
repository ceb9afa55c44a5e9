"""Sealing: every swap and every flipped bit is refused, and padding shows no more than it may."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed, Unverified
from incamera.vault import bodies, envelope
from incamera.vault.bodies import Codec
from incamera.vault.envelope import Binding

KEY = bytes(range(32))
IDS = {"uref": b"u" * 16, "cref": b"c" * 16, "version": 3, "kind": 1}


@given(st.binary(max_size=3000), st.binary(max_size=100))
def test_sealing_round_trips(data: bytes, aad: bytes) -> None:
    sealed = envelope.seal(KEY, data, aad)
    assert envelope.unseal(KEY, sealed, aad) == data
    assert len(sealed) == len(data) + envelope.NONCE_BYTES + envelope.TAG_BYTES


def test_every_flipped_bit_is_refused() -> None:
    sealed = envelope.seal(KEY, b"some words", b"aad")
    for place in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[place // 8] ^= 1 << place % 8
        with pytest.raises(Unverified) as caught:
            envelope.unseal(KEY, bytes(altered), b"aad")
        assert caught.value.code == "vault.not-authentic"


@pytest.mark.parametrize("length", [0, 1, 12, 27])
def test_a_truncated_value_is_refused(length: int) -> None:
    with pytest.raises(Unverified):
        envelope.unseal(KEY, envelope.seal(KEY, b"words", b"")[:length], b"")


@pytest.mark.parametrize(
    "changed",
    [{"uref": b"v" * 16}, {"cref": b"d" * 16}, {"version": 4}, {"kind": 2}, {"level": b"result"}, {"tenant": b"other"}],
    ids=lambda changed: next(iter(changed)),
)
def test_every_swap_of_the_associated_data_is_refused(changed: dict[str, object]) -> None:
    sealed = envelope.seal(KEY, b"words", Binding(b"tenant")(b"body", **IDS))  # type: ignore[arg-type]
    stated = {"level": b"body", "tenant": b"tenant", **IDS} | changed
    tenant, level = stated.pop("tenant"), stated.pop("level")
    with pytest.raises(Unverified):
        envelope.unseal(KEY, sealed, Binding(tenant)(level, **stated))  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=5), max_size=4), st.lists(st.binary(max_size=5), max_size=4))
def test_two_lists_of_values_never_share_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (envelope.fields(*one) == envelope.fields(*other)) == (one == other)
    assert (envelope.fields_long(*one) == envelope.fields_long(*other)) == (one == other)


def test_ids_of_unusual_lengths_do_not_run_into_each_other() -> None:
    bind = Binding(b"t")
    seen = {bind(b"x", uref=u, cref=c) for u, c in itertools.product((b"", b"a", b"aa", b"\0"), repeat=2)}
    assert len(seen) == 16


@given(st.integers(min_value=0, max_value=1 << 40))
def test_padme_wastes_at_most_twelve_percent(size: int) -> None:
    padded = envelope.padded_size(size)
    assert size <= padded <= size * 1.12 + 1
    assert envelope.padded_size(padded) == padded


def test_padme_leaves_few_sizes() -> None:
    assert len({envelope.padded_size(size) for size in range(1 << 16)}) < 300


@given(st.binary(max_size=5000))
def test_padding_round_trips(data: bytes) -> None:
    padded = envelope.pad(data)
    assert bytes(envelope.unpad(padded)) == data
    assert len(padded) == envelope.padded_size(len(data) + 4)


@pytest.mark.parametrize("broken", [b"", b"\0\0\0", b"\0\0\0\7abc", b"\xff\xff\xff\xffabc"])
def test_a_length_beyond_the_body_is_refused(broken: bytes) -> None:
    with pytest.raises(Unverified) as caught:
        envelope.unpad(broken)
    assert caught.value.code == "vault.bad-padding"


def test_an_authentic_body_that_is_no_compressed_frame_is_refused() -> None:
    with pytest.raises(Unverified) as caught:
        Codec().grow(envelope.pad(b"not a zstd frame"), where="x")
    assert caught.value.code == "vault.bad-padding"


@given(st.binary(max_size=20_000))
def test_the_codec_round_trips(data: bytes) -> None:
    codec = Codec()
    assert codec.grow(codec.shrink(data), where="") == data


def by_column(rows: list[bodies.Sealed]) -> bodies.Rows:
    halves = [(row.body[:12], row.body[12:]) for row in rows]
    columns = ([row.cref for row in rows], [row.uref for row in rows], [row.commit for row in rows])
    return bodies.Rows(*columns, [nonce for nonce, _ in halves], [rest for _, rest in halves])


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 2), st.integers(0, 1)), max_size=6), st.booleans())
def test_rows_opened_together_are_what_they_are_alone(texts: list[tuple[bytes, int, int]], classes: bool) -> None:
    bind, codec = Binding(b"t"), Codec()
    keys = {bytes([n] * 16): os.urandom(32) for n in range(len(texts))}
    kinds = {cref: kind if classes else 0 for cref, (_, kind, _) in zip(keys, texts, strict=True)}
    rows = [
        bodies.seal_body(bind, codec, text, key=key, uref=bytes([u]) * 16, cref=cref, kind=kinds[cref], nonce=os.urandom(12))
        for (text, _, u), (cref, key) in zip(texts, keys.items(), strict=True)
    ]
    opened = bodies.open_bodies(bind, codec, by_column(rows), keys, {cref: kind for cref, kind in kinds.items() if kind})
    assert opened == [text for text, _, _ in texts]
    assert opened == [bodies.open_body(bind, codec, row, key=keys[row.cref], kind=kinds[row.cref]) for row in rows]


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 2), st.integers(0, 1)), max_size=6))
def test_rows_sealed_together_are_what_they_are_alone(texts: list[tuple[bytes, int, int]]) -> None:
    bind, codec, count = Binding(b"t"), Codec(), len(texts)
    crefs, urefs = [bytes([n] * 16) for n in range(count)], [bytes([u]) * 16 for _, _, u in texts]
    keys, nonces = [os.urandom(32) for _ in texts], [os.urandom(12) for _ in texts]
    kinds, packed = [kind for _, kind, _ in texts], [text for text, _, _ in texts]
    together = bodies.seal_bodies(bind, codec, bodies.Fresh(crefs, urefs, kinds, packed, keys, nonces))
    assert together == [
        bodies.seal_body(bind, codec, p, key=k, uref=u, cref=c, kind=kind, nonce=nonce)
        for p, k, u, c, kind, nonce in zip(packed, keys, urefs, crefs, kinds, nonces, strict=True)
    ]


def test_what_is_too_large_is_refused_before_anything_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_BYTES_MAX", 10)
    fresh = bodies.Fresh(
        [b"c" * 16, b"d" * 16], [b"u" * 16] * 2, [0, 0], [b"small", b"more than that"], [KEY] * 2, [bytes(12)] * 2
    )
    with pytest.raises(Malformed) as caught:
        bodies.seal_bodies(Binding(b"t"), Codec(), fresh)
    assert (caught.value.code, caught.value.where) == ("vault.too-large", f"conversation {(b'd' * 16).hex()}")
    assert "small" not in repr(fresh)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: row._replace(commit=bytes(32)), "vault.key-commitment"),
        (lambda row: row._replace(cref=b"d" * 16), "vault.not-authentic"),
        (lambda row: row._replace(uref=b"v" * 16), "vault.not-authentic"),
        (lambda row: row._replace(body=row.body[:-1] + bytes([row.body[-1] ^ 1])), "vault.not-authentic"),
        (lambda row: row._replace(body=row.body[:7]), "vault.not-authentic"),
        (lambda row: row._replace(body=b""), "vault.not-authentic"),
        (lambda row: row._replace(body=authentic(b"\0\0\1\0frame")), "vault.bad-padding"),
        (lambda row: row._replace(body=authentic(b"\0\0")), "vault.bad-padding"),
        (lambda row: row._replace(body=authentic(envelope.pad(b"no frame"))), "vault.bad-padding"),
    ],
)
def test_one_bad_row_among_good_ones_is_named(change: Callable[[bodies.Sealed], bodies.Sealed], code: str) -> None:
    bind, codec, nonce = Binding(b"t"), Codec(), os.urandom(12)
    crefs = [bytes([n]) * 16 for n in range(4)] + [b"c" * 16]
    rows = [bodies.seal_body(bind, codec, b"words", key=KEY, uref=b"u" * 16, cref=cref, kind=0, nonce=nonce) for cref in crefs]
    rows[-1] = change(rows[-1])
    with pytest.raises(Unverified) as caught:
        bodies.open_bodies(bind, codec, by_column(rows), {row.cref: KEY for row in rows}, {})
    assert (caught.value.code, caught.value.where) == (code, rows[-1].cref.hex())


def authentic(padded: bytes) -> bytes:
    """Authentic bytes in the place of a body, whatever they are."""
    return envelope.seal(KEY, padded, Binding(b"t")(bodies.BODY, uref=b"u" * 16, cref=b"c" * 16, version=1))


def test_no_body_is_decrypted_where_one_key_is_not_the_committed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bind, codec = Binding(b"t"), Codec()
    row = bodies.seal_body(bind, codec, b"{}", key=KEY, uref=b"u" * 16, cref=b"c" * 16, kind=0, nonce=os.urandom(12))
    monkeypatch.setattr(bodies, "AESGCM", lambda _: pytest.fail("decrypted under an uncommitted key"))
    with pytest.raises(Unverified) as caught:
        bodies.open_bodies(bind, codec, by_column([row]), {row.cref: b"k" * 32}, {})
    assert caught.value.code == "vault.key-commitment"


def test_every_flipped_bit_of_a_row_is_refused() -> None:
    bind, codec = Binding(b"t"), Codec()
    row = bodies.seal_body(bind, codec, b"words", key=KEY, uref=b"u" * 16, cref=b"c" * 16, kind=0, nonce=os.urandom(12))
    for place in range(len(row.body) * 8):
        body = bytearray(row.body)
        body[place // 8] ^= 1 << place % 8
        with pytest.raises(Unverified) as caught:
            bodies.open_body(bind, codec, row._replace(body=bytes(body)), key=KEY, kind=0)
        assert caught.value.code == "vault.not-authentic"
    for length in (0, 11, 12, 27, len(row.body) - 1):
        with pytest.raises(Unverified):
            bodies.open_body(bind, codec, row._replace(body=row.body[:length]), key=KEY, kind=0)


def test_the_commitment_is_checked_before_anything_is_decrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    bind, codec = Binding(b"t"), Codec()
    row = bodies.seal_body(bind, codec, b"{}", key=KEY, uref=b"u" * 16, cref=b"c" * 16, kind=0, nonce=os.urandom(12))
    assert bodies.open_body(bind, codec, row, key=KEY, kind=0) == b"{}"
    monkeypatch.setattr(envelope, "unseal", lambda *_, **__: pytest.fail("decrypted under an uncommitted key"))
    with pytest.raises(Unverified) as caught:
        bodies.open_body(bind, codec, row, key=b"k" * 32, kind=0)
    assert caught.value.code == "vault.key-commitment"


def test_a_conversation_beyond_a_gibibyte_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from incamera.core.errors import Malformed

    monkeypatch.setattr(bodies, "BODY_BYTES_MAX", 10)
    with pytest.raises(Malformed) as caught:
        bodies.seal_body(Binding(b"t"), Codec(), b"x" * 11, key=KEY, uref=b"u" * 16, cref=b"c" * 16, kind=0, nonce=os.urandom(12))
    assert caught.value.code == "vault.too-large"


def test_subkeys_of_other_uses_differ() -> None:
    derived = {envelope.derive(KEY, info) for info in (b"a", b"b", b"", b"ab")}
    assert len(derived) == 4
    assert bodies.result_key(KEY, "m-1") != bodies.result_key(KEY, "m-2")


def test_the_expansion_of_a_conversation_is_within_its_budget() -> None:
    expansion = envelope.NONCE_BYTES + envelope.TAG_BYTES + len(envelope.key_commitment(KEY)) + envelope.WRAPPED_BYTES
    assert expansion == 120 <= 130
