"""Compile the kernels and build the word tables once, two at a time, so that no first command waits minutes for them.

Both stay in caches (beside the modules, and in the user's cache directory); a later run finds them and ends in seconds.
"""

from __future__ import annotations

import multiprocessing
import sys

#: A sentence a language: whatever the demonstration speaks.
SPOKEN = {
    "en": "The ferry to the island leaves early, and my sister Dana Example wrote to dana@example.org about it.",
    "de": "Die Fähre zur Insel fährt früh, und meine Schwester hat mir gestern darüber geschrieben.",
    "es": "El barco para la isla sale temprano, y mi hermana me escribió ayer sobre eso.",
    "fr": "Le bateau pour l'île part tôt, et ma sœur m'a écrit hier à ce sujet.",
    "it": "Il traghetto per l'isola parte presto, e mia sorella mi ha scritto ieri di questo.",
    "pt": "O barco para a ilha sai cedo, e a minha irmã escreveu-me ontem sobre isso.",
    "nl": "De boot naar het eiland vertrekt vroeg, en mijn zus heeft mij daar gisteren over geschreven.",
}
WORK = {"work_id": "warm", "text": "The board said that the old ferry would not be mended a fourth time, come what may."}


def kernels(_: object = None) -> None:
    """Everything numba compiles for file mode: de-identification in English, then matching."""
    from incamera import match, redact

    redact(SPOKEN["en"])
    match("I read that the old ferry would not be mended a fourth time. Why?", [WORK])


def tables(languages: list[str]) -> None:
    """The word tables of *languages*."""
    from incamera.deid.lexicons import tables

    for language in languages:
        tables.table(language)


def main() -> int:
    context = multiprocessing.get_context("spawn")
    others = [language for language in SPOKEN if language != "en"]
    workers = [context.Process(target=kernels), context.Process(target=tables, args=(others,))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(abs(worker.exitcode or 0) for worker in workers)


if __name__ == "__main__":
    sys.exit(main())
