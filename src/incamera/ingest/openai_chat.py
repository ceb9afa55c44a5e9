"""Chat-completions traffic: requests with their responses, stored completions, batch files, fine-tuning and preference rows.

Several choices of one request are branches: the first is visible. A response stored without its request has no user turn;
a request without its response counts as an output missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from incamera.core.records import PartKind
from incamera.ingest.addresses import addresses
from incamera.ingest.draft import Draft, DraftTurn, label
from incamera.ingest.regions import region
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, listing, mapping, text_or_none
from incamera.ingest.times import instant

NAME: Final = "openai_chat"

_REQUEST_KEYS: Final = ("request", "body", "kwargs", "input")
_MESSAGE: Final = frozenset(
    {"role", "content", "tool_calls", "function_call", "name", "refusal", "reasoning_content", "tool_call_id"}
)
_REQUEST: Final = frozenset({"messages", "model", "user", "safety_identifier", "metadata", "tools", "functions"})
_RESPONSE: Final = frozenset({"choices", "model", "id", "created", "object", "usage", "system_fingerprint", "request_id"})
_RECORD: Final = frozenset(
    {
        *("request", "response", "body", "kwargs", "input", "preferred_output", "non_preferred_output", "error"),
        *("id", "custom_id", "request_id", "created", "created_at", "timestamp", "user_id", "subject", "user"),
        *("region", "country", "tier", "temporary", "is_temporary", "deletion_requested_at", "conversation_id"),
    }
)


def recognises(record: Record) -> bool:
    """`messages` with roles, a response with `choices`, or a batch or preference row around one."""
    request, response = _request(record), _response(record)
    return _is_messages(request.get("messages")) or _is_choices(response.get("choices")) or _is_batch_answer(record)


def _is_messages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "role" in value[0]


def _is_choices(value: object) -> bool:
    return (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict) and ("message" in value[0] or "text" in value[0])
    )


def _is_batch_answer(record: Record) -> bool:
    return "custom_id" in record and ("response" in record or "error" in record)


def _request(record: Record) -> Record:
    for key in _REQUEST_KEYS:
        inner = record.get(key)
        if isinstance(inner, dict) and "messages" in inner:
            return inner
    return record


def _response(record: Record) -> Record:
    """The completion: the record itself, its `response`, or the `body` of a batch answer's response."""
    response = record.get("response")
    if isinstance(response, dict):
        body = response.get("body")
        return body if isinstance(body, dict) else response
    return record


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One request with its response to one draft."""
    for record in records:
        draft = Draft(NAME, report)
        request, response = _request(record), _response(record)
        _facts(draft, record, request, response)
        for i, message in enumerate(listing(request.get("messages"), "messages")):
            draft.turns.append(_turn(draft, item(message, "messages"), f"messages[{i}]"))
        asked = len(draft.turns)
        asking = draft.label(request.get("model"), "request.model", draft.header)
        answering = asking if response is request else draft.label(response.get("model"), "response.model", draft.header)
        _answers(draft, record, response, answering or asking)
        _branch(draft, asked)
        if asked and len(draft.turns) == asked and draft.turns[-1].role != "assistant" and record.get("error"):
            draft.turns[-1].failed = "error"
        yield draft


def _facts(draft: Draft, record: Record, request: Record, response: Record) -> None:
    metadata = request.get("metadata")
    meta = metadata if isinstance(metadata, dict) else {}
    ids = (record.get("conversation_id"), record.get("id"), response.get("id"), record.get("custom_id"), record.get("request_id"))
    draft.id = next((text_or_none(i) for i in ids if text_or_none(i)), None)
    people = (
        *(record.get("subject"), record.get("user_id"), record.get("user"), request.get("user")),
        *(request.get("safety_identifier"), meta.get("user_id")),
    )
    draft.subject = next((text_or_none(p) for p in people if text_or_none(p)), None)
    moments = (record.get("created_at"), record.get("timestamp"), record.get("created"), response.get("created"))
    draft.started_at = next((instant(m) for m in moments if instant(m)), None)
    draft.region = region(record.get("region") or record.get("country"))
    draft.tier = draft.label(record.get("tier"), "tier", draft.header)
    temporary = record.get("temporary", record.get("is_temporary"))
    draft.temporary = temporary if isinstance(temporary, bool) else None
    draft.deletion_requested_at = instant(record.get("deletion_requested_at"))
    if "deletion_requested_at" in record:
        draft.gives.add("deletion_requested_at")
    for key in ("metadata", "tools", "functions"):
        draft.header += draft.others(request.get(key), key, key=key)
    outer = _RECORD | (_REQUEST if request is record else frozenset()) | (_RESPONSE if response is record else frozenset())
    if request is not record:
        draft.header += draft.rest(request, _REQUEST, "request")
    if response is not record:
        draft.header += draft.rest(response, _RESPONSE, "response")
        outer_response = mapping(record.get("response"), "response")
        if outer_response is not response:
            draft.header += draft.rest(outer_response, frozenset({"body", "request_id", "status_code"}), "response")
    for key in ("body", "request", "kwargs", "input"):
        inner = record.get(key)
        if inner is not None and inner is not request:
            draft.header += draft.others(inner, key, key=key)
    draft.header += draft.others(record.get("error"), "error", key="error")
    draft.header += draft.rest(record, outer)


def _answers(draft: Draft, record: Record, response: Record, llm: str | None) -> None:
    for i, choice in enumerate(listing(response.get("choices"), "choices")):
        choice = item(choice, "choices")
        message = choice.get("message")
        said = (
            mapping(message, "choices.message") if message is not None else {"role": "assistant", "content": choice.get("text")}
        )
        turn = _turn(draft, {"role": "assistant", **said}, f"choices[{i}].message")
        turn.llm = llm
        turn.parts += draft.rest(choice, frozenset({"message", "text", "index", "finish_reason"}), f"choices[{i}]")
        turn.active = i == 0
        draft.turns.append(turn)
    for key, active in (("preferred_output", True), ("non_preferred_output", False)):
        for i, message in enumerate(listing(record.get(key), key)):
            turn = _turn(draft, item(message, key), f"{key}[{i}]")
            turn.active = active
            draft.turns.append(turn)


def _branch(draft: Draft, asked: int) -> None:
    """Alternative answers share one parent: the last message of the request."""
    if not any(not t.active for t in draft.turns):
        return
    for i, turn in enumerate(draft.turns):
        turn.ref = str(i)
        turn.parent = str(min(i, asked) - 1) if i else None
    seen: dict[bool, str] = {}
    for turn in draft.turns[asked:]:
        # Messages of one preferred output follow each other; choices are single messages.
        if turn.active and True in seen:
            turn.parent = seen[True]
        if turn.active and turn.ref:
            seen[True] = turn.ref
    draft.leaf = seen.get(True) or (str(asked - 1) if asked else None)
    draft.links = {t.ref: t.parent for t in draft.turns if t.ref is not None}


def _turn(draft: Draft, message: Record, path: str) -> DraftTurn:
    role = draft.role(message.get("role"))
    turn = DraftTurn(role)
    kind: PartKind = "tool_result" if role == "tool" else "text"
    name = message.get("name")
    if name is not None:
        turn.tool = label(name) if role == "tool" else None
        if turn.tool is None:
            turn.parts += draft.others(name, f"{path}.name")
    content = message.get("content")
    if isinstance(content, str):
        turn.add(kind, f"{path}.content", content)
    else:
        for i, block in enumerate(listing(content, "content")):
            _block(draft, turn, block, f"{path}.content[{i}]", kind)
    turn.add("reasoning", f"{path}.reasoning_content", message.get("reasoning_content"))
    turn.add(kind, f"{path}.refusal", message.get("refusal"))
    calls = listing(message.get("tool_calls"), "tool_calls")
    if message.get("function_call") is not None:
        calls.append({"function": message["function_call"]})
    for i, call in enumerate(calls):
        _call(draft, turn, item(call, "tool_calls"), f"{path}.tool_calls[{i}]")
    turn.sources += addresses(message.get("annotations"))
    known = set(turn.sources)
    turn.parts += (p for p in draft.rest(message, _MESSAGE, path) if p.text not in known)
    return turn


def _block(draft: Draft, turn: DraftTurn, block: Any, path: str, kind: PartKind) -> None:
    if isinstance(block, str):
        turn.add(kind, path, block)
        return
    block = item(block, "content")
    type_ = block.get("type")
    if type_ in ("text", "input_text", "output_text", "refusal"):
        key = "refusal" if type_ == "refusal" else "text"
        turn.add(kind, f"{path}.{key}", block.get(key))
        turn.parts += draft.rest(block, frozenset({"type", key}), path)
    elif type_ in ("image_url", "input_image", "input_audio", "file", "input_file", "audio"):
        turn.parts += _attached(draft, block, path)
    else:
        draft.report.drifted(draft.source, "unknown-type", type_)
        turn.parts += draft.rest(block, frozenset({"type"}), path)


def _attached(draft: Draft, block: Record, path: str) -> Iterator[Any]:
    """Names and addresses of an attachment; its bytes (`data`, `file_data`) are not read."""
    for part in draft.rest(block, frozenset({"type"}), path):
        if part.path.endswith((".data", ".file_data")):
            draft.report.attachment_bytes_left += len(part.text)
        else:
            yield part


def _call(draft: Draft, turn: DraftTurn, call: Record, path: str) -> None:
    key = "custom" if "custom" in call else "function"
    function = mapping(call.get(key), "tool_calls.function")
    name = label(function.get("name"))
    turn.tool = turn.tool or name
    for argument in ("arguments", "input"):
        value = function.get(argument)
        if isinstance(value, str):
            turn.add("tool_call", f"{path}.function.{argument}", value)
        elif value is not None:
            turn.parts += draft.others(value, f"{path}.function.{argument}", kind="tool_call")
    handled = {"arguments", "input", *({"name"} if name is not None and name == turn.tool else ())}
    turn.parts += draft.rest(function, frozenset(handled), f"{path}.function")
    turn.parts += draft.rest(call, frozenset({key, "id", "type", "index"}), path)


SOURCE: Final = Source(
    NAME, "chat-completions logs: objects with `messages`, `request`/`response`, `choices` or `custom_id`", recognises, convert
)
