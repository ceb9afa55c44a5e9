"""What a command prints: results to stdout (`--json` for programs), progress and trouble to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from incamera.clerk.watch import Watcher

# No markup: an error code in brackets is text, and so is whatever an order is called.
out = Console(highlight=False, soft_wrap=True, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
#: What is told as `none`, and left out of a row's line.
_NOTHING: tuple[Any, ...] = (None, {}, [], ())


def result(value: dict[str, Any], *, as_json: bool, title: str = "") -> None:
    """One result: a JSON object on one line, or lines a person reads; no digest is ever broken, somebody will copy it."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) + "\n")
        return
    if title:
        out.print(title, style="bold")
    width = max((len(name) for name, item in value.items() if not _nested(item)), default=0)
    for name, item in value.items():
        head = Text(name.replace("_", " ").ljust(0 if _nested(item) else width), style="dim")
        if _nested(item):
            out.print(head)
            _indented(item)
        else:
            out.print(head, _said(item), sep="  ")


def planned(done: dict[str, Any], *, as_json: bool) -> None:
    """Print what was done, or would be: `carried_out` tells which."""
    if not done["carried_out"]:
        err.print("Nothing was done. Add --yes to carry it out.", style="bold yellow")
    result(done, as_json=as_json)


def rows(items: list[dict[str, Any]], *, as_json: bool, title: str = "") -> None:
    """Several results of one kind: JSON lines, or one table."""
    if as_json:
        for item in items:
            sys.stdout.write(json.dumps(item, ensure_ascii=False, sort_keys=True, default=str) + "\n")
        return
    if any(_nested(value) for item in items for value in item.values()):
        _blocks(items, title)
        return
    table = Table(box=None, title=title or None, title_justify="left", title_style="bold", header_style="dim")
    for name in items[0] if items else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for item in items:
        table.add_row(*("" if v is None else _said(v) for v in item.values()))
    out.print(table)


def _blocks(items: list[dict[str, Any]], title: str) -> None:
    """Rows that hold further names or lists: one line each, and below it what it holds, as wide as it is."""
    if title:
        out.print(title, style="bold")
    for item in items:
        out.print("  ".join(_said(value) for value in item.values() if value not in _NOTHING and not _nested(value)))
        for name, value in item.items():
            if _nested(value):
                out.print(f"  {name.replace('_', ' ')}", style="dim")
                _indented(value, "    ")


def _indented(value: Any, margin: str = "  ") -> None:
    for line in lines(value):
        out.print(margin + line)


def lines(value: Any) -> list[str]:
    """A value as lines a person reads: `key: value`, what belongs to a key two spaces further in, `- ` before list items."""
    if isinstance(value, Mapping):
        return [line for name, item in value.items() for line in _entry(f"{_said(name)}:", item)]
    if isinstance(value, list | tuple):
        return [line for item in value for line in _listed(item)]
    return [_said(value)]


def _entry(head: str, item: Any) -> list[str]:
    if _nested(item):
        return [head, *(f"  {line}" for line in lines(item))]
    return [f"{head} {_said(item)}"]


def _listed(item: Any) -> list[str]:
    first, *more = lines(item) if _nested(item) else [_said(item)]
    return [f"- {first}", *(f"  {line}" for line in more)]


def _nested(value: Any) -> bool:
    """Whether it takes lines of its own: what is empty does not."""
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _said(value: Any) -> str:
    """A single value, always on one line: what it holds cannot pass for a further line, nor steer the terminal."""
    if value in _NOTHING:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(value))


class _Bars:
    """A Watcher drawn by Rich on stderr; it is told counts and stage names, never text."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: Any = None

    def stage(self, name: str, total: int | None = None) -> None:
        if self._task is not None:
            self._close()
        self._task = self._progress.add_task(name, total=total)

    def advance(self, count: int = 1) -> None:
        if self._task is not None:
            self._progress.advance(self._task, count)

    def note(self, line: str) -> None:
        self._progress.console.print(line)

    def _close(self) -> None:
        task = self._progress.tasks[self._progress.task_ids.index(self._task)]
        self._progress.update(self._task, total=max(task.completed, 1), completed=max(task.completed, 1))

    def finish(self) -> None:
        if self._task is not None:
            self._close()


class _Lines:
    """A Watcher for logs and pipes: one line a stage."""

    def stage(self, name: str, total: int | None = None) -> None:
        err.print(f"{name}{f' ({total})' if total else ''} ...", style="dim")

    def advance(self, count: int = 1) -> None:
        pass

    def note(self, line: str) -> None:
        err.print(line)


@contextmanager
def watching(*, quiet: bool = False) -> Iterator[Watcher]:
    """Progress on stderr: bars on a terminal, one line a stage elsewhere, nothing when *quiet*."""
    if quiet:
        from incamera.clerk.watch import Silent

        yield Silent()
    elif err.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=err) as progress:
            bars = _Bars(progress)
            yield bars
            bars.finish()
    else:
        yield _Lines()
