"""Presidio's analyzer: its predefined recognizers, with a spaCy pipeline from disk where one is given."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from incamera.deid.adapters import Detected
from incamera.deid.adapters.files import digest_of, folder, tree
from incamera.deid.adapters.labels import PRESIDIO
from incamera.deid.adapters.windows import windows

#: Presidio's regular expressions are not all linear; short pieces bound what one bad line can cost.
_SIZE, _OVERLAP = 20_000, 200


class PresidioDetector:
    """`AnalyzerEngine` over local parts only. Without a pipeline it finds what has a shape, and no names."""

    name = "presidio"

    def __init__(self, path: Path | None) -> None:
        import spacy

        self.weights = digest_of(path, tree(path)) if path else ""
        pipeline: Any = spacy.load(path) if path else spacy.blank("en")
        self._language = str(pipeline.lang)
        self._pipeline = pipeline
        self._engine = _engine(pipeline, named=path is not None)
        self.version = f"{version('presidio-analyzer')}+spacy-{version('spacy')}-{self._language}"

    def detect(self, texts: Sequence[str]) -> list[list[Detected]]:
        with self._pipeline.memory_zone():
            return [[one for offset, piece in windows(t, _SIZE, _OVERLAP) for one in self._piece(offset, piece)] for t in texts]

    def _piece(self, offset: int, piece: str) -> list[Detected]:
        results = self._engine.analyze(text=piece, language=self._language)
        return [
            Detected(offset + r.start, offset + r.end, _label(r.entity_type), min(1.0, max(0.0, float(r.score))))
            for r in results
            if r.end > r.start
        ]


def _engine(pipeline: Any, *, named: bool) -> Any:
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # The e-mail recognizer looks up public suffixes, and would fetch their list over the network on first use.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    language = str(pipeline.lang)
    nlp: Any = SpacyNlpEngine(models=[{"lang_code": language, "model_name": "local"}])
    nlp.nlp = {language: pipeline}  # given, so that `load` is never asked to download one
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=nlp)
    if not named:
        registry.remove_recognizer("SpacyRecognizer")
    return AnalyzerEngine(nlp_engine=nlp, registry=registry, supported_languages=[language], log_decision_process=False)


def _label(entity: str) -> str:
    """The label of an entity; a country's own numbers ("ES_NIF", "IN_PAN") identify a person there."""
    if entity in PRESIDIO:
        return PRESIDIO[entity]
    country = entity.partition("_")[0]
    return "NATIONAL-ID" if len(country) == 2 and country.isupper() else "OTHER"


def open_detector(path: Path | None) -> PresidioDetector:
    """Presidio over the spaCy pipeline in directory *path*, or over a blank English one without names.

    Raises:
        Malformed: `deid.detector-files`.
    """
    if path is not None:
        path = folder(path, needs=("meta.json", "config.cfg"), detector="presidio")
    return PresidioDetector(path)
