"""Web addresses inside a record: what an answer cites."""

from __future__ import annotations

from typing import Any


def addresses(value: Any) -> list[str]:
    """Every string of *value* that is one web address, in document order."""
    found: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if item.startswith(("http://", "https://")) and not any(c.isspace() for c in item):
                found.append(item)
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list | tuple):
            stack.extend(reversed(item))
    return found
