"""Whatever stands in a record: it becomes a conversation or an exception row, and never a crash or a silence."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Malformed
from incamera.ingest import files
from incamera.ingest.report import Report
from incamera.testing.synth import shapes

SAMPLES: list[Callable[[], dict[str, Any]]] = [
    lambda: shapes.chatgpt(
        "c",
        [
            shapes.chatgpt_message(
                "ctx", "root", "system", content={"content_type": "user_editable_context", "user_profile": "p"}
            ),
            shapes.chatgpt_message("u", "ctx", "user", "q", metadata={"attachments": [{"name": "n.pdf", "id": "f"}]}),
            shapes.chatgpt_message("t", "u", "assistant", content={"content_type": "thoughts", "thoughts": [{"summary": "s"}]}),
            shapes.chatgpt_message("a", "t", "assistant", "a", {"content_type": "image_asset_pointer", "asset_pointer": "x"}),
        ],
        title="t",
        user_id="s",
    ),
    lambda: shapes.claude(
        "c",
        [
            {
                "uuid": "u",
                "sender": "human",
                "text": "q",
                "content": [],
                "attachments": [{"file_name": "f", "extracted_content": "e"}],
            },
            {
                "uuid": "a",
                "parent_message_uuid": "u",
                "sender": "assistant",
                "content": [
                    {"type": "tool_use", "name": "w", "input": {"q": "x"}},
                    {"type": "text", "text": "a", "citations": [{}]},
                ],
            },
        ],
        account="s",
    ),
    lambda: shapes.completion("r", [("system", "s"), ("user", "q")], "a", llm="m", created=1, metadata={"k": "v"}),
    lambda: {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        ]
    },
    lambda: {"id": "s", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "model": "m"},
    lambda: {"conversation_hash": "h", "conversation": [{"role": "user", "content": "q", "country": "France", "hashed_ip": "i"}]},
    lambda: {
        "message_tree_id": "t",
        "prompt": {"message_id": "m", "role": "prompter", "text": "q", "replies": [{"message_id": "n", "rank": 0}]},
    },
    lambda: {"message_id": "m", "parent_id": None, "role": "prompter", "text": "q", "user_id": "u"},
    lambda: {
        "id": "p",
        "turns": [{"role": "user", "text": "q", "sources": ["x"]}],
        "flags": {"temporary": True},
        "started_at": "2024-01-01",
    },
    lambda: {
        "id": "g",
        "chunkedPrompt": {"chunks": [{"role": "user", "text": "q", "parts": [{"text": "q"}], "inlineData": {"data": "eA=="}}]},
    },
    lambda: {"id": "d", "text": "a letter"},
]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(alphabet=st.characters(blacklist_categories=()), max_size=6)
    | st.sampled_from(["user", "0", "2024-01-01", "1e400", "http://x y", "data:,", "\x00", "\ud800"])
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3), max_leaves=6
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [p for key, v in inner for p in places(v, (*path, key))]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    record = copy.deepcopy(draw(st.sampled_from(SAMPLES))())
    for _ in range(draw(st.integers(0, 3))):
        found = places(record)
        if not found:
            break
        path = draw(st.sampled_from(found))
        holder: Any = record
        for key in path[:-1]:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.integers(0, 5)) == 0:
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(VALUES)
    return record


@settings(max_examples=300, deadline=None)
@given(records=st.lists(damaged(), min_size=1, max_size=4))
def test_every_record_is_accounted_for(records: list[dict[str, Any]]) -> None:
    good = {"id": "the good one", "turns": [{"role": "user", "text": "hello"}]}
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_text("".join(json.dumps(r) + "\n" for r in [*records, good]), encoding="utf-8")
        found = list(files.read([path], report=report))
    assert any(c.id == "the good one" for c in found)
    gathered = sum(c.source == "oasst" for c in found)
    accounted = len(found) + report.duplicates.total() + len(report.exceptions)
    # Flat messages are gathered: several records may make one conversation.
    assert accounted >= len(records) + 1 or gathered
    json.dumps(report.summary())
    assert all(set(f.row()) == {"id", "stage", "code", "where"} for f in report.exceptions)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0aé 1\n', max_size=60).map(lambda s: s.encode()))
def test_arbitrary_bytes_are_refused_or_read(raw: bytes) -> None:
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(raw)
        with pytest.raises(Malformed):
            list(files.read([path], report=report))
