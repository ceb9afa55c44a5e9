"""Further detectors: other people's tools as one more opinion, never a verdict.

A detector is found by an entry point of the group `incamera.detectors`, named in the recipe, and off by default. What it
points at joins the hits of the patterns, the gate and the names model before they are resolved into one list: a detector can
add findings, it can clear none. The recipe holds its identity (name, version, digest of its weights), so two runs under one
recipe asked the same detectors.

The adapters here read local files only: no hub, no download, no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from incamera.core.errors import Error, Malformed, Unavailable
from incamera.deid import hits as h
from incamera.deid.adapters.labels import KIND

GROUP = "incamera.detectors"
#: As many detectors as hits have names for.
MOST = sum(name.startswith("adapter.") for name in h.DETECTORS)


class Detected(NamedTuple):
    """[start, end) code points of one text, a label of `hits.LABELS`, and a score from 0 to 1."""

    start: int
    end: int
    label: str
    score: float


@runtime_checkable
class Detector(Protocol):
    """What an entry point's factory returns.

    `version` names the code that runs, `weights` is the SHA-256 over every file it read (hex, empty where there is none):
    together with `name` they are the detector's identity.
    """

    name: str
    version: str
    weights: str

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Detected]]:
        """Spans of each text, in any order, overlapping or not.

        A text's spans depend on that text alone, not on its company: else a recipe would not say what is found.

        Privacy: reads text as received but for look-alike forms; keeps nothing when it returns.
        """


#: `factory(path)`: *path* is where weights or a pipeline lie on this machine, or None.
Factory = Callable[[Path | None], Detector]


def names() -> list[str]:
    """Every detector that is installed here, by name."""
    return sorted({point.name for point in entry_points(group=GROUP)})


@lru_cache(maxsize=MOST)
def open_detector(name: str, path: str = "") -> Detector:
    """The detector *name*, reading what lies at *path*; opened once per process.

    Raises:
        Malformed: `deid.unknown-detector`; `deid.detector-files` if what lies at *path* is not what the detector reads.
        Unavailable: `deid.detector-missing` if the packages it needs are not installed.
    """
    found: list[EntryPoint] = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise Malformed("deid.unknown-detector", f"installed detectors are {', '.join(names())}", where=f"detector {name!r}")
    try:
        factory: Factory = found[0].load()
        return factory(Path(path) if path else None)
    except ImportError as missing:
        hint = f"it needs the package {missing.name}; see docs/guides/detectors.md"
        raise Unavailable("deid.detector-missing", hint, where=f"detector {name!r}") from None
    except Error:
        raise
    except Exception as flaw:  # noqa: BLE001 - other people's code: whatever it raises may quote a path, never a text
        hint = f"its files could not be read ({type(flaw).__name__})"
        raise Malformed("deid.detector-files", hint, where=f"detector {name!r}") from None


def opened(given: Sequence[str]) -> list[Detector]:
    """The detectors that are *given* as `NAME` or `NAME=PATH`, in that order.

    Raises:
        Malformed, Unavailable: as `open_detector`.
    """
    return [open_detector(*one.split("=", 1)) for one in given]


def identity(detector: Detector) -> str:
    """`name/version@weights`: what the recipe holds of a detector. Where its files lie is not part of it."""
    return f"{detector.name}/{detector.version}" + (f"@{detector.weights}" if detector.weights else "")


def agree(detectors: Sequence[Detector], named: Sequence[str]) -> None:
    """Raise unless *detectors* are the ones that a recipe names, in its order.

    Raises:
        Malformed: `deid.detector-mismatch`, `deid.too-many-detectors`.
    """
    if len(detectors) > MOST:
        raise Malformed("deid.too-many-detectors", f"at most {MOST} further detectors can be asked")
    if [identity(d) for d in detectors] != list(named):
        given = ", ".join(d.name for d in detectors) or "none"
        hint = f"the recipe names {len(named)} further detectors by version and weights; given here: {given}"
        raise Malformed("deid.detector-mismatch", hint)


def ask(detectors: Sequence[Detector], texts: Sequence[str]) -> list[h.Hits]:
    """What all *detectors* point at in each text, as rows of hits.

    Raises:
        Unavailable: `deid.detector-failed`: the examination stops; text that a named detector did not read is not produced.
        Malformed: `deid.detector-span`: a detector pointed outside its text.
    """
    pieces: list[list[h.Hits]] = [[] for _ in texts]
    for n, detector in enumerate(detectors, 1):
        for i, found in enumerate(_detected(detector, texts)):
            made = [_row(detector, n, one, len(texts[i])) for one in found]
            if made:
                pieces[i].append(h.matrix(made))
    return [h.join(piece) for piece in pieces]


def _detected(detector: Detector, texts: Sequence[str]) -> Sequence[Sequence[Detected]]:
    where = f"detector {detector.name!r}"
    try:
        found = detector.detect(texts)
    except Exception as flaw:  # noqa: BLE001 - its message may hold text, so only its type is told
        raise Unavailable("deid.detector-failed", f"it raised {type(flaw).__name__}", where=where) from None
    if len(found) != len(texts):
        raise Malformed("deid.detector-span", f"it answered {len(found)} of {len(texts)} texts", where=where)
    return found


def _row(detector: Detector, n: int, one: Detected, length: int) -> tuple[int, int, int, int, int, int]:
    if not (0 <= one.start < one.end <= length and 0.0 <= one.score <= 1.0):
        hint = f"it pointed at {one.start}:{one.end} of {length} code points"
        raise Malformed("deid.detector-span", hint, where=f"detector {detector.name!r}")
    label = one.label if one.label in KIND else "OTHER"
    # Never as sure as a validated pattern: a detector's label does not displace a checksum's.
    return h.row(one.start, one.end, label, KIND[label], min(one.score, 0.89), f"adapter.{n}")


__all__ = ["GROUP", "MOST", "Detected", "Detector", "Factory", "agree", "ask", "identity", "names", "open_detector", "opened"]
