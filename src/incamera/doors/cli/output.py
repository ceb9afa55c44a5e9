"""What a command prints: results to stdout (`--json` for programs), progress and trouble to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from incamera.clerk.watch import Watcher

# No markup: an error code in brackets is text, and so is whatever an order is called.
out = Console(highlight=False, soft_wrap=True, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def result(value: dict[str, Any], *, as_json: bool, title: str = "") -> None:
    """One result: a JSON object on one line, or a two-column table a person reads."""
    if as_json:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) + "\n")
        return
    table = Table(show_header=False, box=None, title=title or None, title_justify="left", title_style="bold")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, item in value.items():
        table.add_row(
            name.replace("_", " "), item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
        )
    out.print(table)


def rows(items: list[dict[str, Any]], *, as_json: bool, title: str = "") -> None:
    """Several results of one kind: JSON lines, or one table."""
    if as_json:
        for item in items:
            sys.stdout.write(json.dumps(item, ensure_ascii=False, sort_keys=True, default=str) + "\n")
        return
    table = Table(box=None, title=title or None, title_justify="left", title_style="bold", header_style="dim")
    for name in items[0] if items else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for item in items:
        table.add_row(*("" if v is None else str(v) for v in item.values()))
    out.print(table)


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
