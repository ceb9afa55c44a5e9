"""Compile the kernels and build the word tables once, two at a time, so that no first command waits minutes for them.

Both stay in caches (beside the modules, and in the user's cache directory); a later run finds them and ends in seconds.
"""

from __future__ import annotations

import multiprocessing
import sys

WORK = {"work_id": "warm", "text": "The board said that the old ferry would not be mended a fourth time, come what may."}


def kernels() -> None:
    """Everything numba compiles for file mode: de-identification in English, then matching."""
    from incamera import match, redact

    redact("The ferry to the island leaves early, and my sister Dana Example wrote to dana@example.org about it.")
    match("I read that the old ferry would not be mended a fourth time. Why?", [WORK])


def tables() -> None:
    """The word tables of the other languages that the demonstration speaks; an examination's canaries speak some of them."""
    from incamera.deid.lexicons import tables
    from incamera.testing.synth.canaries import LANGUAGES

    for language in LANGUAGES:
        if language != "en":
            tables.table(language)


def main() -> int:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=kernels), context.Process(target=tables)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(abs(worker.exitcode or 0) for worker in workers)


if __name__ == "__main__":
    sys.exit(main())
