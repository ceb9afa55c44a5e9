"""Once found, found everywhere: a surface that identifies in one turn identifies in all of them.

Works on words, case aside, across turns, header, code and quoted mail. A surface that is also an ordinary word
("Will", "Rose") is followed in its own case only. Several words are followed as a whole; the words of a person's name one
by one too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from incamera.deid.hits import Hits
from incamera.deid.tokens import Tokens


def follow(parts: Sequence[tuple[Hits, Tokens]]) -> Iterator[Hits]:
    """For each part (its resolved hits, its words): places where a direct surface of any part stands and no hit does yet.

    Privacy: surfaces live no longer than the call.
    Cost: three passes over the words, some nanoseconds each.
    """
    from incamera.deid import propagate_kernels as kernels

    read = [(hits, tokens.points, tokens.folded, tokens.rows) for hits, tokens in parts]
    surfaces = kernels.table(sum(kernels.measure(*part) for part in read))
    for part in read:
        kernels.collect(*part, *surfaces)
    for part in read:
        yield kernels.search(*part, *surfaces)
