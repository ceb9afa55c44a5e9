"""Words that many subjects use survive; names never do; few subjects clear nothing."""

from __future__ import annotations

import pyarrow as pa

from incamera.core.batch import OPENED
from incamera.core.canon import pack
from incamera.core.records import Conversation, Part, Turn
from incamera.deid.find import find
from incamera.deid.recipe import load
from incamera.deid.vocabulary import MIN_SUBJECTS, CommonWords, HashedUses, Vocabulary, count, freeze

KEY = bytes(range(32))


def batch(texts: list[tuple[int, str]]) -> pa.RecordBatch:
    rows = []
    for i, (subject, text) in enumerate(texts):
        turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
        c = Conversation(id=str(i), subject=str(subject), source="t", turns=(turn,))
        ref = subject.to_bytes(16, "big")
        rows.append(
            {
                "cref": i.to_bytes(16, "big"),
                "uref": ref,
                "conversation": pack(c),
                "account": None,
                "ledger_key": bytes(32),
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=OPENED)


def passes(batches: list[pa.RecordBatch], k: int) -> list[pa.RecordBatch]:
    """Both passes as an engine runs them: every use of a word in one group."""
    uses = pa.Table.from_batches(list(HashedUses(key=KEY)(iter(batches)))).combine_chunks().to_batches()
    counts = {row["token"]: row["subjects"] for b in count(iter(uses)) for row in b.to_pylist()}
    return list(CommonWords(key=KEY, common={t: n for t, n in counts.items() if n >= k})(iter(batches)))


def vocabulary(texts: list[tuple[int, str]], subjects: int, k: int = 3) -> Vocabulary:
    return freeze(passes([batch(texts)], k), k=k, subjects=subjects)


TEXTS = [(i, "the frobnicator of Emma hums") for i in range(5)] + [(9, "quuxling quuxling quuxling")]


def test_counts_subjects_not_uses() -> None:
    v = vocabulary(TEXTS, MIN_SUBJECTS)
    assert "frobnicator" in v.words
    assert "quuxling" not in v.words


def test_a_name_never_enters_however_many_use_it() -> None:
    assert "emma" not in vocabulary(TEXTS, MIN_SUBJECTS).words


def test_a_known_word_survives_the_gate() -> None:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text="I repaired the frobnicator of Emma"),))
    c = Conversation(id="c", subject="s", source="t", turns=(turn,))
    # The names model may take an invented word for a name, and then it stays replaced: here the gate decides alone.
    gate = load().with_(names=False)
    without = find(c, recipe=gate)
    known = find(c, recipe=gate, vocabulary=vocabulary(TEXTS, MIN_SUBJECTS))
    assert len(known.findings) == len(without.findings) - 1


def test_off_below_ten_thousand_subjects_and_says_so() -> None:
    v = vocabulary(TEXTS, MIN_SUBJECTS - 1)
    assert not v.on
    assert "off" in v.note()
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text="the frobnicator"),))
    c = Conversation(id="c", subject="s", source="t", turns=(turn,))
    assert find(c, recipe=load(), vocabulary=v).findings == find(c, recipe=load()).findings


def test_the_digest_fixes_the_words() -> None:
    assert vocabulary(TEXTS, MIN_SUBJECTS).digest() == vocabulary(list(reversed(TEXTS)), MIN_SUBJECTS).digest()
    assert vocabulary(TEXTS, MIN_SUBJECTS).digest() != vocabulary(TEXTS, MIN_SUBJECTS, k=6).digest()


def test_a_word_used_in_several_batches_is_counted_over_all_of_them() -> None:
    batches = [
        batch([(1, "the frobnicator hums"), (1, "frobnicator again"), (2, "my frobnicator broke")]),
        batch([(3, "a frobnicator and a zyxomat"), (4, "zyxomat")]),
    ]
    assert {row["token"]: row["subjects"] for b in passes(batches, 3) for row in b.to_pylist()} == {"frobnicator": 3}


def test_rows_of_the_first_pass_hold_no_word() -> None:
    rows = list(HashedUses(key=KEY)(iter([batch(TEXTS)])))
    assert sum(b.num_rows for b in rows)
    spilt = b"".join(column.buffers()[1].to_pybytes() for b in rows for column in b.columns)
    assert b"frobnicator" not in spilt
    assert b"quuxling" not in spilt
