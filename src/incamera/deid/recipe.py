"""A recipe: everything that decides what is found and what is written in its place, under one digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Literal

from incamera.core.canon import canonical
from incamera.core.errors import Malformed
from incamera.core.ids import Digest, digest

VERSION = "incamera-recipe/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Frozen choices. Two runs under one digest find the same spans in the same text.

    `at` is how far dates are coarsened by `apply` with realistic surrogates; `spare` lists labels that are found but
    left in place (the `utility` recipe spares what describes without singling out); `bias_milli` turns the names model's
    recall dial up, in thousandths of a logit; `vocabulary` and `names_model` are digests, empty where there is none;
    `detectors` are the identities of further detectors (`deid.adapters`), in the order asked; `generalise` lists labels whose
    tag says a coarser truth where one can be told (`deid.generalise`).
    """

    name: str = "conservative"
    surrogates: Literal["tag", "realistic"] = "tag"
    linkage: Literal["conversation", "subject"] = "conversation"
    at: Literal["day", "month", "year"] = "month"
    k: int = 50
    protect_words: int = 25
    spare: tuple[str, ...] = ()
    bias_milli: int = 0
    propagate: bool = True
    patterns: bool = True
    gate: bool = True
    names: bool = True
    vocabulary: str = ""
    names_model: str = ""
    detectors: tuple[str, ...] = ()
    generalise: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    _digest: list[Digest] = field(default_factory=list, init=False, repr=False, compare=False)

    def digest(self) -> Digest:
        """SHA-256 over the canonical recipe; `docs/formats/recipe.md` lists the fields."""
        if not self._digest:
            named = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
            self._digest.append(
                digest(canonical({"version": VERSION, **named, "spare": list(self.spare), "versions": dict(self.versions)}))
            )
        return self._digest[0]

    def with_(self, **changes: object) -> Recipe:
        return replace(self, **changes)  # type: ignore[arg-type]


NAMES = ("conservative", "utility")


@cache
def load(name: str = "conservative") -> Recipe:
    """The shipped recipe *name*, bound to the versions of the lists installed here.

    Raises:
        Malformed: `deid.unknown-recipe`.
    Cost: reads the shipped lists and the names model once per process.
    """
    if name not in NAMES:
        raise Malformed("deid.unknown-recipe", f"known recipes are {', '.join(NAMES)}", where=f"recipe {name!r}")
    from importlib.metadata import version

    from incamera.deid import gate
    from incamera.deid.lexicons import sources
    from incamera.deid.names import tagger
    from incamera.deid.patterns import rules

    model = tagger()
    versions = {
        "incamera": version("incamera"),
        **sources.versions(),
        "gate": gate.version(),
        "patterns": rules.version(),
        "phonenumbers": version("phonenumbers"),
        "python-stdnum": version("python-stdnum"),
        "regex": version("regex"),
    }
    spare = ("DEM", "OCC", "KIN", "QUANTITY", "TIME", "NUMBER") if name == "utility" else ()
    coarse = ("AGE", "DATE", "LOC") if name == "utility" else ()
    return Recipe(
        name=name, spare=spare, generalise=coarse, versions=versions, names_model=model.digest if model is not None else ""
    )
