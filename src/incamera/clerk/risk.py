"""The evidence report of a matter: readers, canaries and attacks side by side, never added up. Counts only.

The report is JSON; its page and `TABLES/risk.csv` are pure functions of it (`incamera_verify.risk`). The attacks run on what
would leave, on a random part of it where that is large, and the report says so.
"""

from __future__ import annotations

import hmac
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from incamera.clerk.canaries import ONE_IN, RECAPTURED
from incamera.clerk.clear import Decided, Row
from incamera.clerk.desk import Desk
from incamera.clerk.examination import Results
from incamera.clerk.probe import Probe
from incamera.clerk.reading import Evidence
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Ref
from incamera.core.records import Redacted
from incamera.deid import recipe as recipes
from incamera.deid.evidence import attacks
from incamera.production import Figure, Table
from incamera.production.figures import DEID
from incamera.stats.intervals import clopper_pearson
from incamera.vault.facts import Facts
from incamera_verify import evidence as measured
from incamera_verify import risk

#: Conversations and characters of output that the attacks look at; beyond, a random part of them is taken.
ATTACKED = 1000
ATTACKED_CHARACTERS = 1_500_000
_CONFIDENCE = "0.95"
#: What labels of a gold file may look like in a report: nothing that could carry a sentence of its text.
_PLAIN = re.compile(r"[A-Za-z0-9 ._,/-]{0,60}")

Line = dict[str, Any]


def report(
    desk: Desk,
    results: Results,
    decided: Decided,
    read: Evidence | None,
    facts: Mapping[Ref, Facts],
    labelled: Path | None = None,
) -> dict[str, Any]:
    """Everything that was measured about what was missed, by kind.

    Args:
        labelled: What `deid evaluate --json` said of the order's recipe; see `labelled_lines`.
    """
    produced = [row for fragment in decided.produced for row in fragment.rows]
    desk.watch.stage("attack the output")
    lines, notes = _attacked(desk, results, produced, facts)
    probes = decided.sums.probes
    if probes:
        notes.append(
            f"{len(probes)} canaries stood among {decided.sums.conversations} conversations (one in {ONE_IN} at most); all were "
            "removed, none is counted anywhere else"
        )
    if read is None:
        notes.append("no readers read a sample of this production: no bound on what still leaks is established")
    evaluated = labelled_lines(labelled, recipes.load(desk.order.deidentification.recipe).digest()) if labelled else []
    if not evaluated:
        notes.append("no labelled set was given: `incamera deid evaluate` measures the recipe on one")
    return {
        "version": risk.VERSION,
        "matter": desk.matter,
        "order": desk.order.digest,
        "recipe": results.recipe.digest(),
        "rows": [*(_readers(read) if read else ()), *evaluated, *_canaries(probes), *_recaptured(probes, read), *lines],
        "notes": notes,
    }


def files(made: Mapping[str, Any]) -> dict[str, bytes]:
    """The report and its page, by their places in the volume."""
    return {measured.REPORT: canonical(made) + b"\n", measured.PAGE: risk.page(made)}


def table(made: Mapping[str, Any]) -> Table:
    """`TABLES/risk.csv`."""
    return Table(columns=risk.COLUMNS, rows=tuple(risk.table(made)))


def figures(decided: Decided) -> list[Figure]:
    """What the certificate says of the canaries: that they were planted, missed and removed."""
    secrets = [secret for probe in decided.sums.probes for secret in probe.planted]
    stated = (
        ("canaries.planted", "Synthetic conversations examined blind among the real ones, and removed", len(decided.sums.probes)),
        ("canaries.secrets", "Secrets in them", len(secrets)),
        ("canaries.missed", "Of these still readable", sum(secret.missed for secret in secrets)),
    )
    how = "LEDGER: canaries.planted, canaries.removed; TABLES/risk.csv by type, language and context; they bound nothing"
    return [Figure(id=name, label=label, value=value, kind="neutral", how=how, section=DEID) for name, label, value in stated]


def _line(kind: str, what: str, count: int, of: int | None, **more: str) -> Line:
    names = ("language", "context", "stratum", "low", "high", "confidence", "means")
    return {"kind": kind, "what": what, "count": count, "of": of, **{name: more.get(name, "") for name in names}}


def _interval(k: int, n: int) -> dict[str, str]:
    if not n:
        return {}
    interval = clopper_pearson(k, n, float(_CONFIDENCE))
    return {"low": f"{interval.low:.4f}", "high": f"{interval.high:.4f}", "confidence": _CONFIDENCE}


# --- readers and canaries -------------------------------------------------------------------------------------------------


def _readers(read: Evidence) -> list[Line]:
    lines = [
        _line(
            "readers",
            bound.kind,
            bound.leaks,
            bound.read,
            stratum=bound.stratum,
            high=f"{bound.at_most} of {bound.rows}",
            confidence=read.plan.confidence,
            means="conversations read in which a reader found it; high bounds all of them",
        )
        for bound in sorted(read.verdict.bounds, key=lambda b: b.stratum != "")
    ]
    agreed = read.agreement.both + read.agreement.neither
    return [
        *lines,
        _line("readers", "agreement", agreed, read.agreement.twice, means="read twice, and judged alike"),
    ]


def labelled_lines(path: Path, recipe: str) -> list[Line]:
    """An evaluation on labelled text as lines of the report: the holder's own figures, of text that is not of this matter.

    Raises:
        Malformed: `answer.bad-evaluation`. Refused: `answer.other-recipe`, it was measured under another recipe.
    """
    flaw = Malformed("answer.bad-evaluation", "expected what `incamera deid evaluate --json` prints", where=path.name)
    try:
        value = json.loads(path.read_bytes())
        rows, stated, confidence = value["table"], value["recipe_digest"], str(value["confidence"])
        lines = []
        for row in rows:
            by, name = str(row["by"]), str(row["value"])
            if not all(_PLAIN.fullmatch(text) for text in (by, name, confidence, row["low"], row["high"])):
                raise flaw
            if type(row["covered"]) is not int or type(row["of"]) is not int:
                raise flaw
            side = {by: name} if by in ("language", "context") else {}
            what = by if side or not name else f"{by}: {name}"
            bounds = {"low": row["low"], "high": row["high"], "confidence": confidence}
            lines.append(_line("labelled", what, row["covered"], row["of"], means="of labelled text", **side, **bounds))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise flaw from None
    if stated != recipe:
        raise Refused("answer.other-recipe", "the evaluation was made under another recipe than the order's", where=path.name)
    return lines


def _canaries(probes: Sequence[Probe]) -> list[Line]:
    counts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for probe in probes:
        for secret in probe.planted:
            kind, language, context = secret.type, secret.language, secret.context
            for cell in (("", "", ""), (kind, "", ""), ("", language, ""), ("", "", context), (kind, language, context)):
                counts[cell][0] += secret.missed
                counts[cell][1] += 1
    return [
        _line("canaries", kind or "all", k, n, language=language, context=context, means="missed of planted", **_interval(k, n))
        for (kind, language, context), (k, n) in sorted(counts.items(), key=lambda item: (sum(map(bool, item[0])) == 3, item[0]))
    ]


def _recaptured(probes: Sequence[Probe], read: Evidence | None) -> list[Line]:
    """Two detectors on the real text beside the canaries; two readers on the rows that both read."""
    lines: list[Line] = []
    counted = [probe.recaptured for probe in probes if probe.recaptured is not None]
    if counted:
        both, first, second = (sum(one[n] for one in counted) for n in range(3))
        unseen = round(attacks.recaptured(both, first, second).unseen)
        where = f"names in {len(counted)} conversations (of {RECAPTURED} at most)"
        lines += [
            _line("recapture", "rules and lists, and the names model", both, None, means=f"found by both, {where}"),
            _line("recapture", "rules and lists", first, None, means="found by these only, most of them no names"),
            _line("recapture", "names model", second, None, means="found by it only"),
            _line("recapture", "neither", unseen, None, means="estimated: at least so many, if they missed independently"),
        ]
    if read is not None and read.agreement.twice:
        a = read.agreement
        unseen = round(attacks.recaptured(a.both, a.one - a.one // 2, a.one // 2).unseen)
        lines += [
            _line("recapture", "two readers", a.both, a.twice, means="conversations marked by both"),
            _line("recapture", "one reader", a.one, a.twice, means="conversations marked by one of two"),
            _line("recapture", "no reader", unseen, a.twice, means="estimated: at least so many that both passed over"),
        ]
    return lines


# --- attacks --------------------------------------------------------------------------------------------------------------


def _attacked(desk: Desk, results: Results, produced: Sequence[Row], facts: Mapping[Ref, Facts]) -> tuple[list[Line], list[str]]:
    """The attacks on what would leave, and what they looked at."""
    key = desk.home.matter_key(desk.matter, "attacks")
    chosen = sorted(produced, key=lambda row: hmac.digest(key, row.drawn.row.encode(), "sha256"))[:ATTACKED]
    outputs: dict[str, str] = {}
    surrogates: dict[str, list[str]] = {}
    size = 0
    for cref, outcome in results.open([row.cref for row in chosen]):
        if outcome.examined is None or size > ATTACKED_CHARACTERS:
            continue
        outputs[cref] = _with_tags(outcome.examined.redacted)
        surrogates[cref] = [s.replacement for s in outcome.examined.redacted.surrogates]
        size += len(outputs[cref])
    if not outputs:
        return [], []
    parroted, unique = attacks.parrot(outputs), attacks.uniqueness(outputs)
    found, subjects = _linked(surrogates, facts)
    sampled = len(outputs) < len(produced)
    bounds = _interval(unique.singled_out, unique.conversations) if sampled else {}
    lines = [
        _line(
            "parrot",
            "words pointed at",
            len(parroted.suspects),
            parroted.words,
            means="kept words where replacements would stand",
        ),
        _line(
            "uniqueness",
            "conversations",
            unique.singled_out,
            unique.conversations,
            means="hold a word that no other does",
            **bounds,
        ),
        _line("uniqueness", "words", unique.rare_words, None, means="kept words that only one conversation holds"),
        _line(
            "linkage",
            "subjects",
            found,
            subjects,
            means="found again by their replacements, of those with two conversations or more",
        ),
    ]
    notes = [f"the attacks looked at {len(outputs)} of {len(produced)} conversations{', drawn at random' if sampled else ''}"]
    return lines, notes


def _with_tags(redacted: Redacted) -> str:
    """The output as one text, every replacement a tag: whoever attacks realistic surrogates is granted where they stand."""
    texts = {(-1, p): part.text for p, part in enumerate(redacted.header)}
    texts |= {(turn.index, p): part.text for turn in redacted.turns for p, part in enumerate(turn.parts)}
    if all(s.replacement.startswith("[") for s in redacted.surrogates):
        return "\n".join(texts.values())
    placed = defaultdict(list)
    for s in redacted.surrogates:
        span = redacted.rebase(s.span)
        placed[span.turn, span.part].append((span.start, span.end, s.label))
    for place, spans in placed.items():
        for start, end, label in sorted(spans, reverse=True) if place in texts else ():
            texts[place] = f"{texts[place][:start]}[{label}-1]{texts[place][end:]}"
    return "\n".join(texts.values())


def _linked(surrogates: Mapping[str, Sequence[str]], facts: Mapping[Ref, Facts]) -> tuple[int, int]:
    """(subjects whose halves find each other by replacements alone, subjects with two conversations or more)."""
    by_subject: dict[str, list[str]] = defaultdict(list)
    for cref in surrogates:
        by_subject[facts[Ref(cref)].subject].append(cref)
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for subject, held in sorted(by_subject.items()):
        if len(held) < 2:
            continue
        middle = len(held) // 2
        left[subject] = [text for cref in held[:middle] for text in surrogates[cref]]
        right[subject] = [text for cref in held[middle:] for text in surrogates[cref]]
    return round(attacks.linkage(left, right) * len(left)), len(left)
