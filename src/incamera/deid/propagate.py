"""Once found, found everywhere: a surface that identifies in one turn identifies in all of them.

Works on words, case aside, across turns, header, code and quoted mail. A surface that is also an ordinary word
("Will", "Rose") is followed in its own case only. Several words are followed as a whole; the words of a person's name one
by one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from incamera.deid.hits import Hits, empty
from incamera.deid.tokens import Tokens


def follow(parts: Sequence[tuple[Hits, Tokens]]) -> Iterator[Hits]:
    """For each part (its resolved hits, its words): places where a direct surface of any part stands and no hit does yet.

    Privacy: surfaces live no longer than the call.
    Cost: two passes over the words, some nanoseconds each.
    """
    from incamera.deid import propagate_kernels as kernels

    texts = [kernels.Part(tokens.rows, tokens.points, tokens.folded) for _, tokens in parts]
    spans = [np.empty((len(hits), 2), np.int64) for hits, _ in parts]
    entries = chars = 0
    for (hits, _), text, span in zip(parts, texts, spans, strict=True):
        kernels.cover(hits, text.words, span)
        more, longer = kernels.measure(hits, text.words, span)
        entries += more
        chars += longer
    surfaces = kernels.Surfaces(
        np.zeros(2, np.int64),
        np.empty((entries, kernels.ENTRY), np.int64),
        np.empty(chars, np.uint32),
        np.full(1 << max(4, (2 * entries).bit_length()), -1, np.int32),
    )
    for (hits, _), text, span in zip(parts, texts, spans, strict=True):
        kernels.collect(hits, span, text, surfaces)
    for text, span in zip(texts, spans, strict=True):
        out = empty(len(span) + 16)
        if (count := kernels.search(text, span, surfaces, out)) > len(out):
            out = empty(count)
            kernels.search(text, span, surfaces, out)
        yield out[:count]
