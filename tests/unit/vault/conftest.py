"""A vault in a temporary home for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incamera.testing.places import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place.make(tmp_path)
    yield made
    made.vault.close()


@pytest.fixture
def fill(place: Place) -> Callable[[int], Place]:
    return place.fill
