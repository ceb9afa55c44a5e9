"""The content types of a ChatGPT message: where each keeps its text."""

from __future__ import annotations

from typing import Any, Final

from incamera.core.records import PartKind
from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.source import mapping, text_or_none

#: content type -> keys that hold its text, with the kind of part each becomes; None takes the message's own kind.
_TEXT: Final[dict[str, dict[str, PartKind | None]]] = {
    "text": {},
    "multimodal_text": {},
    "code": {"text": "code"},
    "execution_output": {"text": "tool_result"},
    "computer_output": {"state": "tool_result"},
    "thoughts": {"thoughts": "reasoning", "content": "reasoning"},
    "reasoning_recap": {"content": "reasoning"},
    "tether_quote": {"title": "tool_result", "text": "tool_result", "domain": "tool_result"},
    "tether_browsing_display": {"result": "tool_result", "summary": "tool_result"},
    "tether_browsing_code": {"text": "tool_call"},
    "sonic_webpage": {"title": "tool_result", "text": "tool_result", "snippet": "tool_result"},
    "citable_code_output": {"output_str": "tool_result"},
    "system_error": {"name": "tool_result", "text": "tool_result"},
    "app_pairing_content": {},
    "super_widget": {},
}
#: Types whose text is the person's custom instructions or the llm's memory of the person: header, not an utterance.
_INSTRUCTIONS: Final = {
    "user_editable_context": ("user_profile", "user_instructions"),
    "model_editable_context": ("model_set_context", "repository", "structured_context", "repo_summary"),
}
_REASONING: Final = frozenset({"thoughts", "reasoning_recap"})


def content_parts(draft: Draft, turn: DraftTurn, content: Any, kind: PartKind, instructions: list[tuple[str, str]]) -> None:
    """Append the parts of one message's `content` to *turn*; custom instructions go to *instructions* as (path, text).

    Every string leaf ends in a part, in `turn.sources` or in *instructions*, whatever the content type.
    """
    if content is None:
        turn.failed = "deleted" if turn.role == "assistant" else turn.failed
        return
    if isinstance(content, str):
        turn.add(kind, "content", content)
        return
    content = mapping(content, "message.content")
    type_ = content.get("content_type")
    header = _INSTRUCTIONS.get(type_, ()) if isinstance(type_, str) else ()
    known = _TEXT.get(type_) if isinstance(type_, str) else None
    if known is None and not header:
        draft.report.drifted(draft.source, "unknown-type", type_)
    if type_ == "system_error":
        turn.failed = "error"
    own = "reasoning" if type_ in _REASONING else kind
    for i, part in enumerate(_as_list(content.get("parts"))):
        _part(draft, turn, part, f"content.parts[{i}]", own)
    handled = {"parts", "content_type", *header}
    for key in header:
        if text := text_or_none(content.get(key)):
            instructions.append((f"content.{key}", text))
        elif content.get(key) is not None:
            turn.parts += draft.others(content[key], f"content.{key}", key=key)
    for key, stated in (known or {}).items():
        handled.add(key)
        # The text of a code message to a tool is the call itself.
        chosen = "tool_call" if kind == "tool_call" and stated == "code" else stated or kind
        _text(draft, turn, content.get(key), f"content.{key}", chosen)
    if (url := text_or_none(content.get("url"))) and known is not None:
        handled.add("url")
        turn.sources.append(url)
    turn.parts += draft.rest(content, frozenset(handled), "content")


def _text(draft: Draft, turn: DraftTurn, value: Any, path: str, kind: PartKind) -> None:
    if isinstance(value, str):
        turn.add(kind, path, value)
    elif value is not None:
        turn.parts += draft.others(value, path, kind=kind)


def _as_list(value: Any) -> list[Any]:
    """`parts` is a list; a value that stands where the list should be is kept as its only item."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _part(draft: Draft, turn: DraftTurn, part: Any, path: str, kind: PartKind) -> None:
    if isinstance(part, str):
        turn.add(kind, path, part)
        return
    if not isinstance(part, dict):
        turn.parts += draft.others(part, path)
        return
    type_ = part.get("content_type")
    if isinstance(type_, str) and type_.endswith("asset_pointer"):
        # Bytes are never read: what the person sees of an attachment is its reference.
        pointer = part.get("asset_pointer")
        turn.add("attachment", f"{path}.asset_pointer", pointer if isinstance(pointer, str) else None)
        turn.parts += draft.rest(part, frozenset({"content_type", "asset_pointer"}), path)
    elif type_ == "audio_transcription":
        turn.add(kind, f"{path}.text", part.get("text"))
        turn.parts += draft.rest(part, frozenset({"content_type", "text"}), path)
    else:
        draft.report.drifted(draft.source, "unknown-type", type_ or "part")
        turn.parts += draft.others(part, path, kind=kind)
