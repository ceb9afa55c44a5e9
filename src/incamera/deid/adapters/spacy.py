"""Any spaCy pipeline on disk: its entities, and the spans of a span ruler or span categoriser."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from incamera.deid.adapters import Detected
from incamera.deid.adapters.files import digest_of, folder, tree
from incamera.deid.adapters.labels import SPACY
from incamera.deid.adapters.windows import windows

#: Code points in one document, and how much of the last one the next sees again. spaCy parses linearly but keeps it all.
_SIZE, _OVERLAP = 100_000, 500
#: spaCy's entities carry no probability.
_SCORE = 0.8


class SpacyDetector:
    """A pipeline read from a directory. Each document is read by itself: what is found does not depend on its company."""

    name = "spacy"

    def __init__(self, path: Path) -> None:
        import spacy

        self.weights = digest_of(path, tree(path))
        self._pipeline: Any = spacy.load(path)
        meta = self._pipeline.meta
        self.version = f"{version('spacy')}+{meta['lang']}_{meta['name']}-{meta['version']}"

    def detect(self, texts: Sequence[str]) -> list[list[Detected]]:
        # Without a memory zone the pipeline's string table would keep every word it ever read.
        with self._pipeline.memory_zone():
            return [[one for offset, piece in windows(t, _SIZE, _OVERLAP) for one in self._piece(offset, piece)] for t in texts]

    def _piece(self, offset: int, piece: str) -> list[Detected]:
        document = self._pipeline(piece)
        spans = [*document.ents, *(span for group in document.spans.values() for span in group)]
        return [
            Detected(offset + s.start_char, offset + s.end_char, SPACY.get(s.label_, s.label_), _SCORE)
            for s in spans
            if s.end_char > s.start_char
        ]


def open_detector(path: Path | None) -> SpacyDetector:
    """The pipeline in directory *path* (`meta.json`, `config.cfg`, as `nlp.to_disk` writes it).

    Raises:
        Malformed: `deid.detector-files`.
    """
    return SpacyDetector(folder(path, needs=("meta.json", "config.cfg"), detector="spacy"))
