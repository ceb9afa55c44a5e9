"""ChatGPT exports: the tree, the content types, and that no string is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.records import Conversation
from incamera.ingest import chatgpt
from incamera.ingest.report import Report
from incamera.testing.synth.shapes import chatgpt as export
from incamera.testing.synth.shapes import chatgpt_line
from incamera.testing.synth.shapes import chatgpt_message as message


def convert(record: dict[str, Any]) -> Conversation:
    (draft,) = chatgpt.convert([record], Report())
    draft.subject = draft.subject or "somebody"
    return draft.freeze()


def texts(conversation: Conversation) -> list[str]:
    return [part.text for _, _, part in conversation.parts()]


def test_a_line_of_turns() -> None:
    record = chatgpt_line(
        "c1",
        [("user", "How tall is the mill?"), ("assistant", "Nine metres.")],
        started=1700000000.5,
        llm="gpt-4o",
        title="The mill",
    )
    found = convert(record)
    assert [(t.role, [p.text for p in t.parts], t.parent, t.active) for t in found.turns] == [
        ("user", ["How tall is the mill?"], None, True),
        ("assistant", ["Nine metres."], 0, True),
    ]
    assert found.turns[1].llm == "gpt-4o"
    assert found.started_at == datetime.fromtimestamp(1700000000.5, UTC)
    assert [(p.path, p.text) for p in found.header] == [("title", "The mill")]
    assert found.outputs_missing == {}
    assert found.turns[0].parts[0].path == "content.parts[0]"


def test_branches_are_kept_and_the_visible_path_is_flagged() -> None:
    record = export(
        "c",
        [
            message("u", "root", "user", "first"),
            message("a1", "u", "assistant", "an answer that was regenerated"),
            message("a2", "u", "assistant", "the answer that was kept"),
            message("u2", "a1", "user", "a question to the first answer"),
            message("u3", "a2", "user", "a question to the second"),
        ],
        leaf="u3",
    )
    found = convert(record)
    by_text = {t.parts[0].text: t for t in found.turns}
    assert len(found.turns) == 5
    assert by_text["the answer that was kept"].active and not by_text["an answer that was regenerated"].active
    assert not by_text["a question to the first answer"].active
    assert by_text["a question to the first answer"].parent == by_text["an answer that was regenerated"].index
    assert all(t.parent is None or t.parent < t.index for t in found.turns)
    assert [t.index for t in found.turns] == list(range(5))
    assert found.outputs_missing == {"no_output": 1}  # u3 has no answer; u2 is not on the visible path


def test_a_cycle_loses_no_turn() -> None:
    record = export("c", [message("a", "b", "user", "one"), message("b", "a", "assistant", "two")])
    found = convert(record)
    assert sorted(t.parts[0].text for t in found.turns) == ["one", "two"]
    assert any(t.parent is None for t in found.turns)


def test_a_leaf_that_names_no_node_falls_back_to_the_last_turn() -> None:
    record = export("c", [message("a", "root", "user", "one"), message("b", "a", "assistant", "two")], leaf="gone")
    assert [t.active for t in convert(record).turns] == [True, True]


def test_custom_instructions_belong_to_the_header_and_bridge_the_tree() -> None:
    context = {"content_type": "user_editable_context", "user_profile": "I keep bees.", "user_instructions": "Be brief."}
    record = export(
        "c",
        [
            message("ctx", "root", "system", content=context),
            message("u", "ctx", "user", "hello", metadata={"user_context_message_data": {"about_user_message": "I keep bees."}}),
        ],
    )
    found = convert(record)
    assert [t.role for t in found.turns] == ["user"]
    assert found.turns[0].parent is None
    assert [p.text for p in found.header] == ["I keep bees.", "Be brief.", "I keep bees."]


@pytest.mark.parametrize(
    ("content", "role", "expected"),
    [
        ({"content_type": "code", "language": "python", "text": "print(1)"}, "assistant", [("code", "print(1)")]),
        ({"content_type": "execution_output", "text": "one\n"}, "tool", [("tool_result", "one\n")]),
        (
            {"content_type": "thoughts", "thoughts": [{"summary": "plan", "content": "look first", "chunks": ["a", "b"]}]},
            "assistant",
            [("reasoning", "plan"), ("reasoning", "look first"), ("reasoning", "a"), ("reasoning", "b")],
        ),
        ({"content_type": "reasoning_recap", "content": "Thought for 9 s"}, "assistant", [("reasoning", "Thought for 9 s")]),
        (
            {"content_type": "tether_browsing_display", "result": "found", "summary": "short"},
            "tool",
            [("tool_result", "found"), ("tool_result", "short")],
        ),
        ({"content_type": "citable_code_output", "output_str": "42 rows"}, "tool", [("tool_result", "42 rows")]),
        (
            {"content_type": "system_error", "name": "Timeout", "text": "gave up"},
            "tool",
            [("tool_result", "Timeout"), ("tool_result", "gave up")],
        ),
        ({"content_type": "never_seen", "verse": ["an unknown line"]}, "assistant", [("extra", "an unknown line")]),
    ],
)
def test_content_types(content: dict[str, Any], role: str, expected: list[tuple[str, str]]) -> None:
    found = convert(export("c", [message("n", "root", role, content=content)]))
    assert [(p.kind, p.text) for p in found.turns[0].parts] == expected


def test_web_quotes_keep_their_address_as_a_source() -> None:
    content = {
        "content_type": "tether_quote",
        "url": "https://example.org/a",
        "domain": "example.org",
        "title": "T",
        "text": "quoted",
    }
    (turn,) = convert(export("c", [message("n", "root", "tool", content=content, name="browser")])).turns
    assert turn.sources == ("https://example.org/a",)
    assert turn.tool == "browser"
    assert {p.text for p in turn.parts} == {"quoted", "T", "example.org"}


def test_parts_objects_and_attachments_by_name() -> None:
    content = {
        "content_type": "multimodal_text",
        "parts": [
            "look",
            {
                "content_type": "image_asset_pointer",
                "asset_pointer": "file-service://file-x1",
                "width": 4,
                "metadata": {"dalle": {"prompt": "a red barn"}},
            },
            {"content_type": "audio_transcription", "text": "spoken words", "direction": "in"},
        ],
    }
    attachments = {"attachments": [{"id": "file-9", "name": "letter to my aunt.pdf", "mime_type": "application/pdf", "size": 3}]}
    (turn,) = convert(export("c", [message("n", "root", "user", content=content, metadata=attachments)])).turns
    assert [(p.kind, p.text) for p in turn.parts] == [
        ("text", "look"),
        ("attachment", "file-service://file-x1"),
        ("extra", "a red barn"),
        ("text", "spoken words"),
        ("attachment", "letter to my aunt.pdf"),
    ]


def test_calls_and_hidden_messages() -> None:
    found = convert(
        export(
            "c",
            [
                message("u", "root", "user", "what is new?"),
                message(
                    "call",
                    "u",
                    "assistant",
                    content={"content_type": "code", "language": "json", "text": '{"q": "news"}'},
                    recipient="web.run",
                ),
                message("result", "call", "tool", "three results", name="web.run"),
                message("think", "result", "assistant", "let me see", channel="analysis"),
                message("zero", "think", "assistant", "hidden", weight=0),
                message("a", "zero", "assistant", "Nothing much.", channel="final"),
            ],
        )
    )
    assert [(t.hidden, t.tool, t.parts[0].kind) for t in found.turns] == [
        (False, None, "text"),
        (True, "web.run", "tool_call"),
        (False, "web.run", "tool_result"),
        (True, None, "reasoning"),
        (True, None, "text"),
        (False, None, "text"),
    ]
    assert found.outputs_missing == {}


def test_missing_outputs_have_reasons() -> None:
    record = export(
        "c",
        [
            message("u1", "root", "user", "one"),
            message("e", "u1", "assistant", content={"content_type": "system_error", "name": "X", "text": "failed"}),
            message("u2", "e", "user", "two"),
            message("u3", "u2", "user", "three"),
            message("a3", "u3", "assistant", "yes"),
            message("u4", "a3", "user", "four"),
            message("gone", "u4", "assistant", content=None),
        ],
    )
    record["mapping"]["gone"]["message"]["content"] = None
    assert convert(record).outputs_missing == {"error": 1, "no_output": 1, "deleted": 1}


def test_holder_facts() -> None:
    record = chatgpt_line(
        "c",
        [("user", "x")],
        started=1.7e9,
        owner={"user_id": "acc-1", "user_email": "someone@example.org"},
        region="de",
        tier="plus",
        is_temporary_chat=True,
        deletion_requested_at=1.71e9,
    )
    found = convert(record)
    assert (found.subject, found.region, found.tier) == ("acc-1", "EEA", "plus")
    assert found.flags.temporary and found.flags.deletion_requested_at == datetime.fromtimestamp(1.71e9, UTC)
    assert "someone@example.org" in texts(found)


WORDS = st.text(alphabet=st.characters(blacklist_categories=()), min_size=1, max_size=20).map(lambda s: "~ " + s)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
TYPES = st.sampled_from(
    ["text", "multimodal_text", "code", "thoughts", "user_editable_context", "tether_quote", "system_error", "unheard_of"]
)
KEYS = st.sampled_from(
    ["parts", "text", "thoughts", "content", "user_profile", "url", "title", "result", "language", "name", "other"]
)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [s for item in inner for s in strings(item)]


@settings(deadline=None)
@given(
    type_=TYPES,
    content=st.dictionaries(KEYS, JSON, max_size=4),
    metadata=st.dictionaries(
        st.sampled_from(["model_slug", "citations", "search_queries", "canvas", "zzz", "user_context_message_data"]),
        JSON,
        max_size=3,
    ),
    name=st.none() | WORDS,
    role=st.sampled_from(["user", "assistant", "tool", "system"]),
    recipient=st.just("all") | WORDS,
)
def test_every_string_of_a_message_ends_in_a_part_or_a_source(
    type_: str, content: dict[str, Any], metadata: dict[str, Any], name: str | None, role: str, recipient: str
) -> None:
    record = export(
        "c",
        [
            message(
                "n", "root", role, content={"content_type": type_, **content}, metadata=metadata, name=name, recipient=recipient
            )
        ],
    )
    found = convert(record)
    kept = set(texts(found)) | {s for t in found.turns for s in t.sources} | {t.tool for t in found.turns}
    given_strings = strings(content) + strings(metadata) + [s for s in (name, recipient) if s and s != "all"]
    assert [s for s in given_strings if s not in kept] == []


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=12), WORDS, max_size=4))
def test_unknown_keys_never_show_in_paths(extra: dict[str, str]) -> None:
    record = export("c", [message("n", "root", "user", "hi", metadata={f"zz {k}": v for k, v in extra.items()})])
    found = convert(record)
    assert not [p.path for _, _, p in found.parts() if "zz" in p.path]
    assert {f"zz {k}" for k in extra} <= set(texts(found))  # a key that is no identifier is text itself


def test_repr_is_silent() -> None:
    found = convert(chatgpt_line("secret-id", [("user", "SECRET")], started=1.7e9, title="SECRET"))
    assert "SECRET" not in repr(found) + repr(found.turns) + repr(found.header)


def test_a_shape_is_recognised_and_others_are_not() -> None:
    assert chatgpt.recognises(json.loads(json.dumps(chatgpt_line("c", [("user", "x")], started=1.0))))
    assert not chatgpt.recognises({"mapping": "x"}) and not chatgpt.recognises({"mapping": {"a": 1}})
