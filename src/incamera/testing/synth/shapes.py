"""Synthetic conversations in the shapes of real exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def chatgpt_message(
    node: str,
    parent: str | None,
    role: str,
    *texts: Any,
    at: float | None = None,
    content: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    recipient: str = "all",
    channel: str | None = None,
    weight: float = 1.0,
    status: str = "finished_successfully",
) -> dict[str, Any]:
    """One node of a ChatGPT export's `mapping`; `children` is filled in by `chatgpt`."""
    return {
        "id": node,
        "parent": parent,
        "children": [],
        "message": {
            "id": f"message-{node}",
            "author": {"role": role, "name": name, "metadata": {}},
            "create_time": at,
            "update_time": None,
            "content": dict(content) if content is not None else {"content_type": "text", "parts": list(texts)},
            "status": status,
            "end_turn": True,
            "weight": weight,
            "metadata": dict(metadata or {}),
            "recipient": recipient,
            "channel": channel,
        },
    }


def chatgpt(id_: str, nodes: Iterable[dict[str, Any]], *, leaf: str | None = None, **facts: Any) -> dict[str, Any]:
    """A conversation of a ChatGPT export: the nodes under a root without a message. `leaf` defaults to the last node."""
    listed = list(nodes)
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": []}}
    mapping.update((node["id"], node) for node in listed)
    for node in listed:
        if node["parent"] in mapping:
            mapping[node["parent"]]["children"].append(node["id"])
    last = listed[-1]["id"] if listed else "root"
    return {"conversation_id": id_, "id": id_, "mapping": mapping, "current_node": leaf or last, **facts}


def chatgpt_line(
    id_: str,
    turns: Iterable[tuple[str, str]],
    *,
    started: float,
    llm: str | None = None,
    seconds_apart: float = 20.0,
    **facts: Any,
) -> dict[str, Any]:
    """A ChatGPT conversation without branches from (role, text) pairs."""
    nodes = []
    parent = "root"
    for i, (role, text) in enumerate(turns):
        metadata = {"model_slug": llm} if llm and role == "assistant" else {}
        nodes.append(chatgpt_message(f"n{i}", parent, role, text, at=started + seconds_apart * i, metadata=metadata))
        parent = f"n{i}"
    return chatgpt(id_, nodes, create_time=started, update_time=started + seconds_apart * len(nodes), **facts)


def claude(id_: str, messages: Iterable[dict[str, Any]], *, account: str | None = None, **facts: Any) -> dict[str, Any]:
    """A conversation of a Claude export."""
    return {"uuid": id_, "chat_messages": list(messages), **({"account": {"uuid": account}} if account else {}), **facts}


def completion(
    id_: str, messages: Iterable[tuple[str, str]], answer: str | None, *, llm: str, created: int, **facts: Any
) -> dict[str, Any]:
    """One logged chat-completions call: the request, and the response unless there was none."""
    record: dict[str, Any] = {
        "id": id_,
        "created": created,
        "request": {"model": llm, "messages": [{"role": role, "content": text} for role, text in messages]},
        **facts,
    }
    if answer is not None:
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        record["response"] = {"id": id_, "object": "chat.completion", "created": created, "model": llm, "choices": [choice]}
    return record
