"""Inside a protected run the text is the work's own: a guess of the gate there may be left standing, and is logged.

A token is kept only if it equals the work's token at the aligned position (a `Match` is an exact run, so every token
inside it does), the finding came from the gate or the names detectors, it is no attribute of the account, and its
surface stands nowhere else in the conversation. Validated identifiers are always replaced: a claimed work must not
become an unmasking oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from incamera.core.records import Finding, Match, Waiver

_WAIVABLE = ("gate.", "names.", "propagate")


def waive(
    findings: Sequence[Finding],
    protect: Sequence[Match],
    *,
    protect_words: int,
    surface: Callable[[Finding], str],
    elsewhere: Callable[[str, Sequence[Match]], bool],
) -> tuple[list[Finding], list[Waiver]]:
    """(findings that stay, waivers). *elsewhere* says whether a surface stands outside the given runs."""
    runs = [m for m in protect if m.words >= protect_words]
    if not runs:
        return list(findings), []
    kept: list[Finding] = []
    waivers: list[Waiver] = []
    for finding in findings:
        match = next((m for m in runs if _inside(finding, m)), None)
        if match is None or not finding.detector.startswith(_WAIVABLE) or elsewhere(surface(finding), runs):
            kept.append(finding)
        else:
            waivers.append(Waiver(span=finding.span, label=finding.label, detector=finding.detector, work_id=match.work_id))
    return kept, waivers


def _inside(finding: Finding, match: Match) -> bool:
    f, m = finding.span, match.span
    return f.turn == m.turn and f.part == m.part and m.start <= f.start and f.end <= m.end
