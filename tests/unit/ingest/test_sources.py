"""The other formats: what each source says, and where it goes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from incamera.testing.synth import shapes

Load = Any


def kinds(turn: Any) -> list[tuple[str, str]]:
    return [(p.kind, p.text) for p in turn.parts]


# --- Claude -------------------------------------------------------------------------------------------------------


def claude_message(uuid: str, parent: str | None, sender: str, blocks: list[Any], **more: Any) -> dict[str, Any]:
    said = "".join(b.get("text", "") for b in blocks if isinstance(b, dict))
    return {
        "uuid": uuid,
        "parent_message_uuid": parent,
        "sender": sender,
        "text": said,
        "content": blocks,
        "attachments": [],
        "files": [],
        **more,
    }


def test_claude_blocks_tools_thinking_and_attachments(load: Load) -> None:
    blocks = [
        {"type": "thinking", "thinking": "where is the ferry?"},
        {"type": "tool_use", "name": "web_search", "input": {"query": "ferry times"}},
        {
            "type": "tool_result",
            "name": "web_search",
            "content": [{"type": "text", "text": "at nine", "url": "https://example.org/f"}],
        },
        {"type": "text", "text": "It leaves at nine.", "citations": [{"url": "https://example.org/f"}]},
    ]
    attachment = {"file_name": "ticket of Ada.txt", "extracted_content": "seat 12", "file_size": 7}
    record = shapes.claude(
        "c1",
        [
            claude_message(
                "u",
                "00000000-0000",
                "human",
                [{"type": "text", "text": "When?"}],
                attachments=[attachment],
                files=[{"file_name": "map.png"}],
            ),
            claude_message("a", "u", "assistant", blocks),
            claude_message("b", "u", "assistant", [{"type": "text", "text": "Another answer."}]),
        ],
        account="acc-7",
        name="Ferry",
        summary="About a ferry.",
        created_at="2024-03-01T10:00:00.5Z",
    )
    (found,), report = load(record)
    assert (found.source, found.id, found.subject) == ("claude", "c1", "acc-7")
    assert found.started_at == datetime(2024, 3, 1, 10, 0, 0, 500000, UTC)
    assert [(p.path, p.text) for p in found.header] == [("name", "Ferry"), ("summary", "About a ferry.")]
    user, answer, other = found.turns
    assert kinds(user) == [("text", "When?"), ("attachment", "ticket of Ada.txt"), ("text", "seat 12"), ("attachment", "map.png")]
    assert kinds(answer) == [
        ("reasoning", "where is the ferry?"),
        ("tool_call", "ferry times"),
        ("tool_result", "at nine"),
        ("tool_result", "https://example.org/f"),
        ("text", "It leaves at nine."),
    ]
    assert answer.tool == "web_search" and answer.sources == ("https://example.org/f",)
    assert other.parent == 0 and other.active and not answer.active
    assert report.lacks("llm") == ("claude",)


def test_claude_text_is_read_where_blocks_are_missing(load: Load) -> None:
    record = shapes.claude("c", [{"uuid": "u", "sender": "human", "text": "only here", "content": []}])
    (found,), report = load(record)
    assert kinds(found.turns[0]) == [("text", "only here")]
    assert found.subject == "export:c" and report.subjects_inferred == {("claude", "export"): 1}


def test_claude_compliance_chats_and_deleted_ones(load: Load) -> None:
    record = {
        "id": "claude_chat_1",
        "name": "x",
        "created_at": "2025-01-01T00:00:00Z",
        "deleted_at": "2025-02-01T00:00:00Z",
        "user": {"id": "user_1", "email_address": "ada@example.org"},
        "chat_messages": [
            {"id": "m1", "role": "user", "content": [], "files": None},
            {"id": "m2", "role": "assistant", "content": []},
        ],
    }
    (found,), _ = load(record)
    assert found.subject == "user_1" and found.flags.deletion_requested_at is not None
    assert found.outputs_missing == {"deleted": 1}


# --- chat completions ---------------------------------------------------------------------------------------------


def test_completion_with_choices_tools_and_facts(load: Load) -> None:
    record = shapes.completion(
        "r1", [("system", "Be kind."), ("user", "Two names?")], "Ada and Bo.", llm="gpt-4o-mini", created=1700000000
    )
    record["response"]["choices"].append({"index": 1, "message": {"role": "assistant", "content": "Cy and Di.", "refusal": None}})
    record["request"]["user"] = "subject-3"
    record["request"]["tools"] = [
        {"type": "function", "function": {"name": "f", "description": "finds things", "parameters": {}}}
    ]
    record["country"] = "France"
    (found,), _ = load(record)
    assert (found.source, found.subject, found.region) == ("openai_chat", "subject-3", "EEA")
    assert [(t.role, t.active, t.parent) for t in found.turns] == [
        ("system", True, None),
        ("user", True, 0),
        ("assistant", True, 1),
        ("assistant", False, 1),
    ]
    assert {t.llm for t in found.turns if t.role == "assistant"} == {"gpt-4o-mini"}
    assert "finds things" in {p.text for p in found.header}
    assert found.outputs_missing == {}


def test_tool_calls_keep_arguments_exactly(load: Load) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "mail.send", "arguments": '{"to": "bo@example.org"}'}}
    record = {
        "messages": [
            {"role": "user", "content": "send"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sent"},
        ]
    }
    (found,), _ = load(record)
    assert found.turns[1].tool == "mail.send" and kinds(found.turns[1]) == [("tool_call", '{"to": "bo@example.org"}')]
    assert kinds(found.turns[2]) == [("tool_result", "sent")]
    assert found.outputs_missing == {}


def test_content_blocks_and_bytes_that_are_not_read(load: Load) -> None:
    blocks = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAA"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRgAAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
    ]
    (found,), report = load({"messages": [{"role": "user", "content": blocks}]})
    assert kinds(found.turns[0]) == [
        ("text", "what is this?"),
        ("attachment", "data:image/png;base64"),
        ("extra", "https://example.org/cat.png"),
    ]
    assert report.attachment_bytes_left == 10
    assert found.outputs_missing == {"no_output": 1}


def test_batch_output_preference_rows_and_request_without_response(load: Load) -> None:
    batch = {
        "id": "b1",
        "custom_id": "x",
        "response": {
            "status_code": 200,
            "body": {"id": "r", "model": "m-1", "choices": [{"message": {"role": "assistant", "content": "yes"}}]},
        },
        "error": None,
    }
    preference = {
        "input": {"messages": [{"role": "user", "content": "which?"}]},
        "preferred_output": [{"role": "assistant", "content": "this"}],
        "non_preferred_output": [{"role": "assistant", "content": "that"}],
    }
    failed = {
        "custom_id": "y",
        "body": {"messages": [{"role": "user", "content": "hm?"}]},
        "error": {"message": "overloaded", "code": "e1"},
    }
    found, _ = load(batch, preference, failed)
    assert kinds(found[0].turns[0]) == [("text", "yes")] and found[0].turns[0].llm == "m-1"
    assert [(t.parts[0].text, t.active, t.parent) for t in found[1].turns] == [
        ("which?", True, None),
        ("this", True, 0),
        ("that", False, 0),
    ]
    assert found[2].outputs_missing == {"error": 1} and "overloaded" in {p.text for p in found[2].header}


def test_equal_calls_without_ids_are_two_events(load: Load) -> None:
    record = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    found, report = load(record, record)
    assert len({c.id for c in found}) == 2 and not report.duplicates
    assert report.subjects_inferred == {("openai_chat", "conversation"): 2}


def test_wrapped_pages_are_opened(load: Load) -> None:
    page = {
        "object": "list",
        "has_more": False,
        "data": [shapes.completion(f"r{i}", [("user", "x")], "y", llm="m", created=1) for i in range(3)],
    }
    assert [c.id for c in load(page)[0]] == ["r0", "r1", "r2"]


# --- corpora ------------------------------------------------------------------------------------------------------


def test_sharegpt(load: Load) -> None:
    record = {
        "id": "s1",
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}, {"from": "human", "value": "?"}],
        "system": "Be brief",
    }
    (found,), report = load(record)
    assert [t.role for t in found.turns] == ["user", "assistant", "user"]
    assert found.outputs_missing == {"no_output": 1} and found.subject == "conversation:s1"
    assert report.lacks("subject") == ("sharegpt",) and [p.text for p in found.header] == ["Be brief"]


def test_wildchat_takes_facts_and_leaves_the_sender_behind(load: Load) -> None:
    record = {
        "conversation_hash": "h1",
        "model": "gpt-4-0314",
        "timestamp": "2023-05-01 10:00:00+00:00",
        "conversation": [
            {
                "role": "user",
                "content": "Bonjour",
                "language": "French",
                "country": "France",
                "state": "Bretagne",
                "hashed_ip": "ab12",
                "header": {"user-agent": "Agent 7", "accept-language": "fr"},
            },
            {"role": "assistant", "content": "Salut", "country": None, "timestamp": "2023-05-01T10:00:05Z"},
        ],
        "language": "French",
        "openai_moderation": [{"categories": {}}],
        "state": "Bretagne",
        "country": "France",
        "hashed_ip": "ab12",
    }
    (found,), _ = load(record)
    assert (found.id, found.subject, found.region, found.turns[1].llm) == ("h1", "ab12", "EEA", "gpt-4-0314")
    everything = {p.text for _, _, p in found.parts()}
    assert everything == {"Bonjour", "Salut"}


def tree_message(id_: str, role: str, text: str, *replies: Any, rank: int | None = None) -> dict[str, Any]:
    return {
        "message_id": id_,
        "role": role,
        "text": text,
        "lang": "en",
        "rank": rank,
        "synthetic": True,
        "model_name": "m-20b",
        "replies": list(replies),
    }


def test_oasst_trees_follow_the_best_rank(load: Load) -> None:
    prompt = tree_message(
        "p",
        "prompter",
        "Why?",
        tree_message("a", "assistant", "Because.", rank=1),
        tree_message("b", "assistant", "Since.", tree_message("q", "prompter", "And?"), rank=0),
    )
    (found,), _ = load({"message_tree_id": "t1", "tree_state": "ready_for_export", "prompt": prompt})
    assert [(t.parts[0].text, t.active) for t in found.turns] == [
        ("Why?", True),
        ("Because.", False),
        ("Since.", True),
        ("And?", True),
    ]
    assert found.id == "t1" and found.turns[1].llm == "m-20b"


def test_oasst_flat_messages_are_gathered(load: Load) -> None:
    rows = [
        {"message_id": "p", "parent_id": None, "message_tree_id": "t1", "role": "prompter", "text": "one", "user_id": "u9"},
        {"message_id": "a", "parent_id": "p", "message_tree_id": "t1", "role": "assistant", "text": "two"},
        {"message_id": "x", "parent_id": None, "message_tree_id": "t2", "role": "prompter", "text": "three"},
        {"message_id": "y", "parent_id": "x", "role": "assistant", "text": "four"},
    ]
    found, _ = load(*rows)
    assert [(c.id, c.subject, [t.parts[0].text for t in c.turns]) for c in found] == [
        ("t1", "u9", ["one", "two"]),
        ("t2", "conversation:t2", ["three", "four"]),
    ]


def test_plain_conversations_and_documents(load: Load) -> None:
    record = {
        "id": "p1",
        "turns": [
            {"role": "user", "text": "a", "at": "2024-01-02T03:04:05Z"},
            {"role": "assistant", "text": "b", "llm": "m"},
            {"role": "user", "text": "", "client_encrypted": True},
        ],
        "subject": "s",
        "region": "Switzerland",
        "tier": "free",
        "flags": {"temporary": True, "deletion_requested_at": None, "party_account": True},
        "note": "kept",
    }
    found, report = load(record, {"id": 7, "text": "a letter"})
    assert (found[0].subject, found[0].region, found[0].tier) == ("s", "CH", "free")
    assert found[0].flags.temporary and found[0].flags.party_account
    assert found[0].outputs_missing == {"client_encrypted": 1}
    assert [p.text for p in found[0].header] == ["kept"]
    assert (found[1].source, found[1].id, found[1].turns[0].role) == ("document", "7", "user")
    assert "deletion_requested_at" not in [f for f in ("deletion_requested_at",) if "plain" in report.lacks(f)]


def test_gemini_thoughts_code_files_and_replaced_answers(load: Load) -> None:
    chunks = [
        {"role": "user", "text": "Sum it.", "driveDocument": {"id": "d1", "name": "salary of Bo.xlsx"}},
        {"role": "model", "isThought": True, "text": "use code"},
        {"role": "model", "text": "first try", "isEdited": True, "branchChildren": [{"id": "z"}]},
        {
            "role": "model",
            "parts": [{"text": "Here:"}],
            "executableCode": {"language": "PYTHON", "code": "1+1"},
            "codeExecutionResult": {"outcome": "OK", "output": "2"},
        },
        {"role": "user", "inlineFile": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"role": "model", "text": "", "errorMessage": "interrupted"},
    ]
    (found,), report = load(
        {
            "id": "g1",
            "runSettings": {"model": "models/gemini-1.5-pro"},
            "systemInstruction": {"parts": [{"text": "Be exact."}]},
            "chunkedPrompt": {"chunks": chunks},
        }
    )
    assert kinds(found.turns[0]) == [("text", "Sum it."), ("attachment", "salary of Bo.xlsx")]
    assert kinds(found.turns[1]) == [("reasoning", "use code")]
    assert not found.turns[2].active and found.turns[3].parent == 1
    assert {"Here:", "1+1", "2"} == {p.text for p in found.turns[3].parts}
    assert kinds(found.turns[4]) == [("attachment", "image/png")] and report.attachment_bytes_left == 12
    assert found.outputs_missing == {"error": 1}
    assert found.turns[3].llm == "gemini-1.5-pro" and [p.text for p in found.header] == ["Be exact."]


def test_unknown_roles_are_counted_and_are_nobodys_words(load: Load) -> None:
    (found,), report = load({"id": "p", "turns": [{"role": "user", "text": "a"}, {"role": "critic", "text": "b"}]})
    assert found.turns[1].role == "tool"
    assert report.drift["plain", "unknown-role", "critic"] == 1


@pytest.mark.parametrize(
    "record",
    [
        {"mapping": {"a": {"message": {"author": "nobody", "content": {}}}}},
        {"mapping": {"a": {"message": {"author": {"role": "user"}, "metadata": ["x"]}}}},
        {"uuid": "c", "chat_messages": ["not a message"]},
        {"id": "p", "turns": [{"role": "user", "text": "x"}, 5]},
        {"id": "s", "conversations": [{"from": "human", "value": "x"}, "y"]},
        {"conversation": [{"role": "user", "content": "x"}, None]},
        {"messages": [{"role": "user", "content": 7}]},
        {"chunkedPrompt": {"chunks": "none"}},
        {"message_tree_id": "t", "prompt": {"message_id": "m", "replies": ["x"]}},
    ],
)
def test_damaged_records_are_exceptions_and_the_rest_is_read(load: Load, record: dict[str, Any]) -> None:
    good = {"id": "good", "turns": [{"role": "user", "text": "a"}]}
    found, report = load(record, good)
    assert [c.id for c in found] == ["good"]
    assert [f.code for f in report.exceptions] == ["ingest.damaged-record"]
    assert "line 1" in report.exceptions[0].where


# --- names of machines, and what people write in their place ---------------------------------------------------------------

CARD = "4111 1111 1111 1111"
TOLD = {"region": "US", "tier": CARD}
CHATGPT = {
    "mapping": {
        "n": {"message": {
            "author": {"role": "assistant", "name": "Ada Lind"}, "recipient": "to Ada Lind",
            "content": {"content_type": "text", "parts": ["a"]}, "metadata": {"model_slug": CARD},
        }, "parent": None, "children": []},
    },
    "id": "c", "default_model_slug": "my model x", **TOLD,
}  # fmt: skip
TURN = {"role": "assistant", "text": "a"}


@pytest.mark.parametrize(
    ("record", "strings"),
    [
        ({"id": "p", "turns": [{**TURN, "llm": CARD, "model": "my model x", "tool": "of Ada Lind"}], **TOLD},
         [CARD, CARD, "my model x", "of Ada Lind"]),
        (CHATGPT, [CARD, CARD, "my model x", "to Ada Lind", "Ada Lind"]),
        ({"uuid": "c", "model": CARD, "chat_messages": [{"sender": "assistant", "text": "a", "model": "my model x"}]},
         [CARD, "my model x"]),
        ({"id": "o", "messages": [{"role": "user", "content": "q"}], "model": CARD, **TOLD}, [CARD, CARD]),
        ({"request": {"messages": [{"role": "user", "content": "q"}], "model": CARD},
          "response": {"id": "o", "choices": [{"message": {"role": "assistant", "content": "a"}}], "model": "my model x"}},
         [CARD, "my model x"]),
        ({"id": "o", "messages": [
            {"role": "tool", "name": CARD, "content": "a"},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "my model x", "arguments": "{}"}}]},
        ]}, [CARD, "my model x"]),
        ({"chunkedPrompt": {"chunks": [{"role": "user", "text": "q"}]}, "runSettings": {"model": CARD}}, [CARD]),
        ({"id": "s", "conversations": [{"from": "human", "value": "q"}], "model": CARD}, [CARD]),
        ({"conversation_hash": "w", "conversation": [{"role": "user", "content": "q"}], "model": CARD}, [CARD]),
        ({"message_id": "m", "parent_id": None, "role": "prompter", "text": "q", "model_name": CARD}, [CARD]),
    ],
    ids=["plain", "chatgpt", "claude", "stored", "request", "tools", "gemini", "sharegpt", "wildchat", "oasst"],
)  # fmt: skip
def test_a_name_that_could_be_more_is_a_part_and_nothing_vanishes(load: Load, record: Any, strings: list[str]) -> None:
    (found,), _ = load(record)
    kept = [p.text for _, _, p in found.parts()]
    assert Counter(kept) >= Counter(strings), kept
    assert found.tier is None and all(t.llm is None and t.tool is None for t in found.turns)
