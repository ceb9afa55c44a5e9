"""A clock that tests set and move by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """Stands still until it is moved; may also be moved backwards, as broken machines do."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move(self, **by: float) -> None:
        """`move(hours=2)`, `move(days=-1)`: keyword arguments of `timedelta`."""
        self._now += timedelta(**by)
