"""The report of a search: tables as CSV and Parquet, plots each beside its table, and aligned passages on one HTML page.

Everything is made in memory; `store.write_report` puts it on disk. The conversation's side of an aligned passage is the
de-identified text: the caller gives `Redacted`, and spans are rebased onto it.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from incamera.core.batch import MATCHES
from incamera.core.records import HEADER, Match, Redacted
from incamera.matching.index import Index
from incamera.matching.tally import Table, Tally

#: Characters of a work shown before and behind an aligned passage.
CONTEXT = 80
#: Groups in one plot; its table has all.
LARGEST = 25


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """One passage on both sides: `said` is de-identified text of the conversation, `work` the work's own."""

    conversation: str
    work_id: str
    title: str
    words: int
    labels: tuple[str, ...]
    said: str
    before: str
    work: str
    behind: str


def pairs(conversation: str, redacted: Redacted, matches: Iterable[Match], index: Index) -> list[Pair]:
    """Aligned passages of one conversation.

    Args:
        conversation: The name by which it may be shown: its random row id, never the source's.

    Privacy: shows produced text and the works, nothing of the raw conversation.
    """
    turns = {turn.index: turn.parts for turn in redacted.turns}
    slips = {(span.turn, span.part) for span, _ in redacted.withheld}
    out = []
    for match in matches:
        span = redacted.rebase(match.span)
        parts = redacted.header if span.turn == HEADER else turns[span.turn]
        said = parts[span.part].text
        entry = index.entry(*index.find(match.work_id))
        text = index.text(match.work_id)
        out.append(
            Pair(
                conversation,
                match.work_id,
                entry.title,
                match.words,
                match.elicitation,
                said if (span.turn, span.part) in slips else said[span.start : span.end],
                text[max(0, match.work_start - CONTEXT) : match.work_start],
                text[match.work_start : match.work_end],
                text[match.work_end : match.work_end + CONTEXT],
            )
        )
    return out


def csv_text(table: Table) -> str:
    """RFC 4180, UTF-8, CRLF; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r"):
        return "'" + value
    return "" if value is None else value


def parquet_bytes(table: Table) -> bytes:
    """The table as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    columns = {name: [row[i] for row in table.rows] for i, name in enumerate(table.columns)}
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def matches_parquet(rows: Iterable[tuple[str, Match]]) -> bytes:
    """Every run as Parquet, under the schema `core.batch.MATCHES`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = [
        {
            "conversation": conversation,
            "turn": m.span.turn,
            "part": m.span.part,
            "start": m.span.start,
            "end": m.span.end,
            "work_id": m.work_id,
            "work_start": m.work_start,
            "work_end": m.work_end,
            "words": m.words,
            "elicitation": list(m.elicitation),
        }
        for conversation, m in rows
    ]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records, schema=MATCHES), out, compression="zstd")
    return out.getvalue()


def split(hits: Table) -> list[Table]:
    """The table `hits` as one table for each way of grouping: `hits`, `hits_by_owner`, ..."""
    kinds = dict.fromkeys(["all", *(row["by"] for row in hits.records())])
    by = hits.columns.index("by")
    return [
        Table(
            hits.name if kind == "all" else f"{hits.name}_by_{kind}", hits.columns, tuple(r for r in hits.rows if r[by] == kind)
        )
        for kind in kinds
    ]


def plot(table: Table) -> str | None:
    """A table of hits as SVG: the share of conversations with its exact interval; None without the extra `plots`.

    All conversations are shown at every threshold; groups at the lowest, the `LARGEST` groups of them.
    """
    try:
        import altair as alt
        import vl_convert
    except ImportError:
        return None
    rows = table.records()
    if table.name == "hits":
        rows = [r for r in rows if r["by"] == "all"]
        x = alt.X("min_words:O", title="shared run of at least … words", axis=alt.Axis(labelAngle=0))
    else:
        least = min(r["min_words"] for r in rows)
        rows = sorted((r for r in rows if r["min_words"] == least), key=lambda r: (-r["conversations"], r["group"]))[:LARGEST]
        x = alt.X("group:N", title=f"{rows[0]['by']}, shared run of at least {least} words", axis=alt.Axis(labelAngle=-30))
    base = alt.Chart({"values": rows}).encode(x=x)
    bars = base.mark_rule(strokeWidth=2, color="#6b7a8f").encode(
        y=alt.Y("low:Q", title="share of conversations, 95 % interval", axis=alt.Axis(format="%")), y2="high:Q"
    )
    points = base.mark_point(filled=True, size=60, color="#1d3557").encode(y="share:Q")
    chart = (bars + points).properties(width=520, height=220)
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return svg


STYLE = """
body{font:16px/1.5 Georgia,serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c}
h1,h2{font-weight:normal}table{border-collapse:collapse;font:13px/1.4 system-ui,sans-serif;margin:1rem 0}
th,td{border-bottom:1px solid #d8d8d8;padding:.2rem .6rem;text-align:right}th{color:#555}td.t,th.t{text-align:left}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem;border-top:1px solid #bbb;padding:.8rem 0}
.pair p{margin:.2rem 0;overflow-wrap:anywhere}.pair small{color:#666;font-family:system-ui,sans-serif}mark{background:#fff1b8}
"""


def page(tally: Tally, aligned: Sequence[Pair] = (), *, heading: str = "Text reuse", note: str = "") -> str:
    """One self-contained HTML page: tables, each plot before its table, aligned passages side by side. No script, no fetch.

    *note* says which passages were chosen, where not all are shown.
    """
    out = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{html.escape(heading)}</title><style>{STYLE}</style><h1>{html.escape(heading)}</h1>",
        "<p>Runs are counted where the assistant wrote them. Labels are evidence about how a run came about, not a verdict. ",
        "A share stands with its denominator and exact (Clopper-Pearson) 95 % interval.</p>",
    ]
    for table in _shown(tally):
        out.append(f"<h2>{table.name.replace('_', ' ')}</h2>")
        if table.name.startswith("hits"):
            out.append(plot(table) or "<p>(plot: install the extra <code>plots</code>)</p>")
        out.append(_html_table(table))
    if aligned:
        out.append("<h2>aligned passages</h2><p>Left: the conversation, de-identified. Right: the work.</p>")
        out.append(f"<p>{html.escape(note)}</p>" if note else "")
        out += [_html_pair(pair) for pair in aligned]
    return "\n".join(out) + "\n"


def _shown(tally: Tally) -> list[Table]:
    """The tally's tables, hits split by group."""
    return [part for table in tally.tables() for part in (split(table) if table.name == "hits" else [table])]


def _html_table(table: Table) -> str:
    def cell(value: Any, tag: str = "td") -> str:
        shown = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
        return f"<{tag}{' class=t' if isinstance(value, str) else ''}>{html.escape(shown)}</{tag}>"

    head = "".join(cell(c, "th") for c in table.columns)
    body = "".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in table.rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _html_pair(pair: Pair) -> str:
    about = f"{pair.conversation} · {pair.words} words · {', '.join(pair.labels)}"
    return (
        f"<div class=pair><div><small>{html.escape(about)}</small><p><mark>{html.escape(pair.said)}</mark></p></div>"
        f"<div><small>{html.escape(pair.work_id)} · {html.escape(pair.title)}</small>"
        f"<p>{html.escape(pair.before)}<mark>{html.escape(pair.work)}</mark>{html.escape(pair.behind)}</p></div></div>"
    )


def files(tally: Tally, rows: Iterable[tuple[str, Match]], aligned: Sequence[Pair] = (), *, note: str = "") -> dict[str, bytes]:
    """Everything the report consists of, by file name."""
    out = {"report.html": page(tally, aligned, note=note).encode(), "matches.parquet": matches_parquet(rows)}
    for table in tally.tables():
        out[f"{table.name}.csv"] = csv_text(table).encode()
        out[f"{table.name}.parquet"] = parquet_bytes(table)
        if table.name == "hits":
            drawn = {part.name: plot(part) for part in split(table)}
            out |= {f"{name}.svg": svg.encode() for name, svg in drawn.items() if svg}
    return out
