"""A long text in overlapping windows, so that every detector reads bounded pieces and none is cut short unseen."""

from __future__ import annotations

from collections.abc import Iterator


def windows(text: str, size: int, overlap: int) -> Iterator[tuple[int, str]]:
    """(offset, piece) of pieces of at most *size* code points, each beginning *overlap* before the last one ended.

    A piece ends at a line's or a word's end where there is one in its last quarter.
    """
    if not 0 <= overlap < size // 2:
        raise ValueError("windows overlap by less than half")
    start = 0
    while True:
        end = start + size
        if end >= len(text):
            yield start, text[start:]
            return
        for mark in ("\n", " "):
            at = text.rfind(mark, end - size // 4, end)
            if at > 0:
                end = at + 1
                break
        yield start, text[start:end]
        start = end - overlap
