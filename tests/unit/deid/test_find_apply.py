"""From a conversation to its redaction: what is followed, what is kept, what is withheld."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from incamera.core.errors import Malformed
from incamera.core.ids import Commitment
from incamera.core.records import HEADER, Account, Conversation, Match, Part, Redacted, Span, Turn
from incamera.deid import recipe as recipes
from incamera.deid.apply import apply, redact_text, safe_path
from incamera.deid.find import find
from incamera.deid.interchange import apply_record, apply_records, find_record, find_records

RECIPE = recipes.load()
SOURCE = Commitment("0" * 64)


def talk(*texts: str, title: str = "", **first: object) -> Conversation:
    turns = [
        Turn(index=i, role="user" if i % 2 == 0 else "assistant", parts=(Part(kind="text", path="text", text=t),))
        for i, t in enumerate(texts)
    ]
    if first:
        turns[0] = replace(turns[0], **first)  # type: ignore[arg-type]
    return Conversation(
        id="c",
        subject="s",
        source="test",
        turns=tuple(turns),
        header=(Part(kind="text", path="title", text=title),) if title else (),
    )


def redact(c: Conversation, **options: object) -> Redacted:
    return apply(c, find(c, recipe=RECIPE, **options), recipe=RECIPE, source=SOURCE)  # type: ignore[arg-type]


def text(r: Redacted, turn: int = 0) -> str:
    return r.turns[turn].parts[0].text


def test_names_forms_and_numbers_are_replaced_and_the_rest_stays() -> None:
    out = redact_text("Please write to Ruth Klinger at r.klinger@example.org about the broken kettle.")
    assert out == "Please write to [PERSON-1] at [EMAIL-1] about the broken kettle."


def test_one_person_has_one_tag_under_every_alias() -> None:
    r = redact(talk("I met Ruth Klinger. Ruth was late.", "Ms Klinger said sorry."))
    assert "Ruth" not in text(r) and "Klinger" not in text(r, 1)
    assert text(r).count("[PERSON-1]") == 2
    assert "[PERSON-1]" in text(r, 1)


def test_a_name_found_once_is_followed_into_every_turn_and_the_title() -> None:
    r = redact(talk("my name is Dorota Zwierz", "hello dorota", "in code: dorota_zwierz = 1", title="DOROTA's letter"))
    assert all("dorota" not in s.lower() for s in (text(r, 0), text(r, 1), text(r, 2), r.header[0].text))


def test_existing_tags_are_kept_and_not_used_again() -> None:
    assert redact_text("[PERSON-4] met Ruth") == "[PERSON-4] met [PERSON-5]"


def test_a_tag_that_is_none_of_ours_protects_nothing() -> None:
    assert "ZWIERZ" not in redact_text("[ZWIERZ-1] met us")


def test_unspaced_scripts_are_withheld_and_said_so() -> None:
    c = talk("你好，我叫李明，住在上海。", "Hello there")
    found = find(c, recipe=RECIPE)
    assert found.withheld == ((Span(turn=0, part=0, start=0, end=13), "LANG-NOT-COVERED"),)
    assert text(redact(c)) == "[WITHHELD: LANG-NOT-COVERED]"


def test_a_foreign_word_in_covered_text_is_replaced() -> None:
    assert "李明" not in redact_text("The word for it in that language is 李明 and nothing else, as far as I know.")


def test_account_attributes_are_found_in_any_form() -> None:
    account = Account(
        subject="s",
        names=("Imogen Tarrant",),
        emails=("tarrant.im@example.net",),
        phones=("+44 20 7946 0958",),
        handles=("zigzag",),
    )
    r = redact(talk("imogne wrote; zigzag is me, call 02079460958 or ask tarrant.im"), account=account)
    for secret in ("imogne", "zigzag", "7946", "tarrant"):
        assert secret not in text(r)


def test_tool_llm_and_sources_are_treated() -> None:
    r = redact(talk("Ruth Klinger", llm="gpt-4o-mini", tool="fetch_klinger", sources=("https://example.org/klinger",)))
    assert r.turns[0].llm == "gpt-4o-mini"
    assert "klinger" not in (r.turns[0].tool or "")
    assert r.turns[0].sources == ("[URL-1]",)


def test_times_are_cut_to_the_month() -> None:
    r = redact(talk("hello", at=datetime(2024, 3, 17, 22, 5, tzinfo=UTC)))
    assert r.turns[0].at == datetime(2024, 3, 1, tzinfo=UTC)


def test_paths_written_by_people_are_not_passed_on() -> None:
    assert safe_path("message.content.parts[0]") == "message.content.parts[0]"
    assert safe_path("extra.klinger_notes") == "other"


def test_offsets_move_to_the_produced_text() -> None:
    c = talk("Ruth Klinger likes the broken kettle")
    r = redact(c)
    at = text(r).index("broken")
    moved = r.rebase(Span(turn=0, part=0, start=23, end=29))
    assert (moved.start, moved.end) == (at, at + 6)


def test_utility_spares_what_only_describes() -> None:
    spared = redact_text("My mother is a nurse and bought five apples", recipe=recipes.load("utility"))
    assert spared == "My mother is a nurse and bought five apples"
    assert "nurse" not in redact_text("My mother is a nurse and bought five apples")


# --- protected runs ---------------------------------------------------------------------------------------------------


def run(words: int = 30, start: int = 0, end: int = 200) -> Match:
    return Match(span=Span(turn=0, part=0, start=start, end=end), work_id="w", work_start=0, work_end=end - start, words=words)


PASSAGE = "The harbour master, Elwin Corrigan, told this paper that the ferry had been late, call +44 20 7946 0958."


def test_inside_a_protected_run_a_guess_is_waived_and_logged() -> None:
    c = talk(PASSAGE)
    found = find(c, recipe=RECIPE, protect=[run(end=len(PASSAGE))])
    assert {w.work_id for w in found.waivers} == {"w"}
    out = text(apply(c, found, recipe=RECIPE, source=SOURCE))
    assert "Elwin Corrigan" in out


def test_validated_identifiers_are_replaced_even_there() -> None:
    c = talk(PASSAGE)
    assert "7946" not in text(redact(c, protect=[run(end=len(PASSAGE))]))


def test_short_runs_protect_nothing() -> None:
    c = talk(PASSAGE)
    assert find(c, recipe=RECIPE, protect=[run(words=24, end=len(PASSAGE))]).waivers == ()


def test_a_name_that_also_stands_outside_the_run_is_replaced() -> None:
    c = talk(PASSAGE, "I am Corrigan's neighbour")
    assert "Corrigan" not in text(redact(c, protect=[run(end=len(PASSAGE))]))


def test_an_account_attribute_is_replaced_even_there() -> None:
    c = talk(PASSAGE)
    account = Account(subject="s", names=("Elwin Corrigan",))
    assert "Corrigan" not in text(redact(c, protect=[run(end=len(PASSAGE))], account=account))


# --- file mode -----------------------------------------------------------------------------------------------------------


def test_find_and_apply_share_one_list() -> None:
    record = {
        "id": "r",
        "turns": [{"role": "user", "text": "I am Ruth Klinger"}, {"role": "assistant", "text": "Hello Ruth, born 3 May 1999?"}],
    }
    found, applied = find_record(record), apply_record(record)
    keys = ("turn", "part", "start", "end", "label")
    assert [{k: f[k] for k in keys} for f in found["findings"]] == [{k: s[k] for k in keys} for s in applied["surrogates"]]


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_the_batch_changes_nothing(batch: int) -> None:
    records = [
        {"id": str(i), "text": t}
        for i, t in enumerate(["I am Ruth Klinger", "the kettle", "你好，我叫李明。", "call tom okafor in springfield", ""])
    ]
    assert list(find_records(records, batch=batch)) == [find_record(r) for r in records]
    assert list(apply_records(records, batch=batch)) == [apply_record(r) for r in records]


def test_documents_have_no_turn_and_part() -> None:
    found = find_record({"id": "d", "text": "I am Ruth Klinger"})
    assert found["findings"] and all("turn" not in f and "part" not in f for f in found["findings"])


def test_nothing_untreated_leaves_in_file_mode() -> None:
    record = {
        "id": "r",
        "subject": "ruth@example.org",
        "note": "Klinger",
        "title": "Ruth",
        "turns": [{"role": "Ruth", "text": "hi", "name": "Klinger"}],
    }
    out = apply_record(record)
    assert set(out) == {"id", "turns", "title", "surrogates"}
    assert out["turns"] == [{"role": "user", "text": "hi"}]
    assert out["title"] == "[PERSON-1]"


@pytest.mark.parametrize(
    "record",
    [[], {"text": "x"}, {"id": 3, "text": "x"}, {"id": "a"}, {"id": "a", "turns": ["x"]}, {"id": "a", "turns": [{"text": 3}]}],
)
def test_not_a_record(record: object) -> None:
    with pytest.raises(Malformed) as caught:
        find_record(record)  # type: ignore[arg-type]
    assert caught.value.code == "deid.not-a-record"


def test_unknown_recipe() -> None:
    with pytest.raises(Malformed) as caught:
        recipes.load("best")
    assert caught.value.code == "deid.unknown-recipe"


def test_a_recipe_is_frozen_under_its_digest() -> None:
    assert RECIPE.digest() == recipes.load().digest()
    assert RECIPE.digest() != RECIPE.with_(k=51).digest()
    assert RECIPE.digest() != recipes.load("utility").digest()


def test_no_text_in_repr_or_errors() -> None:
    c = talk("Ruth Klinger", title="Klinger")
    found = find(c, recipe=RECIPE)
    assert "Klinger" not in repr((c, found, apply(c, found, recipe=RECIPE, source=SOURCE)))
    assert HEADER == -1
