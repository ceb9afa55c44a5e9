"""What a court would see of the demonstration: the figures of its run, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

Rows = list[dict[str, str]]


@dataclass(kw_only=True)
class Shown:
    """Figures of one demonstration. Pairs are (got, of), (planted, missed) or (planted, found), as their names say."""

    out: str
    labels: list[str]
    population: int
    excluded: dict[str, int]
    strata: dict[str, tuple[int, int]]
    seeds: list[str]
    hits: Rows
    masked: Rows
    coverage: Rows
    canaries: dict[str, tuple[int, int]]
    planted: tuple[int, int]
    refused: list[tuple[str, str]]
    acts: int
    attacks: list[tuple[str, str]] = field(default_factory=list)
    verification: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def json(self) -> bytes:
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False).encode() + b"\n"

    def text(self) -> str:
        """The page for a terminal."""
        return "\n".join(
            [
                " · ".join(self.labels),
                *self._frame(),
                *self._hits(),
                *self._deid(),
                *self._refusals(),
                "",
                "VERIFICATION, as the other side runs it",
                self.verification,
                "",
                f"{self.acts} acts in the ledger; {self.seconds:.0f} s in all.",
                f"See {self.out}/production/CERT/certificate.html, and check again with:",
                f"  incamera production verify {self.out}/production --trust {self.out}/trust.toml",
            ]
        )

    def _frame(self) -> list[str]:
        frame = sum(of for _, of in self.strata.values())
        lines = ["", "FRAME AND DRAW", f"  {self.population} conversations stored, {frame} in the frame; excluded:"]
        lines += [f"    {count:6} by {rule}" for rule, count in self.excluded.items()]
        lines += ["  stratum          frame  drawn"]
        lines += [f"    {stratum:<14} {of:5}  {got:5}" for stratum, (got, of) in self.strata.items()]
        return [*lines, f"  seeds of: {', '.join(self.seeds)}; the frame's root was in a checkpoint before any was revealed"]

    def _hits(self) -> list[str]:
        lines = [
            "",
            "SHARED PASSAGES: conversations of the draw with an output run of at least so many words, exact 95 % intervals",
        ]
        for row in self.hits:
            share, low, high = (float(row[name]) * 100 for name in ("share", "low", "high"))
            lines.append(
                f"  {row['threshold_words']:>4} words: {row['conversations']:>5} of {row['denominator']}  {share:.3f} %  "
                f"[{low:.3f}, {high:.3f}]"
            )
        planted, found = self.planted
        return [*lines, f"  planted reproductions of 8 or more words in produced conversations: {planted}, found {found}"]

    def _deid(self) -> list[str]:
        lines = ["", "DE-IDENTIFICATION"]
        lines += [f"  {row['role']:<10} text replaced: {100 * float(row['share']):.1f} % of characters" for row in self.masked]
        lines += [
            f"  {row['what']:<10} {row['reason']:<18} {row['conversations']:>6} conversations, {row['characters']} characters"
            for row in self.coverage
        ]
        lines += ["  canaries by type          planted  still readable"]
        lines += [f"    {name:<22} {planted:>7}  {missed:>7}" for name, (planted, missed) in self.canaries.items()]
        return [
            *lines,
            "  These canaries come from our own generator: they show that the machine runs, not what it misses in real text.",
            "  Readers: none annotated a sample of this production. No bound on what still leaks is established.",
        ]

    def _refusals(self) -> list[str]:
        lines = ["", "REFUSED ON THE WAY"]
        lines += [f"  {what}\n    {said}" for what, said in self.refused]
        lines += ["", "ATTACKS ON THE FINISHED VOLUME"]
        return lines + [f"  {what}\n    {verdict}" for what, verdict in self.attacks]
