"""De-identification side by side: incamera (with and without the names model, Hyperscan and RE2), Presidio, scrubadub, DataFog.

    uv run --group bench python benchmarks/deid.py [--mb 2] [--rounds 5] [--texts FILE.jsonl]

One process, one thread, the same texts for all; cache off, no text twice. Presidio runs its default English pattern
recognisers on a blank NLP engine (no names model), analyzer and anonymizer, as installed. Speed is bytes of UTF-8 over
CPU seconds; each block of text is timed with every tool in turn, and the median ratio is stated with its range. Without
--texts the conversations are generated.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")


def generated(size: int, seed: int = 11) -> Iterator[str]:
    """Chats of about 3.4 kB: prose from a small grammar, names, forms and figures strewn in; no text twice."""
    from faker import Faker

    fake = Faker(["en_US", "en_GB"])
    fake.seed_instance(seed)
    rng = random.Random(seed)
    made = 0
    while made < size:
        turns: list[str] = []
        while sum(map(len, turns)) < 3400:
            turns.append(fake.paragraph(nb_sentences=rng.randint(2, 6)))
            if rng.random() < 0.35:
                turns.append(
                    rng.choice(
                        (
                            lambda: f"My name is {fake.name()} and I live at {fake.street_address()}.",
                            lambda: f"You can reach {fake.first_name()} under {fake.phone_number()} or {fake.email()}.",
                            lambda: f"On {fake.date()} I paid {rng.randint(20, 900)} dollars to {fake.company()}.",
                            lambda: f"The card was {fake.credit_card_number()}, the account {fake.iban()}.",
                            lambda: f"def load(path):\n    return open(path).read()  # see {fake.url()}",
                        )
                    )()
                )
        text = "\n".join(turns)
        made += len(text.encode())
        yield text


def read(path: Path, size: int) -> Iterator[str]:
    made = 0
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            text = record.get("text") or "\n".join(t["text"] for t in record.get("turns", ()))
            made += len(text.encode())
            yield text
            if made >= size:
                return


def parts(texts: list[str], count: int) -> list[list[str]]:
    """*texts* in *count* blocks of about equal size, none of them twice."""
    return [texts[i::count] for i in range(count)]


def each(one: Callable[[str], object]) -> Callable[[list[str]], None]:
    """A tool that takes one text at a time."""

    def run(texts: list[str]) -> None:
        for text in texts:
            one(text)

    return run


def incamera(*, names: bool, engine: str) -> Callable[[list[str]], None]:
    from incamera.deid.interchange import apply_records
    from incamera.deid.patterns import nominate
    from incamera.deid.recipe import load

    recipe = load().with_(names=names)
    nominator = nominate.hyperscan_nominator() if engine == "hyperscan" else nominate.re2_nominator()
    if nominator is None:
        raise ImportError("hyperscan")

    def run(texts: list[str]) -> None:
        nominate.default_nominator = lambda: nominator
        for _ in apply_records(({"id": str(i), "text": text} for i, text in enumerate(texts)), recipe=recipe):
            pass

    return run


def presidio() -> Callable[[list[str]], None]:
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_anonymizer import AnonymizerEngine

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    analyzer = AnalyzerEngine(nlp_engine=Blank(), registry=registry, supported_languages=["en"])
    anonymizer = AnonymizerEngine()
    return each(lambda text: anonymizer.anonymize(text=text, analyzer_results=analyzer.analyze(text=text, language="en")))


def scrubadub() -> Callable[[list[str]], None]:
    import scrubadub as peer

    scrubber = peer.Scrubber()
    return each(scrubber.clean)


def datafog() -> Callable[[list[str]], None]:
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    annotator = RegexAnnotator()
    return each(annotator.annotate)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=2.0)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--rounds", type=int, default=5, help="blocks of text, each timed with every tool")
    args = parser.parse_args()
    texts = list(read(args.texts, int(args.mb * 1e6)) if args.texts else generated(int(args.mb * 1e6)))
    size = sum(len(t.encode()) for t in texts)
    tools: dict[str, Callable[[], Callable[[list[str]], None]]] = {
        "presidio, patterns": presidio,
        "scrubadub": scrubadub,
        "datafog": datafog,
        "incamera, re2, no names": lambda: incamera(names=False, engine="re2"),
        "incamera, re2": lambda: incamera(names=True, engine="re2"),
        "incamera, no names": lambda: incamera(names=False, engine="hyperscan"),
        "incamera": lambda: incamera(names=True, engine="hyperscan"),
    }
    print(f"{len(texts)} texts, {size / 1e6:.2f} MB, CPU seconds of one thread")
    ready: dict[str, tuple[Callable[[list[str]], None], float, float]] = {}
    warm, *blocks = parts(texts, args.rounds + 1)
    for name, make in tools.items():
        start = time.process_time()
        try:
            run = make()
        except ImportError as missing:
            print(f"{name:28s} not installed ({missing.name or missing})")
            continue
        run(warm)  # loads word lists and compiles; no text is timed that a tool has seen
        ready[name] = run, time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    gc.collect()
    gc.freeze()  # what one tool keeps loaded is not walked through on another's account
    rates: dict[str, list[float]] = {name: [] for name in ready}
    for block in blocks:
        for name, (run, _, _) in ready.items():  # side by side, so that a ratio compares one moment's machine
            begun = time.process_time()
            run(block)
            rates[name].append(sum(len(t.encode()) for t in block) / 1e6 / (time.process_time() - begun))
    base = rates.get("presidio, patterns") or next(iter(rates.values()))
    print(f"{'tool':28s} {'start s':>8s} {'MB/s':>8s} {'ratio':>7s} {'from':>6s} {'to':>6s} {'peak MB':>8s}")
    for name, (_, started, peak) in ready.items():
        ratios = [own / peer for own, peer in zip(rates[name], base, strict=True)]
        shown = f"{median(ratios):7.1f} {min(ratios):6.1f} {max(ratios):6.1f}"
        print(f"{name:28s} {started:8.1f} {median(rates[name]):8.3f} {shown} {peak:8.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
