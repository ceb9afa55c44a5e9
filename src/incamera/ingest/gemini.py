"""AI Studio prompts: `chunkedPrompt` with chunks of `role` and `text`. One file a conversation, no subject.

A chunk that the person replaced (`isEdited` with `branchChildren`) is an inactive branch; thoughts are reasoning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from incamera.ingest.addresses import addresses
from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, listing, mapping, text_or_none
from incamera.ingest.times import instant

NAME: Final = "gemini"

_CONVERSATION: Final = frozenset(
    {"id", "title", "displayName", "createTime", "updateTime", "chunkedPrompt", "runSettings", "systemInstruction"}
)
_CHUNK: Final = frozenset(
    {
        *("id", "role", "createTime", "text", "parts", "isThought", "isEdited", "branchParent", "branchChildren", "grounding"),
        *("executableCode", "codeExecutionResult", "inlineFile", "inlineData", "inlineImage", "errorMessage", "finishReason"),
        *("driveDocument", "driveImage", "driveAudio", "driveVideo", "youtubeVideo", "safetyRatings", "thoughtSignatures"),
    }
)
_FILES: Final = ("driveDocument", "driveImage", "driveAudio", "driveVideo", "youtubeVideo")
_INLINE: Final = ("inlineFile", "inlineData", "inlineImage")


def recognises(record: Record) -> bool:
    """`chunkedPrompt` is an object."""
    return isinstance(record.get("chunkedPrompt"), dict)


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One prompt file to one draft."""
    for record in records:
        draft = Draft(NAME, report)
        draft.id = text_or_none(record.get("id"))
        draft.started_at = instant(record.get("createTime"))
        settings = mapping(record.get("runSettings"), "runSettings")
        llm = _llm(draft, settings.get("model"))
        for key in ("title", "displayName", "systemInstruction"):
            draft.header += draft.others(record.get(key), key)
        draft.header += draft.rest(settings, frozenset({"model", "safetySettings"}), "runSettings")
        draft.header += draft.rest(record, _CONVERSATION)
        chunked = record["chunkedPrompt"]
        for chunk in listing(chunked.get("chunks"), "chunkedPrompt.chunks"):
            turn = _turn(draft, item(chunk, "chunkedPrompt.chunks"))
            turn.llm = llm if turn.role == "assistant" else None
            draft.turns.append(turn)
        draft.header += draft.rest(chunked, frozenset({"chunks"}), "chunkedPrompt")
        _branches(draft)
        yield draft


def _llm(draft: Draft, name: Any) -> str | None:
    name = name.removeprefix("models/") if isinstance(name, str) else name
    return draft.label(name, "runSettings.model", draft.header)


def _branches(draft: Draft) -> None:
    """A thread with replaced chunks is a tree: what follows a replaced chunk hangs on its replacement's parent."""
    if all(t.active for t in draft.turns):
        return
    previous: str | None = None
    for i, turn in enumerate(draft.turns):
        turn.ref, turn.parent = str(i), previous
        if turn.active:
            previous = turn.ref
    draft.leaf = previous


def _turn(draft: Draft, chunk: Record) -> DraftTurn:
    thought = chunk.get("isThought") is True
    turn = DraftTurn(draft.role(chunk.get("role")), at=instant(chunk.get("createTime")))
    turn.active = not (chunk.get("isEdited") is True and bool(chunk.get("branchChildren")))
    _speech(draft, turn, chunk, "", thought=thought)
    said = "".join(p.text for p in turn.parts)
    for i, part in enumerate(listing(chunk.get("parts"), "parts")):
        part = item(part, "parts")
        # `parts` repeats `text` in pieces, and adds what is no text.
        if isinstance(part.get("text"), str) and part["text"] in said:
            part = {k: v for k, v in part.items() if k != "text"}
        _speech(draft, turn, part, f"parts[{i}].", thought=thought or part.get("thought") is True)
        turn.parts += draft.rest(part, _CHUNK | {"thought", "thoughtSignature"}, f"parts[{i}]")
    turn.sources += addresses(chunk.get("grounding"))
    known = set(turn.sources)
    turn.parts += (p for p in draft.others(chunk.get("grounding"), "grounding") if p.text not in known)
    if chunk.get("errorMessage"):
        turn.parts += draft.others(chunk["errorMessage"], "errorMessage")
        if not any(p.kind == "text" for p in turn.parts):
            turn.failed = "error"
    turn.parts += draft.rest(chunk, _CHUNK)
    return turn


def _speech(draft: Draft, turn: DraftTurn, chunk: Record, path: str, *, thought: bool) -> None:
    turn.add("reasoning" if thought else "text", f"{path}text", chunk.get("text"))
    code = mapping(chunk.get("executableCode"), "executableCode")
    turn.add("code", f"{path}executableCode.code", code.get("code"))
    turn.parts += draft.rest(code, frozenset({"code", "language"}), f"{path}executableCode")
    ran = mapping(chunk.get("codeExecutionResult"), "codeExecutionResult")
    turn.add("tool_result", f"{path}codeExecutionResult.output", ran.get("output"))
    turn.parts += draft.rest(ran, frozenset({"output", "outcome"}), f"{path}codeExecutionResult")
    for key in _FILES:
        file = chunk.get(key)
        if isinstance(file, dict):
            turn.add("attachment", f"{path}{key}.name", file.get("name"))
            turn.parts += draft.rest(file, frozenset({"name"}), f"{path}{key}")
        else:
            turn.parts += draft.others(file, f"{path}{key}")
    for key in _INLINE:
        _inline(draft, turn, chunk.get(key), f"{path}{key}")


def _inline(draft: Draft, turn: DraftTurn, value: Any, path: str) -> None:
    if not isinstance(value, dict):
        turn.parts += draft.others(value, path)
        return
    # The bytes of an attachment are never read: its kind stands for it.
    data = value.get("data")
    draft.report.attachment_bytes_left += len(data) if isinstance(data, str) else 0
    turn.add("attachment", f"{path}.mimeType", value.get("mimeType"))
    turn.parts += draft.rest(value, frozenset({"data", "mimeType"}), path)


SOURCE: Final = Source(NAME, "AI Studio: objects with `chunkedPrompt`", recognises, convert)
