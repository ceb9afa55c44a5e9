"""A desk: one run on one matter, or on one standing request. It knows what was done before, and writes down what is done now.

A stage is finished when its record stands in `stages/`; its acts stand in the ledger. A run that was killed is run again
with the same command: finished stages are recognised, unfinished ones are done over, and `run.resumed` tells so.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from incamera.clerk.follow import Follower
from incamera.clerk.home import Home, write_atomically
from incamera.clerk.watch import Silent, Watcher
from incamera.core.canon import canonical, instant
from incamera.core.errors import Awaiting, Error, Refused
from incamera.core.ids import Digest, Ref, new_ref
from incamera.core.records import Entry, Receipt
from incamera.governance.terms import Order
from incamera.ledger.entry import Recorded
from incamera.vault.files import lock_file

STAGE_VERSION = "incamera/stage/1"


@dataclass(kw_only=True, repr=False)
class Work:
    """The hands of the clerk: a home, a directory, a run, under one paper that says what may be done."""

    home: Home
    actor: str = "holder"
    watch: Watcher = field(default_factory=Silent)
    run: Ref = field(default_factory=new_ref)

    def __post_init__(self) -> None:
        self._past: dict[str, list[Recorded]] = {}
        self._follower: Follower | None = None

    @property
    def matter(self) -> str:
        """Its name in the ledger."""
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """Its directory."""
        raise NotImplementedError

    @property
    def paper(self) -> Digest:
        """The order, or the request that stands in its place, by digest."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.matter}>"

    # --- the ledger -----------------------------------------------------------------------------------------------

    def act(self, act: str, **fields: Any) -> Receipt:
        """Write one act of this matter, durably, before its effect."""
        return self.home.ledger.append(self.entry(act, **fields))

    def entry(self, act: str, **fields: Any) -> Entry:
        present = {name: value for name, value in fields.items() if value is not None}
        return Entry(act=act, matter=self.matter, actor=self.actor, fields={"run": self.run, **present})

    def recorded(self, act: str, **fields: Any) -> Recorded | None:
        """The latest act of this kind in the matter whose fields have these values, or None.

        Its leaf is left out: `ledger.entry(index)` has it. Cost: what was appended since the last call is read, once.
        """
        if self._follower is None:
            self._follower = Follower(self.home.ledger, self._remember)
        self._follower.catch_up()
        for recorded in reversed(self._past.get(act, [])):
            if all(recorded.entry.fields.get(name) == value for name, value in fields.items()):
                return recorded
        return None

    def _remember(self, recorded: Recorded) -> None:
        if recorded.entry.matter == self.matter:
            self._past.setdefault(recorded.entry.act, []).append(replace(recorded, leaf=b""))

    def once(self, act: str, *, key: tuple[str, ...], **fields: Any) -> None:
        """Write the act unless the ledger holds it already with the same values under *key*."""
        if self.recorded(act, **{name: fields[name] for name in key}) is None:
            self.act(act, **fields)

    # --- stages -----------------------------------------------------------------------------------------------------

    def done(self, stage: str) -> dict[str, Any] | None:
        """What a finished stage wrote down, or None."""
        try:
            record = json.loads(self._stage_path(stage).read_bytes())
        except FileNotFoundError:
            return None
        if record.get("version") != STAGE_VERSION or record.get("order") != self.paper:
            raise Refused(
                "answer.other-order",
                "this matter was begun under another order; restore that order, or give the new one another number",
                where=self.matter,
            )
        facts: dict[str, Any] = record["facts"]
        return facts

    def finish(self, stage: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write down that *stage* is finished. Counts and digests only."""
        record = {
            "version": STAGE_VERSION,
            "stage": stage,
            "order": self.paper,
            "run": self.run,
            "at": instant(self.home.clock.now()),
            "facts": dict(facts),
        }
        write_atomically(self._stage_path(stage), canonical(record))
        return dict(facts)

    def _stage_path(self, stage: str) -> Path:
        return self.path / "stages" / f"{stage}.json"

    # --- the run ----------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """One run at a time on a matter; its beginning and its end, whichever way it ends, stand in the ledger."""
        lock = lock_file(self.path / ".run")
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused("answer.running", "another run works on this matter", where=self.matter) from None
            before = self.recorded("run.started")
            self.act("run.resumed" if before else "run.started", stage=stage, order=self.paper)
            try:
                yield
            except Error as flaw:
                outcome = "awaiting" if isinstance(flaw, Awaiting) else "refused" if isinstance(flaw, Refused) else "failed"
                self.act("run.finished", stage=stage, outcome=outcome, code=flaw.code)
                raise
            except KeyboardInterrupt:
                self.act("run.finished", stage=stage, outcome="failed", code="run.interrupted")
                raise
            except Exception as flaw:
                # Its message may hold text; its kind does not.
                self.act("run.finished", stage=stage, outcome="failed", code=f"unexpected.{type(flaw).__name__.lower()}")
                raise
            self.act("run.finished", stage=stage, outcome="complete")
        finally:
            os.close(lock)


@dataclass(kw_only=True, repr=False)
class Desk(Work):
    """Work under a court's order."""

    order: Order

    @property
    def matter(self) -> str:
        return self.order.matter.id

    @property
    def path(self) -> Path:
        return self.home.matter_path(self.matter)

    @property
    def paper(self) -> Digest:
        return self.order.digest
