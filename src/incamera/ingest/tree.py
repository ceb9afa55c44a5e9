"""Branching threads: from the source's nodes and parents to reading order, parent indexes and the visible path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where one turn stands: its number in the source's list, its parent's place in reading order, whether it is visible."""

    number: int
    parent: int | None
    active: bool


def arrange(
    turns: Sequence[tuple[str, str | None]],
    links: Mapping[str, str | None],
    leaf: str | None,
    broken: Callable[[str], None],
) -> list[Place]:
    """Depth first from the roots, siblings in the source's order, so that a parent always precedes its answers.

    Args:
        turns: (reference, parent's reference) of every node that holds a turn; references are unique.
        links: Parents of every node of the source, with those that hold no turn (a root, custom instructions).
        leaf: The node where the visible path ends; where it names no node, the last turn in reading order.
        broken: Told `parent`, `cycle` or `leaf` where the source's tree is not one. No turn is lost.
    """
    number = {ref: i for i, (ref, _) in enumerate(turns)}
    parents = {**dict(turns), **links}
    above = {ref: _climb(parents.get(ref), number, parents, broken) for ref in number}
    below: dict[str | None, list[str]] = {}
    for ref, parent in above.items():
        below.setdefault(parent, []).append(ref)
    order = _depth_first(below, number)
    visible = _path(leaf, order, parents, broken)
    places = []
    for ref, position in order.items():
        parent = above[ref]
        index = order[parent] if parent is not None else None
        if index is not None and index >= position:
            broken("cycle")
            index = None
        places.append(Place(number[ref], index, ref in visible))
    return places


def _climb(
    ref: str | None, number: Mapping[str, int], parents: Mapping[str, str | None], broken: Callable[[str], None]
) -> str | None:
    """The nearest node, from *ref* upward, that holds a turn."""
    seen: set[str] = set()
    while ref is not None and ref not in number:
        if ref in seen or ref not in parents:
            broken("parent")
            return None
        seen.add(ref)
        ref = parents[ref]
    return ref


def _depth_first(below: Mapping[str | None, list[str]], number: Mapping[str, int]) -> dict[str, int]:
    order: dict[str, int] = {}
    # Roots first; what a cycle hides from them is entered where the source lists it.
    for start in [*below.get(None, []), *number]:
        stack = [start]
        while stack:
            ref = stack.pop()
            if ref not in order:
                order[ref] = len(order)
                stack.extend(reversed(below.get(ref, [])))
    return order


def _path(
    leaf: str | None, order: Mapping[str, int], parents: Mapping[str, str | None], broken: Callable[[str], None]
) -> set[str]:
    ref = leaf
    if ref is None or ref not in parents:
        if ref is not None:
            broken("leaf")
        ref = max(order, key=order.__getitem__, default=None)
    visible: set[str] = set()
    while ref is not None and ref not in visible:
        visible.add(ref)
        ref = parents.get(ref)
    return visible
