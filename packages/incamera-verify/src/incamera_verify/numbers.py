"""The figures that anybody can recompute from a volume, counted once here: the product states them with this code.

A tally is fed the rows of the bulk lane and the lines of the logs, and gives figures by name. A figure is a whole number or a
string; shares and intervals stand in `TABLES/`, where their integers are figures and their decimals are checked against the
equations that define them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from incamera_verify.errors import VerificationError

#: Words of a shared run, as the ">99.99 % unrelated" claim is argued over.
THRESHOLDS = (8, 12, 16, 25, 50, 100)
CONFIDENCE = "0.95"
#: Figures that need the text of the rows; a volume with a sealed bulk lane shows them to the recipient only.
TEXT_FIGURES = frozenset(
    {"rows.turns", "rows.matches", "characters.user", "characters.assistant", *(f"hits.{words}" for words in THRESHOLDS)}
)

#: The code of a drawn row that lies sealed with trustees, who did not unseal it.
ESCROW_SEALED = "vault.escrow-sealed"
#: Who can open a conversation.
CUSTODY = ("operator", "escrowed", "user")

Value = int | str


def run_words(tokens: int, fold: str) -> int:
    """The length of a run in words; scripts without spaces are counted in characters, two to a word (16 stand for 8)."""
    return tokens // 2 if fold == "chars/1" else tokens


def longest_output_run(row: Mapping[str, Any]) -> int:
    """Words of the longest exact run in an assistant's output; runs in prompts and tool results are not outputs."""
    outputs = {turn["index"] for turn in row["record"]["turns"] if turn["role"] == "assistant"}
    counted = (m for m in row["matches"] if m["turn"] in outputs and "PROMPT" not in m["elicitation"])
    return max((run_words(m["words"], m["fold"]) for m in counted), default=0)


class Tally:
    """Counts of one volume. Feed it every row and every log line, then read `figures`."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter({"rows.total": 0, "rows.responsive": 0, "outputs_missing.total": 0})
        self.counts.update({f"{log}.total": 0 for log in ("redactions", "waivers", "withheld", "exceptions")})
        self.counts.update({f"replaced.{role}": 0 for role in ("user", "assistant")})
        self.has_text = False

    def row(self, row: Mapping[str, Any]) -> None:
        """Count one row of the bulk lane (or of its digests, which say nothing about text)."""
        self.counts["rows.total"] += 1
        self.counts["rows.responsive"] += row["responsive"]
        self.counts["outputs_missing.total"] += sum(row["outputs_missing"].values())
        if "record" not in row:
            return
        if not self.has_text:
            self.has_text = True
            self.counts.update(dict.fromkeys(TEXT_FIGURES, 0))
        self.counts["rows.turns"] += len(row["record"]["turns"])
        self.counts["rows.matches"] += len(row["matches"])
        longest = longest_output_run(row)
        for words in THRESHOLDS:
            self.counts[f"hits.{words}"] += longest >= words
        for turn in row["record"]["turns"]:
            if turn["role"] in ("user", "assistant"):
                self.counts[f"characters.{turn['role']}"] += sum(len(part["text"]) for part in turn["parts"])

    def redaction(self, entry: Mapping[str, Any]) -> None:
        """Count one line of the redaction log."""
        self.counts["redactions.total"] += 1
        self.counts[f"redactions.{entry['reason']}"] += 1
        if entry["role"] in ("user", "assistant") and int(entry["part"]) >= 0:  # names of tools and models are not their text
            self.counts[f"replaced.{entry['role']}"] += int(entry["length"])

    def log(self, name: str, entry: Mapping[str, Any]) -> None:
        """Count one line of the withheld, waiver or exceptions log."""
        self.counts[f"{name}.total"] += 1
        if name == "withheld":
            self.counts[f"withheld.{entry['reason']}"] += 1
        elif name == "exceptions" and entry["code"] == ESCROW_SEALED:
            self.counts["exceptions.escrow-sealed"] += 1

    def figures(self) -> dict[str, Value]:
        """Every figure counted so far, by name."""
        return dict(sorted(self.counts.items()))


# --- tables ---------------------------------------------------------------------------------------------------------


def check_hits(rows: Sequence[Mapping[str, str]], figures: Mapping[str, Value], denominator: int, *, whole_draw: bool) -> None:
    """`hits_by_threshold.csv`: counts are those of the rows, the denominator is the draw, the interval is exact.

    Where the volume holds only responsive rows, hits of other rows cannot be seen here, and a count may be larger than ours.

    Raises:
        VerificationError: `numbers.wrong-table`.
    """
    table = "TABLES/hits_by_threshold.csv"
    if [row.get("threshold_words") for row in rows] != [str(words) for words in THRESHOLDS]:
        raise _wrong("the thresholds are not the declared ones", table)
    for row in rows:
        where = f"{table}, {row['threshold_words']} words"
        hits, of = _whole(row, "conversations", where), _whole(row, "denominator", where)
        counted = figures.get(f"hits.{row['threshold_words']}")
        if of != denominator:
            raise _wrong("the denominator is not the size of the draw", where)
        if isinstance(counted, int) and (hits < counted or (whole_draw and hits != counted)):
            raise _wrong("the rows of the volume give another count", where)
        check_interval(hits, of, row, where)


def unrelated(rows: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    """What a court asks: the share of the draw without a shared run of each length, as its exact interval, rounded outward."""
    said: dict[str, Value] = {}
    for row in rows:
        low, high = 1 - float(row["high"]), 1 - float(row["low"])
        bounds = f"{math.floor(low * 1e6) / 1e4:.4f} % to {math.ceil(high * 1e6) / 1e4:.4f} %"
        said[f"unrelated.{row['threshold_words']}"] = f"{bounds} ({row['conversations']} of {row['denominator']} share one)"
    return said


def check_masked_share(rows: Sequence[Mapping[str, str]], figures: Mapping[str, Value]) -> None:
    """`masked_share.csv`: replaced characters from the log, produced characters from the rows where they can be read.

    Raises:
        VerificationError: `numbers.wrong-table`.
    """
    table = "TABLES/masked_share.csv"
    if [row.get("role") for row in rows] != ["user", "assistant"]:
        raise _wrong("expected one line for user and one for assistant text", table)
    for row in rows:
        where = f"{table}, {row['role']}"
        produced, replaced = _whole(row, "characters_produced", where), _whole(row, "characters_replaced", where)
        if replaced != figures[f"replaced.{row['role']}"] or produced != figures.get(f"characters.{row['role']}", produced):
            raise _wrong("rows and redaction log give other counts", where)
        _near(_decimal(row, "share", where), replaced / produced if produced else 0.0, "the share", where)


def check_interval(hits: int, of: int, row: Mapping[str, str], where: str) -> None:
    """The line's share and exact (Clopper-Pearson) bounds are those of *hits* in *of*.

    Instead of inverting a beta distribution a second time, the stated bounds are put into the equations that define them:
    at the lower one *hits* or more have probability alpha/2, at the upper one *hits* or fewer have.

    Raises:
        VerificationError: `numbers.wrong-table`.
    Source: Clopper and Pearson, Biometrika 26 (1934).
    """
    if not 0 <= hits <= of or not of or row.get("confidence") != CONFIDENCE:
        raise _wrong("the count is not within its denominator, or the confidence is not 0.95", where)
    share, low, high = (_decimal(row, name, where) for name in ("share", "low", "high"))
    _near(share, hits / of, "the share", where)
    tail = (1 - float(CONFIDENCE)) / 2
    if hits == 0:
        _near(low, 0.0, "the lower bound", where)
    else:
        _near(_tail(hits, of, low, upward=True), tail, "the lower bound", where, tolerance=2e-3)
    if hits == of:
        _near(high, 1.0, "the upper bound", where)
    else:
        _near(_tail(hits, of, high, upward=False), tail, "the upper bound", where, tolerance=2e-3)


def _tail(k: int, n: int, p: float, *, upward: bool) -> float:
    """P(X >= k) or P(X <= k) of a binomial, summed from k outward; meant for bounds, where terms only fall."""
    if not 0 < p < 1:
        return math.nan
    term = math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * math.log(p) + (n - k) * math.log1p(-p))
    odds, total, at = p / (1 - p), 0.0, k
    while term > total * 1e-12 and 0 <= at <= n:
        total += term
        term *= (n - at) / (at + 1) * odds if upward else at / (n - at + 1) / odds
        at += 1 if upward else -1
    return total


def _near(stated: float, expected: float, what: str, where: str, tolerance: float = 1e-4) -> None:
    if not abs(stated - expected) <= tolerance * max(abs(expected), 1e-12):
        raise _wrong(f"{what} does not follow from the counts", where)


def _whole(row: Mapping[str, str], name: str, where: str) -> int:
    text = row.get(name) or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise _wrong(f"{name} is not a whole number", where)
    return int(text)


def _decimal(row: Mapping[str, str], name: str, where: str) -> float:
    try:
        value = float(row.get(name) or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _wrong(f"{name} is not a number", where)
    return value


def _wrong(flaw: str, where: str) -> VerificationError:
    return VerificationError("numbers.wrong-table", flaw, where)


# --- classes of custody ---------------------------------------------------------------------------------------------


def check_custody(stated: Iterable[Mapping[str, Any]], acts: Mapping[str, tuple[Mapping[str, Any], int]]) -> None:
    """What the certificate says of frame and draw by class of custody is what their acts said, and adds up to their rows.

    Args:
        acts: For `frame` and `draw` the fields of its act, and its number of rows. Drawn rows that were shredded before the
            act are of no class, so that the classes of a draw may come to less.

    Raises:
        VerificationError: `numbers.wrong-figure`, `numbers.missing-figure`.
    """
    values = {figure["id"]: figure["value"] for figure in stated}
    for scope, (fields, rows) in acts.items():
        said = {f"{scope}.custody.{name}": fields[name] for name in CUSTODY if name in fields}
        for name in sorted(said.keys() - values.keys()):
            raise VerificationError("numbers.missing-figure", "the certificate leaves out a count that the ledger has", name)
        for name in (f"{scope}.custody.{one}" for one in CUSTODY):
            if name in values and (name not in said or values[name] != said[name]):
                raise VerificationError("numbers.wrong-figure", "the ledger counts another number of this class", name)
        total = sum(said.values())
        if total > rows or (said and scope == "frame" and total != rows):
            hint = "the classes of custody do not add up to the rows"
            raise VerificationError("numbers.wrong-figure", hint, f"{scope}.custody")


# --- the certificate's figures --------------------------------------------------------------------------------------


def check_figures(stated: Iterable[Mapping[str, Any]], recomputed: Mapping[str, Value]) -> tuple[int, list[Mapping[str, Any]]]:
    """Compare every figure this code can recompute, whatever class the certificate gives it; return the count and the rest.

    Raises:
        VerificationError: `numbers.wrong-figure`, `numbers.not-recomputable` (the certificate promises what nobody can do),
            `numbers.missing-figure` (a figure of the volume that the certificate leaves out).
    """
    compared: set[str] = set()
    rest = []
    for figure in stated:
        name = figure["id"]
        if name in recomputed:
            if figure["value"] != recomputed[name] or type(figure["value"]) is not type(recomputed[name]):
                raise VerificationError(
                    "numbers.wrong-figure", "the volume gives another value than the certificate states", name
                )
            compared.add(name)
        elif figure["class"] != "recomputable" or name in TEXT_FIGURES:
            rest.append(figure)
        else:
            raise VerificationError(
                "numbers.not-recomputable", "the figure is called recomputable, but the volume does not give it", name
            )
    for name in sorted(set(recomputed) - compared):
        raise VerificationError("numbers.missing-figure", "the certificate leaves out a figure of the volume", name)
    return len(compared), rest
